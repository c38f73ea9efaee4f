"""The four kinds as Kubernetes objects: Pydantic models, conversion, CRDs.

The models are the only source of the CRDs and of the reference documentation. Only this
package converts between JSON and the types of ``argogrant.grants``.
"""
