"""Access policies and approvals: whether a grant is approved, and why not."""
