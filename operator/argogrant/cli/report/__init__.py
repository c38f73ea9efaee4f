"""The command ``report``: who had which role, when and why."""
