"""Movies in the manager: list, form, saving, and the pages that a change invalidates."""
