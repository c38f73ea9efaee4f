"""Simulation of Argo CD's authorization, with the same decisions as its enforcer."""
