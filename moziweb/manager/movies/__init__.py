"""Films as the manager sees them: the list, the form, saving, and what saving will do."""
