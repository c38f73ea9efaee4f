"""Access to Kubernetes API servers; no other package sends requests to them."""
