"""The rules of the CRDs refuse what keywords of a schema would refuse, and no more.

The real API server judges each value twice: by a CRD whose limits are keywords, and by
one with the rules that stand for them.
"""

import copy
import re
import string
from collections.abc import Iterator
from http import HTTPStatus
from itertools import zip_longest
from typing import Any, Final

import pytest

from argogrant.api.crd import KINDS, custom_resource_definition, schema_with_limits
from argogrant.api.structural_schema import (
    RULES,
    WANTED,
    with_messages,
    without_messages,
)
from argogrant.grants.model.window import INSTANT_PATTERN
from controlplane import ControlPlane
from controlplane.errors import APIRequestFailed

GROUPS: Final = {"keywords.argogrant.dev": True, "rules.argogrant.dev": False}
"""Group of each CRD, and whether its limits are keywords."""
TIMES: Final = (
    "2026-11-24T18:00:00Z",
    "2026-11-24T18:00:00.123456789+01:00",
    "2026-11-24T18:00:00.1234567890Z",
    "2026-11-24t18:00:00z",
    "2026-11-24T18:00:60Z",
    "2026-11-24T23:59:59-23:59",
    "2024-02-29T00:00:00Z",
    "2026-02-29T00:00:00Z",
    "2100-02-29T00:00:00Z",
    "2000-02-29T00:00:00Z",
    "2026-04-31T00:00:00Z",
    "2026-12-31T00:00:00Z",
    "2026-00-10T00:00:00Z",
    "2026-10-00T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "12026-11-24T18:00:00Z",
)
ODD_OFFSETS: Final = ("2026-11-24T18:00:00+24:00", "2026-11-24T18:00:00+01:60")
MISSING: Final = object()
"""Instead of a value of a field that has no more of them."""
YEAR_ZERO: Final = "0000-01-01T00:00:00Z"
DURATIONS: Final = (
    "1h",
    "1h30m",
    "1.5h",
    "1us",
    "1µs",
    "1ns",
    "1h1h",
    "1d",
    "-1h",
    "+1h",
)
ENCODED: Final = (
    "QQ==",
    "QUI=",
    "QUJD",
    "QQ",
    "QUI",
    "QUJD\nQUJD",
    "QUJD QQ==",
    "Q===",
)
TEXTS: Final = (
    *(
        "",
        "a",
        "A",
        "0",
        "-",
        "a-b",
        "a.b",
        "a_b",
        "a/b",
        "a b",
        "a*",
        "*",
        ".a",
        "a.",
        "é",
    ),
    *("https://h", "http://h", "https://h/p", "https://u@h", "https://h?q", "ftp://h"),
    *(
        "https://h/p#f",
        "https:// h",
        'https://"h',
        "HTTPS://h",
        "a\nb",
        "a\n",
        "example.com/a",
    ),
    *("User", "user", "Group", "Allow", "Deny", "Approve", "ConfigMap", "AppProject"),
    *("argocd/argogrant", "a:b", "🦊", "x" * 40),
)


def values_for(node: dict[str, Any]) -> Iterator[object]:
    """Yield values around the limits of a field, and many others."""
    if node["type"] == "integer":
        yield from (node["minimum"] - 1, node["minimum"], node["maximum"])
        yield from (node["maximum"] + 1, 0, -(2**40), 2**40)
    elif node["type"] == "array":
        most = node["maxItems"]
        yield from (["x"] * count for count in (0, 1, most, most + 1))
    elif node["type"] == "string":
        yield from node.get("enum", ())
        yield from (*TEXTS, *TIMES, *DURATIONS, *ENCODED)
        yield from string.punctuation
        for most in (node.get("maxLength", 9), node.get("minLength", 1)):
            yield from (one * count for one in "aé" for count in (most, most + 1))


def fields() -> dict[str, dict[str, Any]]:
    """Return each field with limits of each kind, by a name of its own."""
    found, pending = (
        [],
        [schema_with_limits(kind)["properties"]["spec"] for kind in KINDS],
    )
    while pending:
        node = pending.pop()
        pending += [*node.get("properties", {}).values()]
        pending += [node["items"]] if "items" in node else []
        if WANTED in node and node["type"] in ("string", "integer", "array"):
            # Only the rule for base64 stands for a keyword: for its format.
            dropped = RULES if node.get("format") != "byte" else ""
            found.append({key: value for key, value in node.items() if key != dropped})
    unique = {repr(sorted(one.items(), key=str)): one for one in found}.values()
    return {f"f{number}": one for number, one in enumerate(unique)}


FIELDS: Final = fields()


