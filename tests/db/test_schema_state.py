"""The revision of a database, read without Alembic."""

import pytest
from alembic.script import ScriptDirectory

from moziweb.db.migrations import alembic_config
from moziweb.db.schema_state import SchemaState, head_revision, known_revisions, schema_state


def test_revisions_are_those_of_alembic() -> None:
    script = ScriptDirectory.from_config(alembic_config())
    assert known_revisions() == tuple(each.revision for each in script.walk_revisions())
    assert script.get_heads() == [head_revision()]


@pytest.mark.parametrize(
    ("revision", "state"),
    [
        (None, SchemaState.OUTDATED),
        ("0001", SchemaState.OUTDATED),
        (head_revision(), SchemaState.CURRENT),
        ("0000", SchemaState.OUTDATED),
    ],
)
def test_schema_is_compared_with_the_code(revision: str | None, state: SchemaState) -> None:
    assert schema_state(revision) is state
