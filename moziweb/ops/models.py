"""Table of the performance of web processes, minute by minute."""

from sqlalchemy import JSON, Double, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from moziweb.db.meta import Base


class PerformanceMinute(Base):
    """The requests that one process answered in one minute.

    ``minute`` is Unix time in minutes, ``process`` differs between all processes that ever ran,
    ``release`` between versions of the code. Times are sums in seconds. ``routes`` has requests,
    errors and seconds by route. No page of the site shows it, so it has no tags.
    """

    __tablename__ = "performance_minute"

    minute: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    process: Mapped[str] = mapped_column(String(80), primary_key=True)
    release: Mapped[str] = mapped_column(String(40))
    requests: Mapped[int]
    errors: Mapped[int]
    satisfied: Mapped[int]
    tolerated: Mapped[int]
    queries: Mapped[int]
    queue: Mapped[float] = mapped_column(Double)
    cache: Mapped[float] = mapped_column(Double)
    database: Mapped[float] = mapped_column(Double)
    storage: Mapped[float] = mapped_column(Double)
    images: Mapped[float] = mapped_column(Double)
    render: Mapped[float] = mapped_column(Double)
    routes: Mapped[dict[str, list[float]]] = mapped_column(JSON)
