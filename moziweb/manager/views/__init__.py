"""The views of the manager, one module for each subject."""
