"""Paths and descriptions of resources and collections."""

import pytest

from argogrant.kube.errors import Invalid
from argogrant.kube.resources import (
    ACCESS_GRANTS,
    APP_PROJECTS,
    CONFIG_MAPS,
    Collection,
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param(
            CONFIG_MAPS.path("argocd", "argocd-rbac-cm"),
            "/api/v1/namespaces/argocd/configmaps/argocd-rbac-cm",
            id="object of the core group",
        ),
        pytest.param(
            ACCESS_GRANTS.path("argogrant", "g1", "status"),
            "/apis/argogrant.dev/v1alpha1/namespaces/argogrant/accessgrants/g1/status",
            id="subresource",
        ),
        pytest.param(
            Collection(APP_PROJECTS, "argocd", "one").path,
            "/apis/argoproj.io/v1alpha1/namespaces/argocd/appprojects",
            id="collection, whose name is a field selector",
        ),
    ],
)
def test_path_has_group_namespace_and_name(path, expected) -> None:
    assert path == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("x", "configmaps/x in namespace argocd", id="one object"),
        pytest.param("", "configmaps in namespace argocd", id="all objects"),
    ],
)
def test_collection_is_described_in_messages(name, expected) -> None:
    assert Collection(CONFIG_MAPS, "argocd", name).describe() == expected


@pytest.mark.parametrize("text", ["../x", "a/b", "a%2fb", "..", ".", "a?b", "a#b"])
@pytest.mark.parametrize("place", ["namespace", "name"])
def test_segment_that_leads_to_another_path_is_refused(place: str, text: str) -> None:
    segments = {"namespace": "argocd", place: text}

    with pytest.raises(Invalid, match=f"is no valid {place} of configmaps"):
        CONFIG_MAPS.path(**segments)
