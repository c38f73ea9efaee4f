"""The reference of errors, compared with the scenarios and the code."""

from argogrant.grants.model.reasons import Reason
from generate_errors import GROUPS, TROUBLES, pattern_of
from support.error_scenarios import MISHAPS
from support.policy_error_scenarios import QUARRELS
from support.remote_error_scenarios import DISTANCES


def test_every_error_has_a_scenario_and_vice_versa() -> None:
    assert set(TROUBLES) == MISHAPS.keys() | QUARRELS.keys() | DISTANCES.keys()
    assert len(TROUBLES) == sum(len(group.troubles) for group in GROUPS)


def test_every_title_is_unique() -> None:
    titles = [one.title for one in TROUBLES.values()]

    assert len(titles) == len(set(titles))


def test_message_of_a_condition_begins_with_its_reason() -> None:
    begin = {one.message.partition(":")[0] for one in TROUBLES.values()}

    assert {one for one in begin if one.isalpha()} <= set(Reason)


def test_different_message_is_detected() -> None:
    pattern = pattern_of(TROUBLES["a_grant_that_waits"])
    told = TROUBLES["a_grant_that_waits"].message

    assert pattern.fullmatch(told.replace("<time>", "2026-11-24T18:00:00Z"))
    assert not pattern.fullmatch(told)
    assert not pattern.fullmatch(told.replace("<time>", "tomorrow"))
