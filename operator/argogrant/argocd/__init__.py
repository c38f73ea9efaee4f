"""Argo CD's RBAC text: read as Argo CD reads it, and written without surprises.

Pure: text in, typed values out, and back. This room knows the grammar and the keys of
``argocd-rbac-cm`` and the roles of an AppProject; it does not know why anybody wants a
binding.
"""
