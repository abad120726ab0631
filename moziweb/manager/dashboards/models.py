"""What a console has begun and others see the progress of."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from moziweb.db.meta import Base


class CacheWarmingJob(Base):
    """Pages that somebody has had rendered: down to which priority, and how far it has come.

    ``total`` is None until the addresses are counted. ``beat_at`` is the worker's latest sign of
    life, ``ended_at`` when it was done or told to stop; ``rendered``, ``warm``, ``unstored`` and
    ``failed`` are how many pages were answered so. No page shows any of it.
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
        """Pages that were asked for."""
        return self.rendered + self.warm + self.unstored + self.failed
