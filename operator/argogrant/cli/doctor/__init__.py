"""Diagnosis of an installation: ``argogrant doctor``.

``collect`` reads facts with the caller's permissions and changes nothing; the checks
are pure. The operator already reports most problems as conditions, and the checks
repeat those. They add only facts that the operator cannot report: its CRDs, its
admission policies, its Lease, and the permissions without which it cannot report.
"""
