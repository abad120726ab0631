"""Keeps SQLite from giving the id of a deleted row to a new one.

Revision: 0048, after 0047

Addresses, calendars, audit entries and items of the bin name rows by their ids, also after the
deletion. PostgreSQL's sequences never return an id twice; SQLite returns the largest one again
unless the key is AUTOINCREMENT. What is stored in a table does not depend on that, so only the
statements in the schema are changed: https://www.sqlite.org/lang_altertable.html (section 7).
Copies of the tables would take long on a large site, and lose the triggers.
"""

from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None

TABLES = (
    "cache_journal", "cache_warming", "credit", "distributor", "genre", "import_job",
    "import_upload", "manager_audit", "manager_bin", "manager_bulk_job", "manager_draft",
    "manager_passkey", "manager_session", "manager_sign_in_attempt", "manager_user", "movie",
    "person", "poster_held_object", "poster_share", "poster_source", "poster_variant", "premiere",
    "premiere_change", "streaming_service", "trailer",
)  # fmt: skip
KEY, KEY_ONCE = "PRIMARY KEY (id)", "PRIMARY KEY (id AUTOINCREMENT)"

# The ids of deleted rows that audit entries and the bin name: those of subjects, of the rows of
# items, of premieres that a change has removed, of rows that a merge has changed, and of items
# whose objects are not yet removed.
NAMED = (
    "SELECT iif(subject = 'film', 'movie', iif(subject = 'service', 'streaming_service', subject))"
    " AS name, subject_id AS seq FROM manager_audit",
    "SELECT part.key, json_extract(item.value, '$.id')"
    " FROM manager_bin, json_each(rows) AS part, json_each(part.value) AS item",
    "SELECT part.key, json_extract(item.value, '$.id') FROM manager_audit,"
    " json_each(fields, '$.premieres.removed') AS removed, json_each(removed.value) AS part,"
    " json_each(part.value) AS item",
    "SELECT json_extract(part.value, '$[0]'), json_extract(part.value, '$[1].id')"
    " FROM manager_audit, json_each(fields, '$.rows.before') AS part",
    "SELECT 'manager_bin', holder FROM poster_held_object",
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        change_keys(KEY, KEY_ONCE)
        op.execute(
            "INSERT INTO sqlite_sequence (name, seq)"
            f" SELECT name, max(seq) FROM ({' UNION ALL '.join(NAMED)})"
            f" WHERE name IN {TABLES} AND seq IS NOT NULL GROUP BY name"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        change_keys(KEY_ONCE, KEY)
        op.execute("DELETE FROM sqlite_sequence")


def change_keys(old: str, new: str) -> None:
    # SQLite makes `sqlite_sequence` with the first such table.
    op.execute("CREATE TABLE first (id INTEGER PRIMARY KEY AUTOINCREMENT)")
    op.execute("DROP TABLE first")
    version = op.get_bind().exec_driver_sql("PRAGMA schema_version").scalar_one()
    op.execute("PRAGMA writable_schema = ON")
    op.execute(
        f"UPDATE sqlite_master SET sql = replace(sql, '{old}', '{new}')"
        f" WHERE type = 'table' AND name IN {TABLES}"
    )
    op.execute(f"PRAGMA schema_version = {version + 1}")  # other connections read it again
    op.execute("PRAGMA writable_schema = RESET")  # so does this one
