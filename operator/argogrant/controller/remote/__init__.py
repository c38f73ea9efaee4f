"""Argo CD in another cluster: the connection and the rotation of its token."""
