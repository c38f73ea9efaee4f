"""Commands that show grants and roles: list, show, roles."""
