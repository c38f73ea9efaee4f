"""Command line: typed commands; with the handlers, the only readers of settings."""

from argogrant.cli.import_path import protect_imports

# Before any command imports a library: see the module.
protect_imports()
