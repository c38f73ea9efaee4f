"""Tests with Argo CD's controllers; a package, so that these end with it."""
