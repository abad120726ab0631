"""Maintenance of posters: the logic of ``moziweb posters gc|reconcile|verify|status|retry``."""
