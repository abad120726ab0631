"""The migrations make exactly the schema that the models say, on both databases, and unmake it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine

import moziweb.freshness
import moziweb.movies.models
import moziweb.posters.models
from moziweb.db import create_engine, migrations
from moziweb.db.meta import Base
from tests.services.postgres import PostgresServer

MODELS = (moziweb.freshness, moziweb.movies.models, moziweb.posters.models)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_engine(
    request: pytest.FixtureRequest, tmp_path: Path, postgres_server: PostgresServer
) -> Iterator[Engine]:
    if request.param == "sqlite":
        engine = create_engine({"sqlalchemy.url": f"sqlite:///{tmp_path}/test.sqlite"})
        yield engine
        engine.dispose()
        return
    with postgres_server.database() as url:
        engine = create_engine({"sqlalchemy.url": url, "sqlalchemy.pool_size": 2})
        yield engine
        engine.dispose()


def test_the_migrated_schema_is_the_models_schema(empty_engine: Engine) -> None:
    migrations.upgrade(empty_engine)
    with empty_engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "render_as_batch": True}
        )
        assert compare_metadata(context, Base.metadata) == []


def test_every_check_of_the_models_is_in_the_database(empty_engine: Engine) -> None:
    """Alembic does not compare check constraints, and the enums live by them."""
    migrations.upgrade(empty_engine)
    inspector = sqlalchemy.inspect(empty_engine)
    for table in Base.metadata.sorted_tables:
        wanted = {
            str(constraint.name)
            for constraint in table.constraints
            if isinstance(constraint, sqlalchemy.CheckConstraint)
        }
        found = {constraint["name"] for constraint in inspector.get_check_constraints(table.name)}
        assert found == wanted, table.name


def test_downgrade_leaves_an_empty_database(empty_engine: Engine) -> None:
    migrations.upgrade(empty_engine)
    assert migrations.current_revision(empty_engine) == migrations.head_revision()
    migrations.downgrade(empty_engine, "base")
    assert migrations.current_revision(empty_engine) is None
    assert sqlalchemy.inspect(empty_engine).get_table_names() == ["alembic_version"]


def test_upgrading_twice_changes_nothing(empty_engine: Engine) -> None:
    migrations.upgrade(empty_engine)
    migrations.upgrade(empty_engine)
    assert migrations.current_revision(empty_engine) == migrations.head_revision()
