"""Reports: conditions, audit events, and the release of grants that are over.

``reporter`` and the modules that it reads report only. ``finalizers`` and ``retention``
act: they release deleted grants and delete ended ones.
"""
