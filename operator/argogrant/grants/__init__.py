"""Decisions about grants: whether a grant is in force at an instant, and why not.

Pure: the caller provides all facts, including the time. This package knows neither the
API server nor the format of Argo CD's policy. Start with ``checks`` and ``decide``;
``access`` evaluates access policies and approvals, ``model`` contains the data.
"""
