"""Descriptions of fields, as kubectl prints them."""

import itertools

from argogrant.api.crd import KINDS, custom_resource_definition
from controlplane import ControlPlane


def test_kubectl_explain_prints_every_description(installed: ControlPlane) -> None:
    """Descriptions of the models, for every kind."""
    for kind, part in itertools.product(KINDS, ("spec", "status")):
        crd = custom_resource_definition(kind)
        whole = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
        explained = installed.kubectl("explain", f"{kind.plural}.{part}").stdout
        printed = " ".join(explained.split())

        for field, schema in whole[part]["properties"].items():
            assert f"{field} <" in printed
            assert " ".join(schema["description"].split()) in printed
