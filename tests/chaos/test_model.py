"""Answers of the model in small cases."""

import pytest

from chaos.faults import Fault
from chaos.model import (
    CONFIG_MAP_MISSING,
    GRACE,
    HELD_GRACE,
    NOTHING,
    OPERATOR_DOWN,
    PASSABLE_GRACE,
    Answer,
    Model,
    Pair,
)

ALICE = Pair("alice", "role:deployer")
TEAM = Pair("alice", "proj:team-a:deployer")
BOB = Pair("bob", "role:deployer")
BEGIN = 1000.0


def a_model() -> Model:
    return Model(
        roles={"role:deployer"},
        lasting_roles={"proj:team-a:deployer"},
        standing={BOB},
        able_since=BEGIN,
    )


def granted() -> Model:
    """Alice has the role from 1010 until 1020."""
    model = a_model()
    model.create("one", ALICE, start=1010, end=1020)
    return model


@pytest.mark.parametrize(
    ("now", "answer"),
    [
        pytest.param(1005, Answer.NO, id="before the start"),
        pytest.param(1009, Answer.ANY, id="unknown just before the start"),
        pytest.param(1011, Answer.ANY, id="unknown just after the start"),
        pytest.param(1015, Answer.YES, id="in the middle"),
        pytest.param(1019, Answer.ANY, id="unknown just before the end"),
        pytest.param(
            1021, Answer.ANY, id="unknown just after the end, at a quiet moment"
        ),
        pytest.param(1022, Answer.NO, id="after the end"),
    ],
)
def test_a_grant_gives_access_from_its_start_until_its_end(
    now: float, answer: Answer
) -> None:
    assert granted().answer(ALICE, now) is answer


def test_only_the_granted_pair_is_allowed() -> None:
    assert granted().answer(TEAM, 1015) is Answer.NO


def test_the_later_of_two_overlapping_ends_counts() -> None:
    model = granted()
    model.create("two", ALICE, start=1010, end=1040)

    assert model.answer(ALICE, 1025) is Answer.YES
    assert model.overdue(ALICE, 1025) is None
    assert model.overdue(ALICE, 1043) == 3


def test_deleting_ends_one_grant_and_not_the_other() -> None:
    model = granted()
    model.create("two", ALICE, start=1010, end=1018)
    model.end("one", 1013)

    assert model.answer(ALICE, 1015) is Answer.YES
    model.end("two", 1014)
    assert model.answer(ALICE, 1016) is Answer.NO
    assert model.overdue(ALICE, 1016) == 2


def test_an_end_can_not_move_later_nor_before_it_was_moved() -> None:
    model = granted()
    model.shorten("one", 1050, 1012)
    assert model.grants["one"].end == 1020
    model.shorten("one", 1011, 1013)
    assert model.grants["one"].end == 1013


def test_what_people_wrote_stays_as_long_as_its_role() -> None:
    model = a_model()
    assert model.answer(BOB, 1015) is Answer.YES
    assert model.overdue(BOB, 1015) is None
    model.roles.clear()

    assert model.answer(BOB, 1015) is Answer.NO


def test_a_broken_line_answers_for_everybody() -> None:
    model = granted()
    model.line_is_broken = True

    assert model.answer(BOB, 1015) is Answer.BROKEN


def test_nobody_knows_while_the_config_map_is_missing() -> None:
    model = granted()
    model.obstruct(CONFIG_MAP_MISSING)

    assert model.answer(BOB, 1015) is Answer.ANY
    assert model.overdue(ALICE, 1025) is None


def test_overdue_counts_from_the_moment_at_which_it_could_be_ended() -> None:
    model = granted()
    model.obstruct(OPERATOR_DOWN)
    model.obstruct(Fault.UNAVAILABLE)
    model.clear(OPERATOR_DOWN, 1024)
    assert model.overdue(ALICE, 1025) is None
    model.clear(Fault.UNAVAILABLE, 1026)

    assert model.overdue(ALICE, 1027) == 1
    assert model.excuse(ALICE, 1027) == Fault.UNAVAILABLE


def test_clearing_what_was_not_there_excuses_nothing() -> None:
    model = granted()
    model.clear(OPERATOR_DOWN, 1024)

    assert model.overdue(ALICE, 1025) == 5
    assert model.excuse(ALICE, 1025) == NOTHING


@pytest.mark.parametrize("fault", [Fault.SLOW, Fault.SILENT])
def test_a_fault_that_lets_writes_pass_stops_no_clock(fault: Fault) -> None:
    model = granted()
    model.obstruct(fault)
    model.clear(fault, 1024)

    assert model.overdue(ALICE, 1025) == 5
    assert model.must_be_over_by(ALICE, 1025) == 1020 + PASSABLE_GRACE
    assert model.must_be_over_by(ALICE, 1200) == 1020 + GRACE


def test_a_scribbled_binding_is_over_when_it_was_written() -> None:
    model = a_model()
    model.scribble(ALICE, 1015)

    assert model.answer(ALICE, 1020) is Answer.NO
    assert model.overdue(ALICE, 1020) == 5


def test_access_that_nobody_ever_gave_is_overdue_since_the_operator_runs() -> None:
    assert a_model().overdue(ALICE, 1030) == 30


def test_an_obstacle_that_is_gone_leaves_some_time_and_not_more() -> None:
    model = granted()
    assert model.must_be_over_by(ALICE, 1021) == 1020 + GRACE
    for when, obstacle in ((1010, Fault.HOLD), (1015, OPERATOR_DOWN)):
        model.obstruct(obstacle)
        model.clear(obstacle, when)

    assert model.must_be_over_by(ALICE, 1021) == 1010 + HELD_GRACE
    model.create("late", ALICE, start=1030, end=1050)
    assert model.must_be_over_by(ALICE, 1051) == 1050 + GRACE
    assert model.excuse(ALICE, 1051) == NOTHING
