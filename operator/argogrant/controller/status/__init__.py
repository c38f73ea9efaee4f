"""Reports: conditions, audit events, and the release of grants that are over."""
