"""The kinds as Kubernetes objects: Pydantic models, dict to domain and back, CRDs.

The models are the single source of the CRDs and of the reference documentation. Raw
dicts enter and leave argogrant here and nowhere else.
"""
