"""The reference of errors, compared with the scenarios and the code."""

from admission_remedies import REMEDIES, admission_messages, remedy_for
from argogrant.grants.model.reasons import Reason
from generate_errors import GROUPS, TROUBLES, page, pattern_of
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


def test_every_message_of_an_admission_policy_is_listed_with_a_remedy() -> None:
    text = page()
    for one in admission_messages():
        shown = one.message.partition("; `kubectl")[0] if one.has_value else one.message

        assert f"| `{one.policy}` | {shown}" in text
        assert remedy_for(one.message) in text


def test_every_remedy_is_that_of_a_message_of_an_admission_policy() -> None:
    messages = [one.message for one in admission_messages()]

    assert len(messages) == len(REMEDIES)
    for start in REMEDIES:
        assert [one for one in messages if one.startswith(start)]
