"""Text of a kubeconfig, read with the types and the YAML of Go's programs.

Unknown fields are ignored. A field of another type than expected is an error, as in
kubectl: ``token: 12345`` is a number. Plain scalars are numbers and booleans by the
rules of go-yaml, which differ from PyYAML's: ``12:30:45`` and ``2026-01-01`` are text.

Source: go.yaml.in/yaml/v2, ``resolve.go``; sigs.k8s.io/yaml, ``YAMLToJSON``;
kubernetes/client-go, ``tools/clientcmd/api/v1``.
"""

import base64
import binascii
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

import yaml
from yaml.composer import Composer

from argogrant.grants.model.validation import quote
from argogrant.kube.kubeconfig.entries import (
    AuthProviderEntry,
    ClusterEntry,
    ContextEntry,
    ExecEntry,
    InvalidKubeconfig,
    Kubeconfig,
    UserEntry,
)

Entry = TypeVar("Entry")
PLUGIN_CONFIG: Final = "client.authentication.k8s.io/exec"
"""Name of the extension of a cluster that configures exec plugins."""
INTERACTIVE_BY_DEFAULT: Final = (
    "client.authentication.k8s.io/v1alpha1",
    "client.authentication.k8s.io/v1beta1",
)
DEEPEST: Final = 100
"""Levels of lists and mappings; libyaml composes them by recursion."""
_TAG: Final = "tag:yaml.org,2002:"
_CONSTANTS: Final = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON"), "bool"),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF"), "bool"),
    **dict.fromkeys(("true", "True", "TRUE", "false", "False", "FALSE"), "bool"),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), "null"),
    "<<": "merge",
}
_FIRST_EXPONENT: Final = 1e21
"""Go writes numbers from here on with an exponent."""
_TRUE: Final = frozenset({"y", "yes", "true", "on"})
_INTEGER: Final = re.compile(
    r"[-+]?(0|[1-9][0-9]*|0[oO]?[0-7]+|0[xX][0-9a-fA-F]+|0[bB][01]+)"
)
_FLOAT: Final = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)


_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# libyaml's own composer refuses an anchor that is defined again.
_BASES: Any = (_Loader,) if issubclass(_Loader, Composer) else (Composer, _Loader)


class GoLoader(*_BASES):  # type: ignore[misc]
    """Loader that reads what go-yaml reads, and with the same types.

    An anchor may be defined again, but not contain itself. Foreign tags are ignored.
    """

    def __init__(self, text: bytes) -> None:
        _Loader.__init__(self, text)
        Composer.__init__(self)
        self._open_anchors: set[str] = set()

    def compose_node(self, parent: Any, index: Any) -> Any:  # noqa: ANN401
        """Compose a node; an anchor that is defined again replaces the earlier one.

        Raises:
            InvalidKubeconfig: An anchor contains itself.
        """
        event = self.peek_event()
        anchor = event.anchor
        if isinstance(event, yaml.AliasEvent):
            if anchor in self._open_anchors:
                raise InvalidKubeconfig("has an anchor that contains itself")
            return super().compose_node(parent, index)
        if anchor is None:
            return super().compose_node(parent, index)
        self.anchors.pop(anchor, None)
        self._open_anchors.add(anchor)
        try:
            return super().compose_node(parent, index)
        finally:
            self._open_anchors.discard(anchor)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[str, Any]:  # noqa: ANN401, FBT001, FBT002
        """Construct a mapping whose keys are text, as in JSON.

        Raises:
            InvalidKubeconfig: A key is no text, number or boolean.
        """
        self.flatten_mapping(node)
        return {
            _key(self.construct_object(key, deep=True)): self.construct_object(
                value, deep=deep
            )
            for key, value in node.value
        }

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:  # noqa: ANN401
        """Return the tag of a node without an explicit tag."""
        if kind is not yaml.ScalarNode:
            return str(super().resolve(kind, value, implicit))
        return _TAG + (_plain_type(value) if implicit[0] else "str")


def _plain_type(text: str) -> str:
    constant = _CONSTANTS.get(text)
    if constant is not None:
        return constant
    if not text or text[0] not in "+-.0123456789":
        return "str"
    plain = text.replace("_", "")
    if _INTEGER.fullmatch(plain):
        return "int"
    if not _FLOAT.fullmatch(plain):
        return "str"
    # A number that is too large for Go's float64 stays text.
    is_too_large = plain[-1].isdigit() and math.isinf(float(plain))
    return "str" if is_too_large else "float"


def _construct_bool(_: GoLoader, node: yaml.ScalarNode) -> bool:
    return node.value.lower() in _TRUE


