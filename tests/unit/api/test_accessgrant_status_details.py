"""What a grant's status tells its holder, and when that changes."""

from typing import Any

import pytest

from argogrant.api.accessgrant_status import AccessGrantStatus, grant_status
from argogrant.api.argocdinstance import read_instance
from argogrant.grants.conditions import BindingOutcome
from argogrant.grants.model.errors import InvalidGrant
from support.builders import HOUR, NOON, a_grant, decided

TEXT = {"url": "https://a.dev", "access_details": "{subject} at {url}"}
SAID = {"url": "https://a.dev", "accessDetails": "alice at https://a.dev"}


def told(
    old: dict[str, Any] | None = None, now=NOON, **instance: Any
) -> dict[str, Any]:
    """The whole status of a grant of an hour."""
    status = grant_status(
        decided(a_grant(), now, **instance),
        BindingOutcome(is_bound=now < NOON + HOUR),
        old=old or {},
        generation=1,
        now=now,
    )
    AccessGrantStatus.model_validate(status)
    return status


def guidance(status: dict[str, Any]) -> dict[str, Any]:
    return {key: status[key] for key in ("url", "accessDetails") if key in status}


@pytest.mark.parametrize(
    ("before", "now", "instance", "after"),
    [
        pytest.param({}, NOON, TEXT, SAID, id="at the start"),
        pytest.param(SAID, NOON, {}, {}, id="until nothing is said any longer"),
        pytest.param(SAID, NOON + HOUR, TEXT, SAID, id="also at the end"),
        pytest.param(
            SAID, NOON + HOUR, {"url": "https://b.dev"}, SAID, id="as it was at the end"
        ),
        pytest.param(SAID, NOON, {"exists": False}, SAID, id="if nobody can say more"),
    ],
)
def test_the_holder_is_told(before, now, instance, after) -> None:
    assert guidance(told(before, now, **instance)) == after


def test_what_is_over_keeps_what_was_said() -> None:
    ended = told(told(**TEXT), NOON + HOUR, **TEXT)
    later = told(ended, NOON + HOUR, url="https://b.dev", access_details="Go away.")

    assert "endedAt" in ended
    assert later == ended


@pytest.mark.parametrize("text", ["{user}", "a\u202eb", "a\tb"])
def test_a_text_that_can_not_be_shown_is_refused(text) -> None:
    """Also where an older CRD, or none, let it pass."""
    body = {
        "metadata": {"name": "default", "namespace": "argogrant", "uid": "u"},
        "spec": {"accessDetails": text},
    }
    with pytest.raises(InvalidGrant, match=r"spec\.accessDetails: .*holds"):
        read_instance(body)
