"""The views of the pages, one module for each subject."""
