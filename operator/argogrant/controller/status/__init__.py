"""What the operator reports: conditions, audit records, finalizers and retention."""
