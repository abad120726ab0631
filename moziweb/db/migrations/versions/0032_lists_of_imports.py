"""Lists of imports: uploaded files, formats of distributors, flags and choices of items.

Revision: 0032, after 0031
"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "list_format",
        sa.Column("name", sa.String(36), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("ignored", sa.JSON(), nullable=False),
        sa.Column("encoding", sa.String(20), nullable=False),
        sa.Column("date_format", sa.String(40), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_list_format")),
    )
    op.create_table(
        "import_upload",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(300), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("encoding", sa.String(20), nullable=False),
        sa.Column("list_name", sa.String(30), nullable=False),
        sa.Column("date_format", sa.String(40), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=True),
        sa.Column("job_id", sa.Integer(), nullable=True),
        sa.Column("user_name", sa.String(60), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["import_job.id"],
            name=op.f("fk_import_upload_job_id_import_job"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_upload")),
    )
    for column in ("job_id", "created_at"):
        op.create_index(op.f(f"ix_import_upload_{column}"), "import_upload", [column])
    for name, type_ in (("flags", sa.JSON()), ("possible", sa.JSON()), ("choice", sa.Integer())):
        op.add_column("import_item", sa.Column(name, type_, nullable=True))


def downgrade() -> None:
    for name in ("flags", "possible", "choice"):
        op.drop_column("import_item", name)
    op.drop_table("import_upload")
    op.drop_table("list_format")
