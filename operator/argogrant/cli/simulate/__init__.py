"""Commands that answer without a change: can, plan."""
