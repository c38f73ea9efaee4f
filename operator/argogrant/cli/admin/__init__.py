"""Commands for administrators: operator, sweep, uninstall, version."""
