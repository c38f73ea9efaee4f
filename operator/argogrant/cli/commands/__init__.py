"""Names, arguments, options and help of the commands.

These modules import click only, so that help and completion start quickly. The module
that does the work of a command is imported when the command runs.
"""
