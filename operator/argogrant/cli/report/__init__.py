"""The command ``report``: who held which role, when, and why."""
