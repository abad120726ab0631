"""Indexes for the lists of the manager, so that a long list costs what a short one does.

Revision: 0017, after 0016
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TITLES = "ix_movie_search_text_scan"
OF_FILMS = "ix_premiere_movie_id_premiere_precision_premiere_date"


def upgrade() -> None:
    op.create_index(OF_FILMS, "premiere", ["movie_id", "precision", "date"])
    op.drop_index("ix_premiere_movie_id", "premiere")  # the beginning of the other one
    op.create_index("ix_movie_published", "movie", ["published"])
    op.create_index("ix_manager_audit_subject_latest", "manager_audit", ["subject", "id"])
    # PostgreSQL searches by trigrams (0010). SQLite looks through all titles: here they stand close
    # together, in the table with the synopses between.
    if op.get_bind().dialect.name == "sqlite":
        op.create_index(TITLES, "movie", ["search_text"])


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.drop_index(TITLES, "movie")
    op.drop_index("ix_manager_audit_subject_latest", "manager_audit")
    op.drop_index("ix_movie_published", "movie")
    op.create_index("ix_premiere_movie_id", "premiere", ["movie_id"])
    op.drop_index(OF_FILMS, "premiere")
