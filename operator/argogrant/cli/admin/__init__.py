"""Commands of an administrator: operator, sweep, uninstall, version."""
