"""The manager: users, sessions, attempts to sign in, the audit, drafts; what films are found by.

Revision: 0005, after 0004
"""

import re
import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "manager_user",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("password_hash", sa.String(200), nullable=False),
        sa.Column(
            "role",
            sa.Enum("editor", "admin", name="role", native_enum=False, length=20, create_constraint=True),
            nullable=False,
        ),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("disabled_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_manager_user")),
        sa.UniqueConstraint("name", name=op.f("uq_manager_user_name")),
    )
    op.create_table(
        "manager_session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("csrf_token", sa.String(64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("address", sa.String(60), nullable=False),
        sa.Column("agent", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_manager_session")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_manager_session_token_hash")),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["manager_user.id"],
            name=op.f("fk_manager_session_user_id_manager_user"),
            ondelete="CASCADE",
        ),
    )
    op.create_index(op.f("ix_manager_session_user_id"), "manager_session", ["user_id"])
    op.create_table(
        "manager_sign_in_attempt",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("address", sa.String(60), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column(
            "outcome",
            sa.Enum(
                "failed", "refused", "succeeded",
                name="outcome", native_enum=False, length=20, create_constraint=True,
            ),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_manager_sign_in_attempt")),
    )
    op.create_index("ix_manager_sign_in_attempt_name_at", "manager_sign_in_attempt", ["name", "at"])
    op.create_index(
        "ix_manager_sign_in_attempt_address_at", "manager_sign_in_attempt", ["address", "at"]
    )
    op.create_table(
        "manager_audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("user_name", sa.String(60), nullable=False),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("subject", sa.String(20), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=True),
        sa.Column("subject_name", sa.String(300), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("pages", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_manager_audit")),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["manager_user.id"],
            name=op.f("fk_manager_audit_user_id_manager_user"),
            ondelete="SET NULL",
        ),
    )
    op.create_index(op.f("ix_manager_audit_at"), "manager_audit", ["at"])
    op.create_index(op.f("ix_manager_audit_user_id"), "manager_audit", ["user_id"])
    op.create_index("ix_manager_audit_subject", "manager_audit", ["subject", "subject_id"])
    op.create_table(
        "manager_draft",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("path", sa.String(300), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_manager_draft")),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["manager_user.id"],
            name=op.f("fk_manager_draft_user_id_manager_user"),
            ondelete="CASCADE",
        ),
    )
    op.create_index(op.f("ix_manager_draft_user_id"), "manager_draft", ["user_id"])
    # SQLite adds a column in place: a batch would rebuild the table, and what refers to it.
    op.add_column("movie", sa.Column("search_text", sa.Text(), nullable=False, server_default=""))
    op.add_column("movie", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.create_index(op.f("ix_movie_slug"), "movie", ["slug"])
    op.create_index(op.f("ix_movie_updated_at"), "movie", ["updated_at"])
    op.create_index(
        "ix_field_provenance_source_fetched_at", "field_provenance", ["source", "fetched_at"]
    )
    fill_search_text()


def folded(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(each for each in apart if not unicodedata.combining(each))
    return " ".join(re.sub(r"[^\w]+", " ", plain).split())


def search_text(title: str, original_title: str) -> str:
    first, second = folded(title), folded(original_title)
    return first if first == second else f"{first} {second}".strip()


def fill_search_text() -> None:
    connection = op.get_bind()
    movie = sa.table(
        "movie", sa.column("id"), sa.column("title"), sa.column("original_title"),
        sa.column("search_text"),
    )
    rows = [
        {"number": row.id, "found_by": search_text(row.title, row.original_title)}
        for row in connection.execute(sa.select(movie.c.id, movie.c.title, movie.c.original_title))
    ]
    if rows:
        connection.execute(
            sa.update(movie)
            .where(movie.c.id == sa.bindparam("number"))
            .values(search_text=sa.bindparam("found_by")),
            rows,
        )


def downgrade() -> None:
    op.drop_index("ix_field_provenance_source_fetched_at", "field_provenance")
    op.drop_index(op.f("ix_movie_updated_at"), "movie")
    op.drop_index(op.f("ix_movie_slug"), "movie")
    op.drop_column("movie", "version")
    op.drop_column("movie", "search_text")
    op.drop_table("manager_draft")
    op.drop_table("manager_audit")
    op.drop_table("manager_sign_in_attempt")
    op.drop_table("manager_session")
    op.drop_table("manager_user")
