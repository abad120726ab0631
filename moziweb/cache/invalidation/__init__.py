"""Invalidation from SQLAlchemy sessions: declarations, tracking, the outbox and its relay."""
