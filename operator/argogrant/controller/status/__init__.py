"""Reports: conditions, audit events, and the removal of finalizers."""
