"""What Argo CD answers under a policy, decided as its own enforcer decides. Pure."""
