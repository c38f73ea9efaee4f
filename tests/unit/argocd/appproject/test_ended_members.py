"""Members that another program writes back after their grant has ended.

Each test is a story of one AppProject: grants begin and end, other programs write, and
the operator plans until nothing is left to do.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.argocd.appproject.ended_members import (
    MAX_BYTES,
    MAX_RECORDS,
    MAX_REMEMBERED,
    MAX_TOKENS,
    NOTHING_ENDED,
    EndedMember,
    EndedMemory,
    ReturnedMember,
    describe_return,
    read_ended,
)
from argogrant.argocd.appproject.members import (
    DesiredMembers,
    ended_members_of,
    managed_bindings,
    plan_members,
    sweep_members,
)
from argogrant.argocd.appproject.project import (
    LIMIT,
    Project,
    ProjectRole,
    subject_of,
)
from argogrant.argocd.appproject.tokens import Token
from argogrant.argocd.overlay import Owner
from argogrant.argocd.policy_csv import parse_line
from argogrant.grants.model.errors import MalformedLine
from argogrant.grants.model.grant import Binding
from support.appprojects import ALICE, ELSEWHERE, US, a_project, applied
from support.builders import HOUR, NOON

MONTH = timedelta(days=30)
MOST_WRITES = 3
"""Own writes until nothing is left to do; more are a loop."""


class Story:
    """One AppProject, with the clock and the memory of the operator."""

    def __init__(self, *groups: str, **overrides: Any) -> None:
        self.project = a_project(*groups, **overrides)
        self.now = NOON
        self.memory = EndedMemory()
        self.wanted: set[Binding] = set()
        self.reported: list[ReturnedMember] = []
        """What is reported once, at the time of the return."""
        self.listed: tuple[ReturnedMember, ...] = ()
        """What is reported as long as it lasts."""
        self.owner, self.living = US, [US]
        self.options: dict[str, Any] = {}

    def run(self) -> "Story":
        """Plan and write, as the operator does after each change."""
        for _ in range(MOST_WRITES):
            records = ended_members_of(self.project, self.owner, self.living)
            self.memory.observe(self.project.name, records or ())
            plan = self._plan(removals=True)
            if not plan.has_work:
                plan = self._plan(removals=False)
            self.listed = plan.returned
            self.reported += plan.new_returns
            if not plan.has_work:
                return self
            self.project = applied(self.project, plan)
        raise AssertionError("the operator writes again and again")

    def _plan(self, *, removals: bool) -> Any:
        end = self.now + HOUR
        ends = dict.fromkeys(sorted(self.wanted), end.replace(minute=0))
        settings = {"retention": MONTH, **self.options}
        members = DesiredMembers(
            desired={} if removals else ends,
            kept=ends if removals else {},
            may_add=settings.pop("may_add", True) and not removals,
            undoes_returns=not removals,
            remembered=self.memory.of(self.project.name),
            **settings,
        )
        plan = plan_members(
            self.project,
            members,
            owner=self.owner,
            living_owners=self.living,
            now=self.now,
        )
        if removals and not plan.is_urgent:
            plan = replace(plan, has_work=False, new_returns=())
        return plan

    def grant(self, *bindings: Binding) -> "Story":
        self.wanted |= set(bindings or [ALICE])
        return self.run()

    def end(self, *bindings: Binding) -> "Story":
        self.later(minutes=30)
        self.wanted -= set(bindings or [ALICE])
        return self.run()

    def later(self, **time: float) -> "Story":
        self.now += timedelta(**time)
        return self

    def write(self, stale: Project) -> "Story":
        """Write back the roles as they once were, as ``kubectl edit`` does."""
        self.project = replace(self.project, roles=stale.roles, tokens=stale.tokens)
        return self.later(minutes=1).run()

    def replace(self, stale: Project) -> "Story":
        """Write back a whole AppProject, with its annotations."""
        self.project = stale
        return self.later(minutes=1).run()

    def restart(self) -> "Story":
        self.memory = EndedMemory()
        return self

    @property
    def groups(self) -> tuple[str, ...]:
        return self.project.roles[0].groups

    @property
    def states(self) -> list[bool]:
        return [one.is_kept for one in self.reported]


def ended(*groups: str, **overrides: Any) -> tuple[Story, Project]:
    """Return a story whose grant is over, and the project as it was before the end."""
    story = Story(*groups, **overrides).grant()
    stale = story.project
    return story.end(), stale


def test_member_that_returns_is_removed_once_more_and_reported() -> None:
    story, stale = ended("ops")
    story.write(stale)

    assert story.groups == ("ops",)
    (returned,) = story.reported
    assert (returned.role, returned.subject) == ("deployer", "alice")
    assert not returned.is_kept
    assert story.listed == (returned,)


def test_member_that_returns_again_is_kept_and_reported() -> None:
    story, stale = ended("ops")
    story.write(stale).write(stale)

    assert story.groups == ("ops", "alice")
    assert story.states == [False, True]
    (kept,) = story.listed
    assert kept.is_kept
    assert kept.id in describe_return(kept)


def test_kept_member_causes_no_further_write_and_stays_reported() -> None:
    story, stale = ended()
    story.write(stale).write(stale)
    before = story.project
    story.later(days=300).run()

    assert story.project == before
    assert [one.is_kept for one in story.listed] == [True]
    assert len(story.reported) == 2


def test_kept_member_that_people_remove_is_no_longer_reported() -> None:
    story, stale = ended()
    without = story.project
    story.write(stale).write(stale).write(without)

    assert story.listed == ()
    story.write(stale)
    assert story.groups == ("alice",)
    assert [one.is_kept for one in story.listed] == [True]


def test_decision_is_remembered_across_a_restart() -> None:
    story, stale = ended()
    story.write(stale).restart().write(stale).restart().run()

    assert story.groups == ("alice",)
    assert story.states == [False, True]
    assert [one.is_kept for one in story.listed] == [True]


def test_removed_member_is_listed_until_the_retention_is_over() -> None:
    story, stale = ended()
    story.write(stale).later(days=29).run()
    assert len(story.listed) == 1

    assert story.later(days=2).run().listed == ()


def test_nothing_is_known_after_the_retention() -> None:
    story, stale = ended()
    story.later(days=31).run()
    assert story.project.ended is None
    story.write(stale)

    assert story.groups == ("alice",)
    assert not story.reported


def test_each_return_begins_the_retention_again() -> None:
    story, stale = ended()
    story.later(days=20).write(stale).later(days=20).write(stale)

    assert story.states == [False, True]


def test_member_that_people_had_added_before_the_grant_is_never_removed() -> None:
    story, stale = ended("alice")
    story.write(replace(stale, roles=())).write(stale).write(stale)

    assert story.groups == ("alice",)
    assert not story.reported


def test_members_that_people_add_with_a_stale_write_stay() -> None:
    story, stale = ended()
    roles = (ProjectRole(name="deployer", groups=("bob", "alice", "carol")),)
    story.write(replace(stale, roles=roles))

    assert story.groups == ("bob", "carol")


FORMS = [
    pytest.param('"alice"', (), id="in quotation marks"),
    pytest.param("  alice", (), id="behind blanks"),
    pytest.param("\talice", (), id="behind a tab"),
    pytest.param("Alice", ("Alice",), id="in another case, which is another subject"),
    pytest.param("alice@example.com", ("alice@example.com",), id="as a longer name"),
]


@pytest.mark.parametrize(("group", "expected"), FORMS)
def test_returned_member_is_recognised(group: str, expected: tuple[str, ...]) -> None:
    story, stale = ended()
    story.write(replace(stale, roles=(ProjectRole(name="deployer", groups=(group,)),)))

    assert story.groups == expected


def test_member_in_another_form_ends_with_its_grant() -> None:
    story = Story().grant()
    story.write(a_project('"alice"')).end()

    assert story.groups == ()


def test_member_with_a_comma_is_recognised() -> None:
    name = Binding("CN=a,OU=b", ALICE.role)
    story = Story().grant(name)
    stale = story.project
    story.end(name).write(stale)

    assert story.groups == ()
    assert story.states == [False]


def test_member_of_a_role_that_is_removed_and_added_again_is_removed() -> None:
    story, stale = ended()
    story.write(a_project(roles=(ProjectRole(name="viewer"),))).write(stale)

    assert story.groups == ()
    assert story.states == [False]


def test_role_that_is_removed_during_the_grant_and_added_again_has_no_member() -> None:
    story = Story().grant()
    stale = story.project
    story.write(a_project(roles=(ProjectRole(name="viewer"),))).end().write(stale)

    assert story.groups == ()


def test_member_that_returns_in_a_renamed_role_is_removed_once_and_then_kept() -> None:
    story, _stale = ended("ops")
    renamed = a_project("ops", "alice", role="releaser")
    story.write(renamed)
    assert story.groups == ("ops",)
    (returned,) = story.reported
    assert (returned.role, returned.subject) == ("releaser", "alice")
    story.write(renamed)

    assert story.groups == ("ops", "alice")
    assert story.states == [False, True]


def test_member_that_returns_in_a_renamed_role_and_then_in_its_own_is_kept() -> None:
    story, stale = ended()
    renamed = a_project("alice", role="releaser")
    story.write(renamed).write(stale).write(renamed)

    assert story.states == [False, False, True]
    assert story.groups == ("alice",)


def test_names_of_roles_that_need_too_much_room_are_not_recorded() -> None:
    many = tuple(ProjectRole(name=f"{'r' * 200}{n}") for n in range(100))
    story = Story()
    story.project = replace(story.project, roles=(*story.project.roles, *many))
    story.grant().end()

    assert story.project.ended_members.roles == ()
    assert len(story.project.ended_members.members) == 1


def test_token_that_returns_in_a_renamed_role_is_removed() -> None:
    story, _stale = with_token(MADE)
    renamed = a_project("alice", role="releaser")
    story.write(replace(renamed, tokens={"releaser": frozenset({MADE, MACHINE})}))

    assert story.project.tokens["releaser"] == {MACHINE}


@pytest.mark.parametrize(
    "roles",
    [
        pytest.param(
            (ProjectRole(name="deployer"), ProjectRole(name="new", groups=("alice",))),
            id="new role beside the old one",
        ),
        pytest.param(
            (ProjectRole(name="viewer", groups=("alice",)),),
            id="role that existed at the end",
        ),
    ],
)
def test_member_of_another_role_is_a_decision(roles: tuple[ProjectRole, ...]) -> None:
    story, _stale = ended()
    story.write(a_project(roles=roles))

    assert story.project.roles == roles
    assert not story.reported


def test_record_of_an_earlier_version_knows_no_renamed_roles() -> None:
    story, _stale = ended()
    text = story.project.ended or ""
    old = text.replace(',"roles":["deployer","viewer"]', "")
    assert old != text
    story.project = replace(story.project, ended=old)
    story.restart().write(a_project("alice", role="releaser"))

    assert story.groups == ("alice",)


def test_only_the_role_whose_grant_has_ended_is_concerned() -> None:
    viewer = Binding("alice", "proj:team-a:viewer")
    story = Story().grant(ALICE, viewer)
    stale = story.project
    story.end(ALICE).write(stale)

    assert [role.groups for role in story.project.roles] == [(), ("alice",)]
    assert len(story.reported) == 1
    assert set(managed_bindings(story.project)) == {viewer}


def test_member_of_twin_roles_is_removed_from_both() -> None:
    story, stale = ended()
    story.write(replace(stale, roles=stale.roles[:1] * 2))

    assert [role.groups for role in story.project.roles] == [(), ()]


def test_record_is_written_beside_the_members_of_other_grants() -> None:
    bob = Binding("bob", ALICE.role)
    story = Story().grant(ALICE, bob)
    stale = story.project
    story.end(ALICE).write(stale).write(stale)

    assert story.states == [False, True]
    assert set(managed_bindings(story.project)) == {bob}
    assert sorted(story.groups) == ["alice", "bob"]


def test_stale_write_is_no_return_while_another_grant_requests_the_member() -> None:
    story = Story().grant()
    stale = story.project
    story.write(stale)

    assert story.groups == ("alice",)
    assert not story.reported


def test_member_that_returns_just_before_its_next_grant_ends_with_that_grant() -> None:
    story, stale = ended()
    story.wanted.add(ALICE)
    story.write(stale)
    assert story.groups == ("alice",)
    assert story.states == [False]
    assert set(managed_bindings(story.project)) == {ALICE}
    story.end()

    assert story.groups == ()


def test_returned_member_of_a_grant_that_cannot_be_bound_is_removed() -> None:
    story, stale = ended()
    story.wanted.add(ALICE)
    story.options["may_add"] = False
    story.write(stale)

    assert story.groups == ()


def test_returned_member_that_cannot_be_recorded_is_removed() -> None:
    story, stale = ended()
    story.wanted.add(ALICE)
    full = replace(stale, annotation_bytes=LIMIT, members=None)
    story.replace(full)

    assert story.groups == ()
    assert story.project.ended is None


def test_writer_makes_no_loop_if_there_is_no_room_to_record_it() -> None:
    story, stale = ended()
    full = replace(stale, annotation_bytes=LIMIT, members=None, ended=None)
    for _ in range(4):
        story.replace(full)


def test_grants_within_one_second_are_two_periods() -> None:
    story = Story().grant()
    story.wanted.clear()
    story.run()
    story.grant()
    story.wanted.clear()
    story.run()

    assert story.groups == ()
    assert not story.reported


def test_tokens_alone_do_not_remove_a_member_of_unknown_state() -> None:
    story, _stale = with_token(MADE)
    story.grant()
    plan = plan_members(
        holding(story.project, MADE),
        DesiredMembers(kept={ALICE: NOON + 9 * HOUR}, undoes_returns=True),
        owner=US,
        living_owners=[US],
        now=story.now,
    )

    assert plan.tokens == (("deployer", MADE),)
    assert not plan.groups


def test_kept_member_stays_when_a_later_grant_ends() -> None:
    story, stale = ended()
    story.write(stale).write(stale).grant().end()

    assert story.groups == ("alice",)


def test_member_of_unknown_state_is_not_concerned() -> None:
    story, stale = ended()
    story.options["kept"] = {ALICE: NOON + 9 * HOUR}
    plan = plan_members(
        replace(story.project, roles=stale.roles),
        DesiredMembers(kept={ALICE: NOON + 9 * HOUR}, undoes_returns=True),
        owner=US,
        living_owners=[US],
        now=story.now,
    )

    assert not plan.has_work


def test_stale_annotation_is_no_decision_and_its_member_is_removed_each_time() -> None:
    """It says that argogrant manages the member, whose grant is over."""
    story, stale = ended("ops")
    for _ in range(4):
        story.replace(stale)
        assert story.groups == ("ops",)

    assert story.states == [False] * 4


def test_kept_member_is_removed_with_a_stale_annotation_and_then_kept_again() -> None:
    story, stale = ended()
    story.write(stale).write(stale).replace(stale)
    assert story.groups == ()
    story.write(stale)

    assert story.groups == ("alice",)
    assert story.states == [False, True, False, True]


def test_member_without_the_stale_annotation_is_then_kept() -> None:
    story, stale = ended()
    story.replace(stale).write(stale)

    assert story.groups == ("alice",)
    assert story.states == [False, True]


def test_writer_that_drops_the_annotations_makes_no_loop() -> None:
    story, stale = ended()
    bare = replace(stale, members=None, ended=None)
    story.replace(bare)
    assert story.groups == ()
    for _ in range(3):
        story.replace(bare)

    assert story.groups == ("alice",)
    assert story.states[:2] == [False, True]
    assert story.listed[0].is_kept


MADE = Token(int(NOON.timestamp()) + 60, id="made")
MACHINE = Token(int(NOON.timestamp()) + 3600 * 24, id="machine")


def holding(project: Project, *tokens: Token) -> Project:
    return replace(project, tokens={"deployer": frozenset(tokens)})


def with_token(*tokens: Token) -> tuple[Story, Project]:
    """Return a story whose member created tokens, and the project before the end."""
    story = Story().grant()
    story.project = holding(story.project, *tokens)
    stale = story.project
    story.end()
    assert not story.project.tokens["deployer"]
    return story, stale


def test_token_that_returns_is_removed_with_the_member() -> None:
    story, stale = with_token(MADE)
    story.write(holding(stale, MADE, MACHINE))

    assert story.project.tokens["deployer"] == {MACHINE}
    assert story.groups == ()
    assert len(story.reported) == 1


def test_token_that_returns_alone_is_removed() -> None:
    story, _stale = with_token(MADE)
    story.write(holding(story.project, MADE))

    assert not story.project.tokens["deployer"]
    assert story.states == [False]


def test_token_that_returns_again_is_kept_and_reported() -> None:
    story, _stale = with_token(MADE)
    for _ in range(2):
        story.write(holding(story.project, MADE))

    assert story.project.tokens["deployer"] == {MADE}
    (kept,) = story.listed
    assert (kept.is_kept, kept.tokens) == (True, 1)
    assert "1 tokens came back" in describe_return(kept)


def test_token_of_an_earlier_grant_is_removed_while_a_later_grant_is_active() -> None:
    story, _stale = with_token(MADE)
    story.later(hours=1).grant()
    story.write(holding(story.project, MADE))

    assert not story.project.tokens["deployer"]
    assert story.groups == ("alice",)
    story.end().write(holding(story.project, MADE))
    assert not story.project.tokens["deployer"]


def test_tokens_that_others_create_after_the_end_stay() -> None:
    story, stale = with_token(MADE)
    just_after = Token(int(story.now.timestamp()), id="just after")
    story.write(holding(stale, MADE, just_after))

    assert story.project.tokens["deployer"] == {just_after}


def test_more_tokens_than_are_recorded_are_recognised_by_their_time() -> None:
    many = [Token(MADE.issued_at + n, id=str(n)) for n in range(MAX_TOKENS + 1)]
    story, stale = with_token(*many)
    story.write(holding(stale, *many, MACHINE))

    assert story.project.tokens["deployer"] == {MACHINE}
    story.write(holding(stale, *many))
    assert story.states == [False, True]
    assert story.listed[0].tokens == len(many)


def test_tokens_stay_if_the_instance_removes_none() -> None:
    story = Story()
    story.options["removes_tokens"] = False
    story.grant()
    stale = story.project = holding(story.project, MADE)
    story.end().write(stale)

    assert story.project.tokens["deployer"] == {MADE}
    assert story.groups == ()


def test_sweep_records_the_end_and_undoes_no_return() -> None:
    story = Story().grant()
    stale = story.project
    swept, plan = sweep_members(stale, NOON + 2 * HOUR)
    assert plan is not None
    assert swept.removed == 1
    story.project, story.now = applied(stale, plan), NOON + 2 * HOUR
    back = replace(story.project, roles=stale.roles)
    assert sweep_members(back, story.now)[1] is None
    story.wanted.clear()
    story.write(stale)

    assert story.groups == ()
    assert story.states == [False]


def test_deleted_instance_leaves_no_record() -> None:
    story, _stale = ended()
    assert story.project.ended is not None
    story.options["records_ends"] = False
    story.run()

    assert story.project.ended is None


def test_end_of_a_deleted_instance_is_not_recorded() -> None:
    story = Story().grant()
    story.options["records_ends"] = False
    story.end()

    assert (story.groups, story.project.ended) == ((), None)


def test_record_of_another_instance_is_left_alone() -> None:
    story, stale = ended()
    story.owner, story.living = ELSEWHERE, [ELSEWHERE]
    story.restart().write(stale)
    assert story.groups == ("alice",)
    text = story.project.ended
    bob = Binding("bob", ALICE.role)
    story.grant(bob)
    assert story.project.ended == text
    story.end(bob)

    assert read_ended(story.project.ended or "").owner == ELSEWHERE


def test_record_of_a_deleted_instance_is_taken_over() -> None:
    story, stale = ended()
    successor = replace(US, uid="u2")
    story.owner, story.living = successor, [successor]
    story.write(stale)

    assert story.groups == ()


def test_unreadable_record_is_removed() -> None:
    story = Story()
    story.project = replace(story.project, ended="?")
    story.run()

    assert story.project.ended is None


def test_record_never_takes_the_room_of_a_member() -> None:
    story, stale = ended()
    used = len(stale.members or "") + len("argogrant.dev/members") + 20
    story.project = replace(story.project, annotation_bytes=LIMIT - used)
    story.grant()
    assert story.groups == ("alice",)
    story.end()

    assert story.groups == ()


def test_latest_records_are_kept_if_they_are_too_many() -> None:
    names = [f"user-{number:03}" for number in range(MAX_RECORDS + 40)]
    story = Story()
    for name in (names[:150], names[150:]):
        bindings = [Binding(one, ALICE.role) for one in name]
        story.grant(*bindings).end(*bindings)
    records = {one.subject for one in story.project.ended_members.members}

    assert len(story.project.ended or "") <= MAX_BYTES
    assert set(names[150:]) <= records
    assert len(records) <= MAX_RECORDS


def test_memory_is_bounded() -> None:
    memory = EndedMemory()
    for number in range(3 * MAX_REMEMBERED):
        memory.observe(f"p{number}", [a_record(subject="x" * 10)])
        memory.observe("same", [a_record(subject=f"s{number}")])
    kept = sum(len(memory.of(f"p{number}")) for number in range(3 * MAX_REMEMBERED))

    assert kept + len(memory.of("same")) <= MAX_REMEMBERED
    assert len(memory.of("same")) == MAX_RECORDS


def test_memory_of_a_project_is_that_of_its_last_annotation_and_before() -> None:
    memory = EndedMemory()
    memory.observe("p", [])
    assert memory.of("p") == ()
    memory.observe("p", [a_record(returns=2)])
    memory.observe("p", [a_record(returns=1), a_record(subject="bob")])

    assert {(one.subject, one.returns) for one in memory.of("p")} == {
        *(("alice", 2), ("bob", 0)),
    }


def a_record(**fields: Any) -> EndedMember:
    return EndedMember(
        **{"role": "deployer", "subject": "alice", "since": NOON, "at": NOON, **fields}
    )


def test_record_at_the_end_of_time_does_not_expire() -> None:
    story, stale = ended()
    never = (story.project.ended or "").replace("2026-11", "9999-12")
    story.project = replace(story.project, ended=never)
    story.restart().write(stale)

    assert story.groups == ()


ENTRY = (
    '{"role":"deployer","subject":"alice","since":"2026-11-24T00:00:00Z",'
    '"at":"2026-11-24T00:00:00Z","returns":0,"kept":false,"tokens":[]}'
)
OWNER = '{"namespace":"argogrant","instance":"default","uid":"u1"}'


def text_of(*entries: str, owner: str = OWNER) -> str:
    return f'{{"version":1,"owner":{owner},"members":[{",".join(entries)}]}}'


HOSTILE = [
    pytest.param("", id="nothing"),
    pytest.param("{", id="no JSON"),
    pytest.param("[" * 100_000, id="deep JSON"),
    pytest.param(text_of(ENTRY) + " " * 999_999, id="a long text"),
    pytest.param(text_of(ENTRY, owner='{"uid":1}'), id="no owner"),
    pytest.param(text_of(ENTRY).replace("u1", "u 1"), id="an impossible owner"),
    pytest.param(text_of(ENTRY.replace("alice", "a" * 999)), id="a long subject"),
    pytest.param(text_of(ENTRY.replace("2026", "20x6")), id="no time"),
    pytest.param(text_of(ENTRY.replace(":0,", ":-1,")), id="a negative count"),
    pytest.param(text_of(ENTRY.replace(":0,", ":1e9,")), id="a count that is no int"),
    pytest.param(text_of(ENTRY.replace("[]", "{}")), id="tokens that are no list"),
    pytest.param(text_of("null", "7", '"x"', "[]"), id="entries of another type"),
]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_without_a_readable_record_is_read_as(text: str) -> None:
    assert read_ended(text).members == ()


def test_readable_records_are_read_beside_others() -> None:
    text = text_of("null", ENTRY, ENTRY.replace("[]", '[1,"\\ud800",null]'))

    assert [one.subject for one in read_ended(text).members] == ["alice", "alice"]
    assert len(read_ended(text_of(*[ENTRY] * 400)).members) == MAX_RECORDS
    assert read_ended("[]") == NOTHING_ENDED


def test_project_with_hostile_records_is_planned() -> None:
    text = text_of(ENTRY.replace("alice", "a\\nb\\ud800"), ENTRY)
    story = Story("alice", "bob")
    story.project = replace(story.project, ended=text)
    story.run()

    assert story.groups == ("bob",)


@pytest.mark.parametrize(
    ("group", "subject"),
    [
        ("alice", "alice"),
        ("Ops Team", "Ops Team"),
        ("#x", "#x"),
        ("\u7ba1", "\u7ba1"),
        (" alice", "alice"),
        ('"alice"', "alice"),
        ('"a,b"', "a,b"),
        ("a,b", "a,b"),
        ('a"b', 'a"b'),
        ("a\nb", "a\nb"),
        ("", ""),
    ],
)
def test_subject_of_a_group_is_what_argocd_reads(group: str, subject: str) -> None:
    assert subject_of(group) == subject


@given(st.text(st.sampled_from('a, "\t#'), max_size=9))
def test_subject_of_a_group_is_that_of_its_line(group: str) -> None:
    try:
        line = parse_line(f"g, {group}, role")
    except MalformedLine:
        line = None

    expected = line.subject if isinstance(line, Binding) and line.role == "role" else ""
    assert subject_of(group) == (expected if isinstance(line, Binding) else group)


MOVES: dict[str, Callable[[Story, list[Project]], object]] = {
    "grant": lambda story, _: story.grant(),
    "end": lambda story, _: story.end(),
    "stale roles": lambda story, seen: story.write(seen[-1]),
    "old roles": lambda story, seen: story.write(seen[len(seen) // 2]),
    "whole object": lambda story, seen: story.replace(seen[-1]),
    "bare object": lambda story, seen: story.replace(
        replace(seen[-1], members=None, ended=None)
    ),
    "restart": lambda story, _: story.restart(),
    "a week": lambda story, _: story.later(days=7).run(),
}


@given(st.lists(st.sampled_from(sorted(MOVES)), max_size=14))
def test_no_order_of_writes_makes_a_loop_or_a_member_without_a_report(
    moves: list[str],
) -> None:
    """``Story.run`` fails in a loop. The annotations are dropped only by "bare"."""
    story, seen = Story("carol").grant(), list[Project]()
    for name in moves:
        seen.append(story.project)
        MOVES[name](story, seen)
        assert "carol" in story.groups

    is_forgotten = {"bare object", "restart", "a week"} & set(moves)
    if "alice" in story.groups and not story.wanted and not is_forgotten:
        assert [one.subject for one in story.listed if one.is_kept] == ["alice"]


def test_owners_are_compared_as_a_whole() -> None:
    other = Owner(namespace=US.namespace, instance="other", uid="u5")
    story, stale = ended()
    story.owner, story.living = other, [US, other]
    story.restart().write(stale)

    assert story.groups == ("alice",)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_state_changes_the_identifier_and_a_new_grant_does_too() -> None:
    first = ReturnedMember(
        project="p",
        role="r",
        subject="s",
        since=moment("2026-01-01T00:00:00Z"),
        at=NOON,
        returns=1,
        is_kept=False,
    )

    assert first.id == replace(first, at=NOON + HOUR, returns=7).id
    assert first.id != replace(first, is_kept=True).id
    assert first.id != replace(first, since=moment("2026-01-02T00:00:00Z")).id
    assert len(first.id) == 12
