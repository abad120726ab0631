"""What importers keep: films' identities in lists, and where pictures are from.

Revision: 0006, after 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "movie_reference",
        sa.Column("list_name", sa.String(40), nullable=False),
        sa.Column("ref", sa.String(200), nullable=False),
        sa.Column("movie_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["movie_id"],
            ["movie.id"],
            name=op.f("fk_movie_reference_movie_id_movie"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("list_name", "ref", name=op.f("pk_movie_reference")),
    )
    op.create_index(
        op.f("ix_movie_reference_movie_id"), "movie_reference", ["movie_id"], unique=False
    )
    op.add_column("poster_source", sa.Column("origin", sa.String(20), nullable=True))
    op.add_column(
        "poster_source", sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=True)
    )


def downgrade() -> None:
    # No batch: it would make the table anew on SQLite, and forget its checks.
    op.drop_column("poster_source", "fetched_at")
    op.drop_column("poster_source", "origin")
    op.drop_table("movie_reference")