def _construct_int(_: GoLoader, node: yaml.ScalarNode) -> int:
    plain = node.value.replace("_", "")
    is_octal = re.fullmatch(r"[-+]?0[0-7]+", plain)
    return int(plain, 8 if is_octal else 0)


def _construct_float(_: GoLoader, node: yaml.ScalarNode) -> float:
    plain = node.value.replace("_", "").lower()
    special = plain.replace(".inf", "inf").replace(".nan", "nan")
    return float(special)


def _construct_foreign(loader: GoLoader, node: yaml.Node) -> object:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)


GoLoader.add_constructor(f"{_TAG}bool", _construct_bool)
GoLoader.add_constructor(f"{_TAG}int", _construct_int)
GoLoader.add_constructor(f"{_TAG}float", _construct_float)
GoLoader.add_constructor(f"{_TAG}timestamp", GoLoader.construct_yaml_str)
GoLoader.add_constructor(None, _construct_foreign)


def load_yaml(text: bytes) -> object:
    """Return the first document of a text in YAML or JSON; None if there is none.

    Raises:
        InvalidKubeconfig: The text is neither; the message names the line only.
    """
    # Go's parser skips a byte order mark at the beginning of each line.
    text = text.replace(b"\n\xef\xbb\xbf", b"\n")
    try:
        _check_depth(text)
        loader = GoLoader(text)
        try:
            return loader.get_data() if loader.check_data() else None
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        line = f" at line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise InvalidKubeconfig(f"is not valid YAML{line}") from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        raise InvalidKubeconfig("is not valid YAML") from None


