"""Tests with Argo CD's controllers; as a package, they share them."""
