"""The bin of the manager, and the values of audit entries from which changes are taken back.

Revision: 0025, after 0024
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "manager_bin",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "film",
                "poster",
                "person",
                "genre",
                "distributor",
                name="binkind",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("row_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("rows", sa.JSON(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("user_name", sa.String(60), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["manager_user.id"],
            name=op.f("fk_manager_bin_user_id_manager_user"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_manager_bin")),
    )
    op.create_index("ix_manager_bin_kind_row_id", "manager_bin", ["kind", "row_id"])
    op.create_index(op.f("ix_manager_bin_deleted_at"), "manager_bin", ["deleted_at"])
    op.create_index(op.f("ix_manager_bin_user_id"), "manager_bin", ["user_id"])
    op.create_table(
        "poster_held_object",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("holder", sa.Integer(), nullable=False),
        sa.Column("movie_id", sa.Integer(), nullable=False),
        sa.Column("bucket", sa.String(100), nullable=True),
        sa.Column("key", KEY, nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_poster_held_object")),
    )
    op.create_index("ix_poster_held_object_key", "poster_held_object", ["key"])
    for column in ("holder", "released_at"):
        op.create_index(op.f(f"ix_poster_held_object_{column}"), "poster_held_object", [column])
    op.add_column("manager_audit", sa.Column("fields", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("manager_audit", sa.Column("batch", sa.String(40), nullable=True))
    op.add_column("manager_audit", sa.Column("undoes", sa.Integer(), nullable=True))
    for column in ("batch", "undoes"):
        op.create_index(op.f(f"ix_manager_audit_{column}"), "manager_audit", [column])


def downgrade() -> None:
    for column in ("undoes", "batch"):
        op.drop_index(op.f(f"ix_manager_audit_{column}"), "manager_audit")
    for column in ("undoes", "batch", "fields"):
        op.drop_column("manager_audit", column)
    op.drop_table("poster_held_object")
    op.drop_table("manager_bin")
