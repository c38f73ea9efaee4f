"""Command line: typed commands; with the handlers, the only readers of settings."""
