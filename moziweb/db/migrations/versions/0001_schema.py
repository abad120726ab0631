"""The schema of movies, premieres, people and posters.

Revision: 0001, the first
"""

import sqlalchemy as sa
from alembic import op


revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "distributor",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_distributor")),
        sa.UniqueConstraint("name", name=op.f("uq_distributor_name")),
    )
    op.create_table(
        "genre",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("name_en", sa.String(length=60), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_genre")),
        sa.UniqueConstraint("slug", name=op.f("uq_genre_slug")),
    )
    op.create_table(
        "person",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("imdb_id", sa.String(length=12), nullable=True),
        sa.Column("tmdb_id", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("imdb_id", name=op.f("uq_person_imdb_id")),
        sa.UniqueConstraint("tmdb_id", name=op.f("uq_person_tmdb_id")),
    )
    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_person_name"), ["name"], unique=False)

    op.create_table(
        "streaming_service",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_streaming_service")),
        sa.UniqueConstraint("slug", name=op.f("uq_streaming_service_slug")),
    )
    op.create_table(
        "movie",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("original_title", sa.String(length=300), nullable=False),
        sa.Column("slug", sa.String(length=120), nullable=False),
        sa.Column("synopsis", sa.Text(), nullable=False),
        sa.Column("synopsis_en", sa.Text(), nullable=False),
        sa.Column("runtime", sa.Integer(), nullable=True),
        sa.Column(
            "rating",
            sa.Enum(
                "KN",
                "6",
                "12",
                "16",
                "18",
                "X",
                name="rating",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=True,
        ),
        sa.Column("countries", sa.Text(), nullable=False),
        sa.Column("languages", sa.Text(), nullable=False),
        sa.Column("imdb_id", sa.String(length=12), nullable=True),
        sa.Column("tmdb_id", sa.Integer(), nullable=True),
        sa.Column("distributor_id", sa.Integer(), nullable=True),
        sa.Column("published", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["distributor_id"], ["distributor.id"], name=op.f("fk_movie_distributor_id_distributor")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_movie")),
        sa.UniqueConstraint("imdb_id", name=op.f("uq_movie_imdb_id")),
        sa.UniqueConstraint("tmdb_id", name=op.f("uq_movie_tmdb_id")),
    )
    with op.batch_alter_table("movie", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_movie_distributor_id"), ["distributor_id"], unique=False
        )

    op.create_table(
        "credit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("movie_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "director",
                "cast",
                name="creditrole",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("character", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["movie_id"], ["movie.id"], name=op.f("fk_credit_movie_id_movie"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_credit_person_id_person")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit")),
        sa.UniqueConstraint(
            "movie_id", "role", "position", name=op.f("uq_credit_movie_id_role_position")
        ),
    )
    with op.batch_alter_table("credit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_credit_person_id"), ["person_id"], unique=False)

    op.create_table(
        "field_provenance",
        sa.Column("movie_id", sa.Integer(), nullable=False),
        sa.Column("field", sa.String(length=40), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["movie_id"],
            ["movie.id"],
            name=op.f("fk_field_provenance_movie_id_movie"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("movie_id", "field", name=op.f("pk_field_provenance")),
    )
    op.create_table(
        "movie_genre",
        sa.Column("movie_id", sa.Integer(), nullable=False),
        sa.Column("genre_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["genre_id"], ["genre.id"], name=op.f("fk_movie_genre_genre_id_genre")
        ),
        sa.ForeignKeyConstraint(
            ["movie_id"],
            ["movie.id"],
            name=op.f("fk_movie_genre_movie_id_movie"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("movie_id", "genre_id", name=op.f("pk_movie_genre")),
    )
    with op.batch_alter_table("movie_genre", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_movie_genre_genre_id"), ["genre_id"], unique=False)

    op.create_table(
        "poster_source",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("movie_id", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "upload",
                "url",
                "drawn",
                name="sourcekind",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("chosen", sa.Boolean(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("bytes", sa.Integer(), nullable=True),
        sa.Column("format", sa.String(length=10), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("focal_x", sa.Float(), nullable=False),
        sa.Column("focal_y", sa.Float(), nullable=False),
        sa.Column("dominant_colour", sa.String(length=7), nullable=True),
        sa.Column("thumbhash", sa.String(length=60), nullable=True),
        sa.Column("etag", sa.String(length=300), nullable=True),
        sa.Column("last_modified", sa.String(length=60), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "generating",
                "ready",
                "retry_wait",
                "failed",
                name="sourcestate",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error_code", sa.String(length=40), nullable=True),
        sa.Column("lease_token", sa.String(length=32), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["movie_id"],
            ["movie.id"],
            name=op.f("fk_poster_source_movie_id_movie"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_poster_source")),
    )
    with op.batch_alter_table("poster_source", schema=None) as batch_op:
        batch_op.create_index("ix_poster_source_movie_id", ["movie_id"], unique=False)
        batch_op.create_index(
            "ix_poster_source_state_next_attempt_at", ["state", "next_attempt_at"], unique=False
        )
        batch_op.create_index(
            "uq_poster_source_movie_id_chosen",
            ["movie_id"],
            unique=True,
            sqlite_where=sa.text("chosen = 1"),
            postgresql_where=sa.text("chosen"),
        )

    op.create_table(
        "premiere",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("movie_id", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "cinema",
                "limited",
                "festival",
                "streaming",
                name="premierekind",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("service_id", sa.Integer(), nullable=True),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column(
            "precision",
            sa.Enum(
                "day",
                "month",
                "year",
                name="dateprecision",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("formats", sa.Text(), nullable=False),
        sa.Column(
            "audio",
            sa.Enum(
                "dubbed",
                "subtitled",
                "both",
                "original",
                name="audio",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=True,
        ),
        sa.Column("rerelease", sa.Boolean(), nullable=False),
        sa.Column("note", sa.String(length=300), nullable=False),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["movie_id"], ["movie.id"], name=op.f("fk_premiere_movie_id_movie"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["service_id"],
            ["streaming_service.id"],
            name=op.f("fk_premiere_service_id_streaming_service"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_premiere")),
    )
    with op.batch_alter_table("premiere", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_premiere_date_premiere_kind"), ["date", "kind"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_premiere_movie_id"), ["movie_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_premiere_service_id"), ["service_id"], unique=False)

    op.create_table(
        "trailer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("movie_id", sa.Integer(), nullable=False),
        sa.Column("site", sa.String(length=20), nullable=False),
        sa.Column("video_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["movie_id"], ["movie.id"], name=op.f("fk_trailer_movie_id_movie"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trailer")),
    )
    with op.batch_alter_table("trailer", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_trailer_movie_id"), ["movie_id"], unique=False)

    op.create_table(
        "poster_variant",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("format", sa.String(length=10), nullable=False),
        sa.Column("recipe_hash", sa.String(length=64), nullable=False),
        sa.Column("source_sha256", sa.String(length=64), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "ready",
                "superseded",
                "deleted",
                name="variantstate",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("bucket", sa.String(length=100), nullable=True),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("mime", sa.String(length=30), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("bytes", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["poster_source.id"],
            name=op.f("fk_poster_variant_source_id_poster_source"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_poster_variant")),
        sa.UniqueConstraint(
            "source_id",
            "name",
            "recipe_hash",
            "source_sha256",
            name=op.f("uq_poster_variant_source_id_name_recipe_hash_source_sha256"),
        ),
    )
    op.create_table(
        "premiere_change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("premiere_id", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("old_date", sa.Date(), nullable=False),
        sa.Column(
            "old_precision",
            sa.Enum(
                "day",
                "month",
                "year",
                name="dateprecision",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(
            ["premiere_id"],
            ["premiere.id"],
            name=op.f("fk_premiere_change_premiere_id_premiere"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_premiere_change")),
    )
    with op.batch_alter_table("premiere_change", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_premiere_change_premiere_id"), ["premiere_id"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("premiere_change", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_premiere_change_premiere_id"))

    op.drop_table("premiere_change")
    op.drop_table("poster_variant")
    with op.batch_alter_table("trailer", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_trailer_movie_id"))

    op.drop_table("trailer")
    with op.batch_alter_table("premiere", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_premiere_service_id"))
        batch_op.drop_index(batch_op.f("ix_premiere_movie_id"))
        batch_op.drop_index(batch_op.f("ix_premiere_date_premiere_kind"))

    op.drop_table("premiere")
    with op.batch_alter_table("poster_source", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_poster_source_movie_id_chosen",
            sqlite_where=sa.text("chosen = 1"),
            postgresql_where=sa.text("chosen"),
        )
        batch_op.drop_index("ix_poster_source_state_next_attempt_at")
        batch_op.drop_index("ix_poster_source_movie_id")

    op.drop_table("poster_source")
    with op.batch_alter_table("movie_genre", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_movie_genre_genre_id"))

    op.drop_table("movie_genre")
    op.drop_table("field_provenance")
    with op.batch_alter_table("credit", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_credit_person_id"))

    op.drop_table("credit")
    with op.batch_alter_table("movie", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_movie_distributor_id"))

    op.drop_table("movie")
    op.drop_table("streaming_service")
    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_person_name"))

    op.drop_table("person")
    op.drop_table("genre")
    op.drop_table("distributor")
