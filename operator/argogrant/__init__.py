"""Time-bound, approved, audited access to Argo CD, as Kubernetes objects."""

__version__ = "0.1.0"
