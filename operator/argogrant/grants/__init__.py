"""Decisions about grants: is this one in force at this instant, and why not.

Pure: facts in, a decision out. This room knows no clock, no API server and no text
of Argo CD's; whoever calls it gathers the facts first.
"""
