"""Files of the shipped admission policies."""

import yaml

from argogrant.api.admission_policies import (
    IDENTITY_FIELDS,
    VALIDATING_FILE,
    admission_files,
    limits_policies,
    mutating_policies,
    validating_policies,
)


def test_files_contain_the_objects() -> None:
    """Drift detection compares the objects that users apply."""
    identity, fill_in, limits = (
        tuple(yaml.safe_load_all(text)) for text in admission_files().values()
    )

    assert identity == validating_policies()
    assert fill_in == mutating_policies()
    assert limits == limits_policies()


def test_every_list_of_trusted_front_ends_has_a_comment() -> None:
    lines = admission_files()[VALIDATING_FILE].splitlines()
    places = [n for n, line in enumerate(lines) if "name: trustedFrontEnds" in line]

    assert len(places) == len(IDENTITY_FIELDS)
    for place in places:
        assert lines[place - 1].strip().startswith("# ['system:serviceaccount:")
