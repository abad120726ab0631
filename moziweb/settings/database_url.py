"""The type of ``sqlalchemy.url``; only this module of the settings imports SQLAlchemy."""

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from .schema import ValueType


def _database_url(value: str) -> str:
    # Heroku writes postgres://, others postgresql://; both mean psycopg 3 here.
    for prefix in ("postgres://", "postgresql://"):
        if value.startswith(prefix):
            value = "postgresql+psycopg://" + value.removeprefix(prefix)
    if not value.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError(value)
    try:
        make_url(value)  # raises ValueError for a port that is not a number
    except ArgumentError:
        raise ValueError(value) from None
    return value


DATABASE_URL = ValueType("sqlite:///path or postgresql://user:password@host/name", _database_url)
