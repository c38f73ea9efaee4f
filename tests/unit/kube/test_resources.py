"""Where objects are, as paths and in words."""

import pytest

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
            id="an object of the core group",
        ),
        pytest.param(
            ACCESS_GRANTS.path("argogrant", "g1", "status"),
            "/apis/argogrant.dev/v1alpha1/namespaces/argogrant/accessgrants/g1/status",
            id="a subresource",
        ),
        pytest.param(
            Collection(APP_PROJECTS, "argocd", "one").path,
            "/apis/argoproj.io/v1alpha1/namespaces/argocd/appprojects",
            id="a collection, whose name goes into the selector",
        ),
    ],
)
def test_the_path_of(path, expected) -> None:
    assert path == expected


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param("x", "configmaps/x in namespace argocd", id="one object"),
        pytest.param("", "configmaps in namespace argocd", id="all of them"),
    ],
)
def test_a_collection_is_named_in_messages(name, said) -> None:
    assert Collection(CONFIG_MAPS, "argocd", name).describe() == said
