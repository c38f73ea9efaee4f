"""Prometheus metrics and the health endpoints of the operator."""
