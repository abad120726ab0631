"""On SQLite, trigram indexes of the texts that the search looks in. PostgreSQL has some since 0010.

Revision: 0027, after 0026
"""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

TABLES = ("movie", "person")


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    for name in TABLES:
        index = f"{name}_trigram"
        op.execute(
            f"CREATE VIRTUAL TABLE {index} USING"
            " fts5 (text, tokenize = 'trigram', detail = none, columnsize = 0)"
        )
        op.execute(
            f"INSERT INTO {index} (rowid, text) SELECT id, ' ' || search_text || ' ' FROM {name}"
        )
        op.execute(
            f"CREATE TRIGGER {index}_insert AFTER INSERT ON {name} BEGIN"
            f" INSERT INTO {index} (rowid, text) VALUES (new.id, ' ' || new.search_text || ' ');"
            " END"
        )
        op.execute(
            f"CREATE TRIGGER {index}_update AFTER UPDATE OF search_text ON {name}"
            " WHEN old.search_text <> new.search_text BEGIN"
            f" UPDATE {index} SET text = ' ' || new.search_text || ' ' WHERE rowid = new.id;"
            " END"
        )
        op.execute(
            f"CREATE TRIGGER {index}_delete AFTER DELETE ON {name} BEGIN"
            f" DELETE FROM {index} WHERE rowid = old.id;"
            " END"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    for name in TABLES:
        for event in ("insert", "update", "delete"):
            op.execute(f"DROP TRIGGER {name}_trigram_{event}")
        op.execute(f"DROP TABLE {name}_trigram")
