"""Maintenance of posters: ``moziweb posters gc|reconcile|verify|status|retry`` does."""
