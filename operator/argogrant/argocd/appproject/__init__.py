"""Roles of an AppProject: members, the annotation that owns them, the plan. Pure."""
