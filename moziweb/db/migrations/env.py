"""Alembic runs this module for each command; ``moziweb.db.migrations`` passes the connection."""

from alembic import context
from sqlalchemy import MetaData

from moziweb.db.meta import NAMING_CONVENTION

attributes = context.config.attributes

context.configure(
    connection=attributes["connection"],
    # Only `revision` passes the models; running a migration needs only the naming convention.
    target_metadata=attributes.get("metadata", MetaData(naming_convention=NAMING_CONVENTION)),
    render_item=attributes.get("render_item", lambda *_: False),
    # SQLite cannot alter a constraint in place: a batch rebuilds the table.
    render_as_batch=True,
    compare_type=True,
    # True on SQLite too, since moziweb.db.engine begins transactions itself.
    transactional_ddl=True,
    # On PostgreSQL, so that a migration releases its locks before the next one begins. On SQLite,
    # moziweb.db.migrations has begun one transaction for all.
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
