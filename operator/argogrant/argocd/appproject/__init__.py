"""Roles of AppProjects: members, the annotation that records them, the plan."""
