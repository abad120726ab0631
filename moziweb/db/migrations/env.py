"""Run by Alembic for each command; the connection is handed in by ``moziweb.db.migrations``."""

from alembic import context
from sqlalchemy import MetaData

from moziweb.db.meta import NAMING_CONVENTION

attributes = context.config.attributes

context.configure(
    connection=attributes["connection"],
    # The models are handed in only where a new revision is made; running one needs their names'
    # convention alone, so that this floor knows nothing of movies.
    target_metadata=attributes.get("metadata", MetaData(naming_convention=NAMING_CONVENTION)),
    render_item=attributes.get("render_item", lambda *_: False),
    # SQLite cannot alter a constraint in place: batches rebuild the table there.
    render_as_batch=True,
    compare_type=True,
    # True on SQLite too, since moziweb.db.engine begins transactions itself.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
