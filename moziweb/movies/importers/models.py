"""Tables of imports: references of movies in lists, formats of lists, checkpoints of refreshes."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from moziweb.clock import utc_now
from moziweb.db.meta import Base


class ImportCheckpoint(Base):
    """The time up to which a recurring job has read its source."""

    __tablename__ = "import_mark"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    at: Mapped[datetime]


class MovieReference(Base):
    """The identity of a movie in a list, by which a second import of the list finds the movie.

    ``ref`` is the list's own id, or title and year. The table has no tags: no page shows it.
    """

    __tablename__ = "movie_reference"

    list_name: Mapped[str] = mapped_column(String(40), primary_key=True)
    ref: Mapped[str] = mapped_column(String(200), primary_key=True)
    movie_id: Mapped[int] = mapped_column(ForeignKey("movie.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class ListFormat(Base):
    """How the lists of one distributor are read, as an editor has confirmed it.

    ``columns`` maps columns to headings, ``ignored`` are the headings without a column. The table
    has no tags: no page shows it.
    """

    __tablename__ = "list_format"

    name: Mapped[str] = mapped_column(String(36), primary_key=True)
    columns: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    ignored: Mapped[list[str]] = mapped_column(JSON, default=list)
    encoding: Mapped[str] = mapped_column(String(20), default="")
    date_format: Mapped[str] = mapped_column(String(40), default="")
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)
