"""Bindings that are written into AppProjects instead of the ConfigMap."""
