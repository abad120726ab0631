"""Maintenance of posters and storage: what ``moziweb posters gc|reconcile|verify|status|retry`` does."""
