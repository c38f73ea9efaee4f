"""What leaves the operator beside the objects themselves."""
