"""Commands that predict answers and changes: can, plan."""
