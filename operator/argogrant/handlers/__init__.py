"""kopf's side: it wakes, stops and times ``argogrant.controller``, and no more."""

from argogrant.handlers import instances
from argogrant.handlers import startup as lifecycle

__all__ = ["instances", "lifecycle"]
