"""The manager: where signed-in editors and administrators change the site."""

from typing import TYPE_CHECKING

# Rows of the audit log refer to users: a process that writes them needs the table of users.
from .auth import models as _models  # noqa: F401

if TYPE_CHECKING:
    from pyramid.config import Configurator


def includeme(config: "Configurator") -> None:
    """Include `wiring`.

    This module imports the models alone: commands and workers write the audit log without pages.
    """
    config.include(".wiring")
