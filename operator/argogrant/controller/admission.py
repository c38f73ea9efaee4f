"""Whether the API server vouches for who asks and who approves.

The admission policies that make it do so are watched like everything else, so that
their removal is noticed at once.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Final

from argogrant.api.admission_drift import (
    POLICY_NAMES,
    PROPAGATION_DELAY,
    Drift,
    find_drift,
    verified_since,
)
from argogrant.controller.apply import Clock
from argogrant.grants.model.identity import UNVERIFIED, RequesterVerification
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.validation import with_full_stop
from argogrant.kube.client import Body, Cluster
from argogrant.kube.errors import Forbidden, NotFound
from argogrant.kube.informer import Informer
from argogrant.kube.resources import (
    VALIDATING_BINDINGS,
    VALIDATING_POLICIES,
    Collection,
)

CHANGED: Final = Reason.ADMISSION_POLICY_CHANGED
ACCEPTED: Final = (
    "The operator runs with --accept-unverified-requesters: whoever may create"
    " AccessGrants or AccessApprovals can pretend to be anybody. Install admission/,"
    " and run it without."
)
ROLE_MISSING: Final = (
    "Give the operator's service account the ClusterRole argogrant-identity"
    " (manifests/argogrant-namespace.yaml)."
)


class AdmissionWatcher:
    """The admission policies of the cluster, kept fresh.

    Args:
        cluster: Where our own kinds are.
        on_change: Called after every change of what is known.
        clock: Tells the time in UTC.
        accepts_unverified: A person told the operator to believe what objects say.
    """

    def __init__(
        self,
        cluster: Cluster,
        on_change: Callable[[], None],
        *,
        clock: Clock,
        accepts_unverified: bool,
    ) -> None:
        self._clock = clock
        self._accepts_unverified = accepts_unverified
        self._was_changed = False
        self._mended_at: datetime | None = None
        self._seen: object = None
        self._identities = UNVERIFIED

        def changed(_before: object, _after: object) -> None:
            self.verification()  # a change is noticed also if it is undone at once
            on_change()

        self._reflectors: tuple[Informer[Body], ...] = tuple(
            Informer(
                cluster,
                Collection(resource, "", name),
                read=lambda body: body,
                on_change=changed,
            )
            for resource in (VALIDATING_POLICIES, VALIDATING_BINDINGS)
            for name in POLICY_NAMES
        )

    async def run(self) -> None:
        """Keep what is known fresh until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for reflector in self._reflectors:
                tasks.create_task(reflector.run())

    async def wait_until_observed(self) -> None:
        """Wait until every policy was looked for, or could not be."""
        for reflector in self._reflectors:
            await reflector.attempted.wait()

    async def relist(self) -> int:
        """Look again, whatever the watches said; answers the differences.

        A cluster that does not serve the kind, or does not let us look, says so in
        ``identities``.
        """
        differences = 0
        for reflector in self._reflectors:
            with suppress(NotFound, Forbidden):
                differences += await reflector.relist()
        return differences

    def verification(self) -> RequesterVerification:
        """Say what is known now; compared anew only when something was heard."""
        seen = tuple(
            (one.synced.is_set(), one.error, *one.objects.values())
            for one in self._reflectors
        )
        if seen != self._seen:
            self._seen, self._identities = seen, self._evaluate()
        return self._identities

    def _evaluate(self) -> RequesterVerification:
        if self._accepts_unverified:
            return RequesterVerification(
                reason=Reason.ACCEPTED_UNVERIFIED,
                problem=ACCEPTED,
                are_accepted_unverified=True,
            )
        failure = self._failure()
        if failure is not None:
            return RequesterVerification(reason=Reason.UNKNOWN, problem=failure)
        observed = self._observed()
        problem = find_drift(observed)
        self._record_change(problem)
        if problem is not None:
            return RequesterVerification(reason=problem.reason, problem=problem.message)
        since = verified_since(observed)
        if since is not None and self._mended_at is not None:
            since = max(since, self._mended_at + PROPAGATION_DELAY)
        return RequesterVerification(verified_since=since)

    def _record_change(self, problem: Drift | None) -> None:
        """Remember until when a policy was changed: nobody checked what came then.

        A policy that was deleted and created anew tells it by its own creation; one
        that was changed and changed back does not.
        """
        is_changed = problem is not None and problem.reason is CHANGED
        if self._was_changed and not is_changed:
            self._mended_at = self._clock()
        self._was_changed = is_changed

    def _observed(self) -> Mapping[str, Body]:
        return {
            f"{reflector.collection.resource.plural}/{name}": body
            for reflector in self._reflectors
            for name, body in reflector.objects.items()
        }

    def _failure(self) -> str | None:
        """Say why it is not known whether the policies are there."""
        for reflector in self._reflectors:
            error, what = reflector.error, reflector.collection.describe()
            if isinstance(error, Forbidden):
                problem = with_full_stop(f"{what} can not be read: {error}")
                return f"{problem} {ROLE_MISSING}"
            if reflector.synced.is_set() or isinstance(error, NotFound):
                continue
            return with_full_stop(f"{what} can not be read yet: {error}")
        return None
