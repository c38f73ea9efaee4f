"""Commands that print grants and roles: list, show and roles."""
