"""Tests under access policies; as a package, they share one operator."""
