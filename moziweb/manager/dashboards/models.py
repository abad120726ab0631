"""Table of cache warming jobs."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from moziweb.db.meta import Base


class CacheWarmingJob(Base):
    """A cache warming: down to which priority, and its progress.

    ``total`` is None until the URLs are counted. ``beat_at`` is the worker's latest heartbeat,
    ``ended_at`` when it finished or was stopped. ``rendered``, ``warm``, ``unstored`` and
    ``failed`` count pages by outcome. No page of the site shows it, so it has no tags.
    """

    __tablename__ = "cache_warming"

    id: Mapped[int] = mapped_column(primary_key=True)
    through: Mapped[str] = mapped_column(String(20))
    total: Mapped[int | None]
    rendered: Mapped[int] = mapped_column(default=0)
    warm: Mapped[int] = mapped_column(default=0)
    unstored: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    stopped: Mapped[bool] = mapped_column(default=False)
    user_id: Mapped[int | None] = mapped_column(
        ForeignKey("manager_user.id", ondelete="SET NULL"), index=True
    )
    user_name: Mapped[str] = mapped_column(String(60), default="")
    created_at: Mapped[datetime]
    beat_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    @property
    def done(self) -> int:
        """Pages that were requested."""
        return self.rendered + self.warm + self.unstored + self.failed
