"""Reconciliation of the AccessGrants of a namespace with its Argo CD installations."""
