"""Tables of web processes, minute by minute: their performance, and what they read of the cache."""

from typing import Any

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


class CacheReadMinute(Base):
    """What one process read of the cache in one minute.

    ``counts`` has reads, rendered entries and seconds of renders by region. ``reads`` are those of
    a sample of the keys, by region (`cache_reads.SampledRead`).
    """

    __tablename__ = "cache_read_minute"

    minute: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    process: Mapped[str] = mapped_column(String(80), primary_key=True)
    zero_bits: Mapped[int]
    counts: Mapped[dict[str, list[float]]] = mapped_column(JSON)
    reads: Mapped[dict[str, list[tuple[int, int, int, int]]]] = mapped_column(JSON)


class CacheAdvice(Base):
    """The latest advice for a region, given at ``at`` (Unix time).

    ``advice`` is described in `cache.admin.advice.advice_json`.
    """

    __tablename__ = "cache_advice"

    region: Mapped[str] = mapped_column(String(100), primary_key=True)
    at: Mapped[float] = mapped_column(Double)
    advice: Mapped[dict[str, Any]] = mapped_column(JSON)
