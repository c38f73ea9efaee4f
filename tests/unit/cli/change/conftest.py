"""Commands that wait for the operator's first report, without an operator."""

from datetime import timedelta

import pytest

from argogrant.cli.change import verdict


@pytest.fixture(autouse=True)
def short_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first report comes at once, or does not come."""
    monkeypatch.setattr(verdict, "USUAL_DELAY", timedelta(milliseconds=200))
