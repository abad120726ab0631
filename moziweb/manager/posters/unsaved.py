"""Pictures that somebody looks at and has not saved: rows of their own, nobody else's.

They are kept as drafts are, under the film's name in place of a form's path, so that the number in
an address is worth something only to the user who uploaded the picture, and only at that film.
"""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from moziweb.posters.generation.upload_store import StoredUpload
from moziweb.posters.recipes import CENTRE, Point

from ..web import drafts
from ..web.drafts import Draft

MAX_NAME: Final = 200
"""Characters of a file's name that are kept."""


@dataclass(frozen=True, slots=True)
class Unsaved:
    """A stored picture that no source refers to; ``url`` is "" for an uploaded file.

    ``name`` is the file's name as the browser told it, that is, anybody's text.
    """

    upload: StoredUpload
    url: str = ""
    name: str = ""
    focal: Point = CENTRE
    number: int = 0

    @property
    def title(self) -> str:
        """What it is called: its file, or its address."""
        return self.url or self.name or "?"


def keep(session: Session, user_id: int, movie_id: int, picture: Unsaved, now: datetime) -> int:
    """Keep a picture for its user to look at; returns its number."""
    return drafts.keep(session, user_id, _path(movie_id), _fields(picture), now)


def find(
    session: Session, user_id: int, movie_id: int, number: str, now: datetime
) -> Unsaved | None:
    """The user's own picture of that number, at that film."""
    found = all_of(session, user_id, movie_id, now)
    return next((each for each in found if str(each.number) == number), None)


def all_of(session: Session, user_id: int, movie_id: int, now: datetime) -> tuple[Unsaved, ...]:
    """All that the user has looked at and neither saved nor thrown away, the latest first.

    After a week they are forgotten: their originals are about to be removed.
    """
    rows = session.execute(
        select(Draft.id, Draft.fields)
        .where(
            Draft.user_id == user_id,
            Draft.path == _path(movie_id),
            Draft.created_at >= now - drafts.KEPT,
        )
        .order_by(Draft.id.desc())
    )
    return tuple(_picture(number, dict(fields)) for number, fields in rows)


def focus(session: Session, picture: Unsaved, focal: Point) -> None:
    """Another focal point for it."""
    fields = _fields(replace(picture, focal=focal))
    session.execute(update(Draft).where(Draft.id == picture.number).values(fields=fields))


def drop(session: Session, picture: Unsaved) -> bool:
    """Forget it; tells whether it was still there, so that two clicks save it once."""
    gone = delete(Draft).where(Draft.id == picture.number).returning(Draft.id)
    return session.scalar(gone) is not None


def _path(movie_id: int) -> str:
    return f"poster of {movie_id}"


def _fields(picture: Unsaved) -> drafts.Fields:
    x, y = picture.focal
    told = {**asdict(picture.upload), "url": picture.url, "name": picture.name, "x": x, "y": y}
    return [(name, str(value)) for name, value in told.items()]


def _picture(number: int, told: dict[str, str]) -> Unsaved:
    upload = StoredUpload(
        key=told["key"],
        sha256=told["sha256"],
        bytes=int(told["bytes"]),
        format=told["format"],
        width=int(told["width"]),
        height=int(told["height"]),
    )
    focal = float(told["x"]), float(told["y"])
    return Unsaved(upload, told["url"], told["name"], focal, number)
