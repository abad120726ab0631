"""A user without a second factor."""

import pytest
from sqlalchemy.orm import Session

from moziweb.manager.audit.log import COMMAND
from moziweb.manager.auth.accounts import add_user
from moziweb.manager.auth.models import Role, User
from tests.conftest import NOW
from tests.manager.conftest import PASSWORD


@pytest.fixture
def anna(dbsession: Session) -> User:
    """An editor."""
    return add_user(dbsession, "anna", PASSWORD, Role.EDITOR, by=COMMAND, now=NOW)
