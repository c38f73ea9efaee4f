"""Watcher of the admission policies that verify requesters and approvers.

The API server verifies ``spec.requester`` and ``spec.approver`` only while the shipped
admission policies are installed and unchanged. The operator watches them like its own
kinds, so a change takes effect at once: no AccessPolicy matches until it is undone.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Final

from argogrant.api.admission_drift import (
    POLICY_NAMES,
    PROPAGATION_DELAY,
    find_drift,
    trusted_front_ends,
    verified_since,
)
from argogrant.controller.apply import Clock
from argogrant.controller.faults import log_failure
from argogrant.controller.permissions import IDENTITY_ROLE, remedy_for
from argogrant.grants.model.identity import UNVERIFIED, RequesterVerification
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.validation import with_full_stop
from argogrant.kube.client import Body, Cluster
from argogrant.kube.errors import Forbidden, NotFound
from argogrant.kube.informer import Informer
from argogrant.kube.refusals import Cause, refusal_of
from argogrant.kube.resources import (
    VALIDATING_BINDINGS,
    VALIDATING_POLICIES,
    Collection,
)

ACCEPTED: Final = (
    "The operator runs with --accept-unverified-requesters: anyone who can create"
    " AccessGrants or AccessApprovals can name any user as requester or approver."
    " Install admission/, and run the operator without this option."
)


class AdmissionWatcher:
    """Observed admission policies of the cluster, and what follows from them.

    Args:
        cluster: API server of argogrant's own kinds.
        on_change: Called after every change of the observed policies.
        accepts_unverified: The operator runs with ``--accept-unverified-requesters``.
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
        self._restored_at: datetime | None = None
        self._observed_state: object = None
        self._verification = UNVERIFIED

        def changed(_before: object, _after: object) -> None:
            # Evaluated at once: a change that is undone before the next reconciliation
            # still moves the time from which requesters are verified.
            self.verification()
            on_change()

        self.informers: tuple[Informer[Body], ...] = tuple(
            Informer(
                cluster,
                Collection(resource, "", name),
                read=lambda body: body,
                on_change=changed,
            )
            for resource in (VALIDATING_POLICIES, VALIDATING_BINDINGS)
            for name in POLICY_NAMES
        )
        """The informers, each of which has to run."""

    async def wait_until_observed(self) -> None:
        """Wait until every policy was listed, or the list failed."""
        for informer in self.informers:
            await informer.attempted.wait()

    async def relist(self) -> int:
        """List the policies again and return the number of differences.

        If the kind is not served or may not be read, ``verification`` reports it.
        """
        differences = 0
        for informer in self.informers:
            with suppress(NotFound, Forbidden):
                differences += await informer.relist()
        return differences

    def verification(self) -> RequesterVerification:
        """Return whether requesters are verified, evaluated again after a change."""
        state = tuple(
            (one.synced.is_set(), one.error, *one.objects.values())
            for one in self.informers
        )
        if state != self._observed_state:
            self._observed_state, self._verification = state, self._try_to_evaluate()
        return self._verification

    def _try_to_evaluate(self) -> RequesterVerification:
        """Return that nothing is known if the evaluation fails unexpectedly."""
        try:
            return self._evaluate()
        except Exception as error:  # noqa: BLE001 - removals must not depend on it
            log_failure("the admission policies", error)
            return RequesterVerification(
                reason=Reason.UNKNOWN,
                problem=(
                    "The operator failed unexpectedly to compare the admission policies"
                    f" ({type(error).__name__}), so no AccessPolicy matches. Report"
                    " this with the operator's log."
                ),
            )

    def _evaluate(self) -> RequesterVerification:
        observed = {
            f"{informer.collection.resource.plural}/{name}": body
            for informer in self.informers
            for name, body in informer.objects.items()
        }
        front_ends = trusted_front_ends(observed)
        if self._accepts_unverified:
            return RequesterVerification(
                reason=Reason.ACCEPTED_UNVERIFIED,
                problem=ACCEPTED,
                are_accepted_unverified=True,
                trusted_front_ends=front_ends,
            )
        failure = self._failure()
        if failure is not None:
            return RequesterVerification(reason=Reason.UNKNOWN, problem=failure)
        drift = find_drift(observed)
        reason = drift.reason if drift is not None else None
        is_changed = reason is Reason.ADMISSION_POLICY_CHANGED
        # Objects created while a policy was changed are not verified. A policy that was
        # deleted and created again has a new creationTimestamp, which
        # ``verified_since`` uses; a policy that was edited twice has not.
        if self._was_changed and not is_changed:
            self._restored_at = self._clock()
        self._was_changed = is_changed
        if drift is not None:
            return RequesterVerification(reason=drift.reason, problem=drift.message)
        since = verified_since(observed)
        if since is not None and self._restored_at is not None:
            since = max(since, self._restored_at + PROPAGATION_DELAY)
        return RequesterVerification(
            verified_since=since, trusted_front_ends=front_ends
        )

    def _failure(self) -> str | None:
        """Return why it is unknown whether the policies are installed."""
        for informer in self.informers:
            error, subject = informer.error, informer.collection.describe()
            if isinstance(error, Forbidden):
                problem = with_full_stop(f"{subject} cannot be read: {error}")
                if refusal_of(error).cause is not Cause.PERMISSION:
                    return f"{problem} {remedy_for(error)}"
                return f"{problem} {IDENTITY_ROLE.remedy()}"
            if informer.synced.is_set() or isinstance(error, NotFound):
                continue
            return with_full_stop(f"{subject} cannot be read yet: {error}")
        return None
