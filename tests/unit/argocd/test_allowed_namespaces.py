"""Who may bind in an Argo CD: spellings of the annotation, and the refusal."""

from string import ascii_lowercase, digits

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.argocd.allowed_namespaces import (
    ALLOWED_NAMESPACES_ANNOTATION,
    MAX_NAMESPACES,
    find_refusal,
    read_allowed_namespaces,
)
from argogrant.grants.model.reasons import Finding, Reason

MANY = [f"team-{number}" for number in range(300)]


def read(value: object) -> tuple[str, ...] | None:
    return read_allowed_namespaces({ALLOWED_NAMESPACES_ANNOTATION: value})


@pytest.mark.parametrize(
    ("value", "names"),
    [
        pytest.param("team-b", ["team-b"], id="one name"),
        pytest.param("argogrant,team-b", ["argogrant", "team-b"], id="two names"),
        pytest.param(" argogrant , team-b\n", ["argogrant", "team-b"], id="blanks"),
        pytest.param("a,\n  b,\n\tc", ["a", "b", "c"], id="one name on each line"),
        pytest.param("team-b,", ["team-b"], id="a trailing comma"),
        pytest.param(",,team-b,,", ["team-b"], id="empty parts"),
        pytest.param("a,b,a", ["a", "b"], id="a name twice"),
        pytest.param("x" * 63, ["x" * 63], id="the longest name"),
        pytest.param("", [], id="an empty text names nobody"),
        pytest.param(" , ", [], id="only blanks name nobody"),
        pytest.param("*", [], id="no wildcard"),
        pytest.param("team-*", [], id="no glob"),
        pytest.param("team-?,team-[ab],.*", [], id="no pattern"),
        pytest.param("a b", [], id="a blank separates no names"),
        pytest.param("a;b", [], id="a semicolon separates no names"),
        pytest.param('["a", "b"]', [], id="no JSON"),
        pytest.param('"a"', [], id="no quotation marks"),
        pytest.param("!a", [], id="no negation"),
        pytest.param("Team-B", [], id="upper case is no name"),
        pytest.param("team\u2011b", [], id="a hyphen that looks like one"),
        pytest.param("te\u0430m-b", [], id="a Cyrillic letter"),
        pytest.param("team-\u0663", [], id="a digit of another script"),
        pytest.param("team-b\u200b", [], id="an invisible character"),
        pytest.param("\u00a0team-b", [], id="a blank that does not break"),
        pytest.param("team-b\x00", [], id="a null character"),
        pytest.param("team-b\udc80", [], id="a lone surrogate"),
        pytest.param("a\uff0cb", [], id="a full-width comma"),
        pytest.param("-a,a-,a..b,a_b", [], id="parts that are no names"),
        pytest.param("x" * 64, [], id="a name that is too long"),
        pytest.param("*,team-b", ["team-b"], id="a wrong part spoils no other"),
        pytest.param(",".join(MANY), MANY[:MAX_NAMESPACES], id="300 namespaces"),
        pytest.param("," * 300 + "late", [], id="a name after too many parts"),
        pytest.param("x" * (1 << 18), [], id="a quarter of a megabyte"),
        pytest.param(None, [], id="null"),
        pytest.param(["team-b"], [], id="a list"),
        pytest.param({"team-b": ""}, [], id="an object"),
        pytest.param(True, [], id="a boolean"),
        pytest.param(7, [], id="a number"),
    ],
)
def test_annotation_names_exact_namespaces(value, names) -> None:
    assert read(value) == tuple(names)


@pytest.mark.parametrize(
    "annotations",
    [
        pytest.param({}, id="no annotation"),
        pytest.param({"argogrant.dev/allowed-namespace": "a"}, id="another key"),
        pytest.param({"argogrant.dev/Allowed-Namespaces": "a"}, id="another case"),
    ],
)
def test_missing_annotation_differs_from_an_empty_one(annotations) -> None:
    assert read_allowed_namespaces(annotations) is None


@given(st.text(st.characters(exclude_categories=()), max_size=200))
def test_any_text_names_only_valid_namespaces_that_it_contains(text: str) -> None:
    """Blanks aside, a name is a whole part between two commas, and plain."""
    names = read(text)

    assert set(names or ()) <= {part.strip() for part in text.split(",")}
    assert set("".join(names or ())) <= set(ascii_lowercase + digits + "-")


def refusal(
    allowed: tuple[str, ...] | None, namespace: str = "team-b", own: str = "argogrant"
) -> Finding | None:
    return find_refusal(
        allowed,
        namespace=namespace,
        operator_namespace=own,
        argocd_namespace="argocd",
    )


@pytest.mark.parametrize(
    ("allowed", "namespace", "own"),
    [
        pytest.param(None, "argogrant", "argogrant", id="its own without annotation"),
        pytest.param(("team-b",), "team-b", "argogrant", id="a named one"),
        pytest.param(("a", "team-b"), "team-b", "", id="a named one outside of a pod"),
    ],
)
def test_namespace_may_bind(allowed, namespace, own) -> None:
    assert refusal(allowed, namespace, own) is None


@pytest.mark.parametrize(
    ("allowed", "namespace", "own", "value"),
    [
        pytest.param(
            *(None, "team-b", "argogrant", "argogrant,team-b"),
            id="another namespace without annotation: the operator's own is kept",
        ),
        pytest.param(
            *(("a", "b"), "team-b", "argogrant", "a,b,team-b"),
            id="a namespace that is not named: the named ones are kept",
        ),
        pytest.param(
            *(("team-b",), "argogrant", "argogrant", "team-b,argogrant"),
            id="the operator's own namespace if others are named",
        ),
        pytest.param(
            *((), "argogrant", "argogrant", "argogrant"),
            id="the operator's own namespace if nobody is named",
        ),
        pytest.param(
            *(None, "argogrant", "", "argogrant"),
            id="any namespace if the operator has none",
        ),
        pytest.param(
            *(None, "argo", "argogrant", "argogrant,argo"),
            id="a prefix of an allowed name",
        ),
    ],
)
def test_refusal_contains_the_command_that_allows(
    allowed, namespace, own, value
) -> None:
    found = refusal(allowed, namespace, own)

    assert found is not None
    assert found.reason is Reason.NOT_ALLOWED_BY_ARGOCD
    assert not found.is_final
    assert not found.is_unknown
    assert found.message.endswith(
        "kubectl -n argocd annotate configmap argocd-rbac-cm"
        f" argogrant.dev/allowed-namespaces={value} --overwrite"
    )


def test_refusal_names_the_cluster_of_argocd() -> None:
    found = find_refusal(
        None,
        namespace="team-b",
        operator_namespace="argogrant",
        argocd_namespace="argocd-prod",
        server="https://10.0.0.1:6443",
    )

    assert found is not None
    assert "namespace argocd-prod of https://10.0.0.1:6443" in found.message
