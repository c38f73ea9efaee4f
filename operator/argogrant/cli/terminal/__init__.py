"""Output for a terminal: tables, times, checklists, serialized objects."""
