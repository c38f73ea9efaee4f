"""kopf's side: it wakes, stops and times ``argogrant.instance``, and no more."""

from argogrant.handlers import instances, lifecycle

__all__ = ["instances", "lifecycle"]
