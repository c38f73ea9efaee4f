"""kopf's side: it wakes, stops and times ``argogrant.instance``, and no more."""

from argogrant.handlers import grants, instances, lifecycle

__all__ = ["grants", "instances", "lifecycle"]
