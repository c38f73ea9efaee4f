"""The commands: thin, typed, and the only place beside the handlers with settings."""
