"""Uploaded or fetched posters that an editor previews before saving.

They are stored as drafts with the movie in place of a form's path. So the number in a URL is valid
only for the user who uploaded the picture, and only for that movie.
"""

from dataclasses import asdict, dataclass, replace
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from moziweb.posters.generation.upload_store import StoredUpload
from moziweb.posters.recipes import CENTRE, Point

from ..web import drafts
from ..web.drafts import Draft


@dataclass(frozen=True, slots=True)
class UnsavedPoster:
    """A stored picture without a source; ``url`` is "" for an uploaded file.

    ``name`` is the file name that the browser sent: untrusted text.
    """

    upload: StoredUpload
    url: str = ""
    name: str = ""
    focal: Point = CENTRE
    number: int = 0

    @property
    def title(self) -> str:
        """The URL or the file name."""
        return self.url or self.name or "?"


def keep(
    session: Session, user_id: int, movie_id: int, picture: UnsavedPoster, now: datetime
) -> int:
    """Stores a picture for its user; returns its number."""
    return drafts.keep(session, user_id, _path(movie_id), _fields(picture), now)


def find(
    session: Session, user_id: int, movie_id: int, number: str, now: datetime
) -> UnsavedPoster | None:
    """Returns the user's picture of that number for the movie, or None."""
    found = all_of(session, user_id, movie_id, now)
    return next((each for each in found if str(each.number) == number), None)


def all_of(
    session: Session, user_id: int, movie_id: int, now: datetime
) -> tuple[UnsavedPoster, ...]:
    """Returns the user's unsaved pictures of the movie, the latest first.

    They expire after a week, when their originals are about to be removed.
    """
    rows = session.execute(
        select(Draft.id, Draft.fields)
        .where(
            Draft.user_id == user_id,
            Draft.path == _path(movie_id),
            Draft.created_at >= now - drafts.MAX_AGE,
        )
        .order_by(Draft.id.desc())
    )
    return tuple(_picture(number, dict(fields)) for number, fields in rows)


def focus(session: Session, picture: UnsavedPoster, focal: Point) -> None:
    """Sets the focal point."""
    fields = _fields(replace(picture, focal=focal))
    session.execute(update(Draft).where(Draft.id == picture.number).values(fields=fields))


def drop(session: Session, picture: UnsavedPoster) -> bool:
    """Deletes a picture; returns whether it still existed, so that a double click saves once."""
    gone = delete(Draft).where(Draft.id == picture.number).returning(Draft.id)
    return session.scalar(gone) is not None


def _path(movie_id: int) -> str:
    return f"poster of {movie_id}"


def _fields(picture: UnsavedPoster) -> drafts.Fields:
    x, y = picture.focal
    stored = {**asdict(picture.upload), "url": picture.url, "name": picture.name, "x": x, "y": y}
    return [(name, str(value)) for name, value in stored.items()]


def _picture(number: int, stored: dict[str, str]) -> UnsavedPoster:
    upload = StoredUpload(
        key=stored["key"],
        sha256=stored["sha256"],
        bytes=int(stored["bytes"]),
        format=stored["format"],
        width=int(stored["width"]),
        height=int(stored["height"]),
    )
    focal = float(stored["x"]), float(stored["y"])
    return UnsavedPoster(upload, stored["url"], stored["name"], focal, number)
