"""Argo CD's formats: RBAC policies, ``argocd-cm`` and the roles of AppProjects.

Pure: text in, typed values out, and back. This package knows the grammar and the keys
of ``argocd-rbac-cm`` and the roles of an AppProject. It does not know AccessGrants.
"""
