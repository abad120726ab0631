"""Under which names the sources of imports know our films."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from moziweb.clock import utc_now
from moziweb.db.meta import Base


class ImportMark(Base):
    """How far something that is looked through again and again has been looked through."""

    __tablename__ = "import_mark"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    at: Mapped[datetime]


class MovieReference(Base):
    """A film's identity in a list: a second import of that list finds the film by it.

    ``ref`` is the list's own id, or its title and year where it has none. It bears no tag: no page
    shows it.
    """

    __tablename__ = "movie_reference"

    list_name: Mapped[str] = mapped_column(String(40), primary_key=True)
    ref: Mapped[str] = mapped_column(String(200), primary_key=True)
    movie_id: Mapped[int] = mapped_column(ForeignKey("movie.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
