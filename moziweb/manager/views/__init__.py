"""Views of the manager, a module per subject."""