def a_crd(group: str, *, has_keywords: bool) -> dict[str, Any]:
    """Build a CRD whose spec has every field with limits."""
    crd = copy.deepcopy(custom_resource_definition(KINDS[0]))
    crd["metadata"]["name"] = f"probes.{group}"
    names = {"kind": "Probe", "listKind": "ProbeList", "plural": "probes"}
    crd["spec"] |= {"group": group, "names": {**names, "singular": "probe"}}
    parts = {
        name: _part(one, has_keywords=has_keywords) for name, one in FIELDS.items()
    }
    version = crd["spec"]["versions"][0]
    version.pop("selectableFields")
    version.pop("additionalPrinterColumns")
    version["schema"]["openAPIV3Schema"] = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": parts}},
    }
    return crd


def _part(node: dict[str, Any], *, has_keywords: bool) -> dict[str, Any]:
    if node["type"] == "array":
        node = {key: node[key] for key in node if not key.startswith("x-")}
        node |= {"items": {"type": "string", "maxLength": 9}}
    node = {key: value for key, value in node.items() if key != "default"}
    if not has_keywords:
        items = {"items": node["items"]} if "items" in node else {}
        return {**with_messages({**node, **items_wanted(node)}), **items}
    if node.get("format") == "date-time":
        node |= {"pattern": INSTANT_PATTERN}
    return without_messages({key: node[key] for key in node if key != RULES})


def items_wanted(node: dict[str, Any]) -> dict[str, Any]:
    return {"items": {**node["items"], WANTED: "x"}} if "items" in node else {}


@pytest.fixture(scope="module")
def probed(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    crds = [a_crd(group, has_keywords=value) for group, value in GROUPS.items()]
    control_plane.apply(*crds)
    yield control_plane
    for crd in crds:
        control_plane.kubectl("delete", "crd", crd["metadata"]["name"])


def refused(plane: ControlPlane, group: str, values: dict[str, object]) -> set[str]:
    """Return the fields whose values the API server refuses.

    It does not check every rule of an object that breaks another one, so the object is
    sent again without what was refused, until the API server accepts it.
    """
    found: set[str] = set()
    while problem := _problem(
        plane, group, {name: values[name] for name in values if name not in found}
    ):
        named = set(re.findall(r"\bspec\.(f\d+)\b", problem)) - found
        assert named, problem
        assert "cost budget" not in problem
        found |= named
    return found


def _problem(plane: ControlPlane, group: str, spec: dict[str, object]) -> str:
    body = {
        "apiVersion": f"{group}/v1alpha1",
        "kind": "Probe",
        "metadata": {"name": "probe"},
        "spec": spec,
    }
    path = f"apis/{group}/v1alpha1/namespaces/default/probes"
    try:
        plane.api("argogrant").request("POST", path, body, dryRun="All")
    except APIRequestFailed as error:
        if error.status != HTTPStatus.UNPROCESSABLE_ENTITY:
            raise
        return str(error)
    return ""


@pytest.fixture(scope="module")
def judged(probed: ControlPlane) -> dict[str, dict[str, list[bool]]]:
    """Whether each CRD accepts a value, by field and value.

    The first values of all fields are judged together, then the second ones, and so on.
    """
    answers: dict[str, dict[str, list[bool]]] = {name: {} for name in FIELDS}
    columns = (values_for(FIELDS[name]) for name in FIELDS)
    for row in zip_longest(*columns, fillvalue=MISSING):
        values = {
            name: value
            for name, value in zip(FIELDS, row, strict=True)
            if value is not MISSING
        }
        bad = [refused(probed, group, values) for group in GROUPS]
        for name, value in values.items():
            answers[name][repr(value)] = [name not in one for one in bad]
    return answers


@pytest.mark.parametrize(
    "name", [pytest.param(name, id=FIELDS[name][WANTED][:60]) for name in FIELDS]
)
def test_rules_accept_what_keywords_accept(
    judged: dict[str, dict[str, list[bool]]], name: str
) -> None:
    answers = judged[name]

    assert len(answers) > 3
    assert [one for one, (before, now) in answers.items() if before != now] == []
    assert any(before for before, _ in answers.values())
    assert not all(before for before, _ in answers.values())


@pytest.mark.parametrize("time", [*ODD_OFFSETS, YEAR_ZERO])
def test_time_that_no_clock_shows_is_now_refused(
    probed: ControlPlane, time: str
) -> None:
    """The operator refuses it: such a grant was accepted, and gave no access."""
    name = next(one for one in FIELDS if FIELDS[one].get("format") == "date-time")

    assert not refused(probed, "keywords.argogrant.dev", {name: time})
    assert refused(probed, "rules.argogrant.dev", {name: time})
