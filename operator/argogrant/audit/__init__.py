"""Audit stream: events of grants and instances, and the sinks that receive them."""
