"""Tests where access policies decide; a package, so that its operator ends with it."""
