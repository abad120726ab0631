"""Names of uploaded posters, and indexes of what movies lack, for the manager.

Revision: 0028, after 0027
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

LACKING = {
    "ix_movie_without_synopsis": "synopsis = ''",
    "ix_movie_without_rating": "rating IS NULL",
}


def upgrade() -> None:
    op.add_column("poster_source", sa.Column("file_name", sa.String(200), nullable=True))
    for name, condition in LACKING.items():
        where = sa.text(condition)
        op.create_index(name, "movie", ["id"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    for name in LACKING:
        op.drop_index(name, "movie")
    op.drop_column("poster_source", "file_name")