def _check_depth(text: bytes) -> None:
    """Refuse a text that is nested so deeply that libyaml would end this process."""
    depth = 0
    for event in yaml.parse(text, Loader=GoLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise InvalidKubeconfig(f"is nested more than {DEEPEST} levels deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentEndEvent):
            return
        elif isinstance(event, yaml.DocumentStartEvent):
            version = event.version or (1, 1)
            if tuple(version) != (1, 1):
                raise InvalidKubeconfig("is YAML of another version than 1.1")


def read_kubeconfig(text: bytes) -> Kubeconfig:
    """Read the text of one file; an empty text has no entries.

    Raises:
        InvalidKubeconfig: kubectl refuses the text. The message continues a sentence
            that begins with the file, and contains no value of it.
    """
    document = Fields.of(load_yaml(text), "")
    kind, version = document.text("kind"), document.text("apiVersion")
    if (kind or "Config", version or "v1") != ("Config", "v1"):
        raise InvalidKubeconfig(
            'has another kind or apiVersion than "Config" and "v1" of a kubeconfig'
        )
    preferences = document.fields("preferences")
    preferences.flag("colors")
    for extensions in (document, preferences):
        _read_extensions(extensions)
    return Kubeconfig(
        clusters=_named(document, "clusters", "cluster", _read_cluster),
        users=_named(document, "users", "user", _read_user),
        contexts=_named(document, "contexts", "context", _read_context),
        current_context=document.text("current-context"),
    )


def _named(
    document: "Fields", plural: str, singular: str, read: Callable[["Fields"], Entry]
) -> Mapping[str, Entry]:
    entries: dict[str, Entry] = {}
    for item in document.items(plural):
        name = item.text("name")
        if name in entries:
            raise InvalidKubeconfig(f"has two {plural} of the name {quote(name)}")
        entries[name] = read(item.fields(singular))
    return entries


def _read_cluster(fields: "Fields") -> ClusterEntry:
    return ClusterEntry(
        server=fields.text("server"),
        tls_server_name=fields.text("tls-server-name"),
        insecure=fields.flag("insecure-skip-tls-verify"),
        ca_file=fields.text("certificate-authority"),
        ca_data=fields.data("certificate-authority-data"),
        proxy_url=fields.text("proxy-url"),
        disable_compression=fields.flag("disable-compression"),
        plugin_config=_read_extensions(fields).get(PLUGIN_CONFIG),
    )


def _read_context(fields: "Fields") -> ContextEntry:
    _read_extensions(fields)
    return ContextEntry(
        cluster=fields.text("cluster"),
        user=fields.text("user"),
        namespace=fields.text("namespace"),
    )


def _read_user(fields: "Fields") -> UserEntry:
    _read_extensions(fields)
    return UserEntry(
        cert_file=fields.text("client-certificate"),
        cert_data=fields.data("client-certificate-data"),
        key_file=fields.text("client-key"),
        key_data=fields.data("client-key-data"),
        token=fields.text("token"),
        token_file=fields.text("tokenFile"),
        username=fields.text("username"),
        password=fields.text("password"),
        as_user=fields.text("as"),
        as_uid=fields.text("as-uid"),
        as_groups=fields.texts("as-groups"),
        as_user_extra={
            key: fields.fields("as-user-extra").texts(key)
            for key in fields.fields("as-user-extra").names
        },
        auth_provider=_read_auth_provider(fields),
        exec=_read_exec(fields),
    )


def _read_auth_provider(fields: "Fields") -> AuthProviderEntry | None:
    if not fields.has("auth-provider"):
        return None
    provider = fields.fields("auth-provider")
    config = provider.fields("config")
    return AuthProviderEntry(
        name=provider.text("name"),
        config={key: config.text(key) for key in config.names},
    )


def _read_exec(fields: "Fields") -> ExecEntry | None:
    if not fields.has("exec"):
        return None
    plugin = fields.fields("exec")
    version, mode = plugin.text("apiVersion"), plugin.text("interactiveMode")
    if not mode and version in INTERACTIVE_BY_DEFAULT:
        mode = "IfAvailable"
    return ExecEntry(
        command=plugin.text("command"),
        args=plugin.texts("args"),
        env=tuple((one.text("name"), one.text("value")) for one in plugin.items("env")),
        api_version=version,
        install_hint=plugin.text("installHint"),
        provide_cluster_info=plugin.flag("provideClusterInfo"),
        interactive_mode=mode,
    )


def _read_extensions(fields: "Fields") -> Mapping[str, Any]:
    extensions: dict[str, Any] = {}
    for item in fields.items("extensions"):
        name = item.text("name")
        if name in extensions:
            raise InvalidKubeconfig(f"has two extensions of the name {quote(name)}")
        extensions[name] = item.value("extension")
    return extensions


class Fields:
    """Fields of one mapping, read with the types that Go expects of them.

    A missing field, and null, read as the zero value of their type.

    Args:
        values: The mapping.
        path: Where it is, such as ``users[0].user``; empty for the document.
    """

    def __init__(self, values: Mapping[str, Any], path: str) -> None:
        self._values = values
        self._path = path

    @classmethod
    def of(cls, value: object, path: str) -> "Fields":
        """Read a mapping; its keys that are no text become text, as in JSON.

        Raises:
            InvalidKubeconfig: The value is no mapping.
        """
        if value is None:
            return cls({}, path)
        if not isinstance(value, dict):
            raise InvalidKubeconfig(f"must have a mapping{_at(path)}")
        return cls({_key(key): one for key, one in value.items()}, path)

    @property
    def names(self) -> Iterator[str]:
        """The names of the fields."""
        return iter(self._values)

    def has(self, name: str) -> bool:
        """Return whether the field has a value."""
        return self._values.get(name) is not None

    def value(self, name: str) -> object:
        """Return a field of any type."""
        return self._values.get(name)

    def text(self, name: str) -> str:
        """Return a field that is a string."""
        return self._typed(name, str, "a string", "")

    def flag(self, name: str) -> bool:
        """Return a field that is a boolean."""
        return self._typed(name, bool, "true or false", default=False)

    def data(self, name: str) -> bytes:
        """Return a field that is in base64."""
        text = self.text(name).replace("\n", "").replace("\r", "")
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            where = self._join(name)
            raise InvalidKubeconfig(f"must have base64 at {where}") from None

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a field that is a list of strings."""
        values = self._typed(name, list, "a list", [])
        path = self._join(name)
        items = Fields({f"{i}": one for i, one in enumerate(values)}, path)
        return tuple(items.text(item) for item in items.names)

    def fields(self, name: str) -> "Fields":
        """Return a field that is a mapping."""
        return Fields.of(self._values.get(name), self._join(name))

    def items(self, name: str) -> tuple["Fields", ...]:
        """Return a field that is a list of mappings."""
        values = self._typed(name, list, "a list", [])
        path = self._join(name)
        return tuple(Fields.of(one, f"{path}[{i}]") for i, one in enumerate(values))

    def _typed(self, name: str, kind: type[Entry], title: str, default: Entry) -> Entry:
        value = self._values.get(name)
        if value is None:
            return default
        if isinstance(value, bytes) and kind is str:
            value = value.decode("utf-8", "replace")
        if not isinstance(value, kind):
            raise InvalidKubeconfig(f"must have {title} at {self._join(name)}")
        return value

    def _join(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name


def _at(path: str) -> str:
    return f" at {path}" if path else " of fields as its document"


def _key(key: object) -> str:
    if isinstance(key, bool):
        return str(key).lower()
    if isinstance(key, float) and key.is_integer():
        return f"{key:.0f}" if abs(key) < _FIRST_EXPONENT else str(key)
    if isinstance(key, str | int | float):
        return str(key)
    raise InvalidKubeconfig("has a key that is no text")
