"""The shipped admission policies as files."""

import yaml

from argogrant.api.admission_policies import (
    IDENTITY_FILE,
    MAKERS,
    admission_files,
    fill_in_policies,
    identity_policies,
)


def test_the_files_hold_the_objects() -> None:
    """What is compared is what is applied, comments apart."""
    identity, fill_in = (
        tuple(yaml.safe_load_all(text)) for text in admission_files().values()
    )

    assert identity == identity_policies()
    assert fill_in == fill_in_policies()


def test_every_list_of_trusted_front_ends_is_explained_where_it_stands() -> None:
    lines = admission_files()[IDENTITY_FILE].splitlines()
    places = [n for n, line in enumerate(lines) if "name: trustedFrontEnds" in line]

    assert len(places) == len(MAKERS)
    for place in places:
        assert lines[place - 1].strip().startswith("# ['system:serviceaccount:")
