"""Cached pages that always show what is true: tags over dogpile regions.

A page is stored with the tags of what it shows. Whoever changes a thing publishes its tags, in
effect at once, in every process; the pages that show it are rendered anew at their next request,
and nothing else is. Whatever crashes in between, nothing outdated is served once a write has been
published, and every committed write is published within seconds.

::

    cache = from_settings(settings)                      # regions, from the ini file
    pages, key = cache.regions["pages"], cache.keys["pages"].key("week", "2026-W34", "hu")

    def render(context):
        context.depend(tag("week", "2026-W34"))          # before reading what it shows
        return Rendered(week_page().encode())

    served = pages.get_or_render(key, render, source=clock.source(session))

The other side, once for each model and session factory::

    declarations = Declarations()
    declarations.declare(
        Movie,
        columns=("title", "premiere_week"),              # a change of these concerns the tags
        keys=("id", "premiere_week"),                    # of which the tags are made
        tags=lambda movie: (tag("movie", movie.id), tag("week", movie.premiere_week)),
    )
    writes = Writes(declarations, outbox, cache.stamps, observer)
    writes.watch(session_factory)

This package knows nothing of movies. Read ``stamps.py`` for why it is right; ``reading.py`` for how
a read goes, with ``judging.py`` for what is true and ``storing.py`` for what is kept; ``writes.py``
and ``outbox.py`` for how a write does.
"""

from .errors import (
    CacheError,
    ConfigurationError,
    EntryCorruptError,
    PublishError,
    SnapshotClockUnknownError,
    StoreError,
    TagError,
    UndeclaredInputError,
)
from .events import CacheEvents, CompositeEvents
from .http.fragments import PageTemplate
from .invalidation.declarations import Declarations
from .invalidation.outbox import Outbox, OutboxRow
from .invalidation.outbox_relay import OutboxRelay, RelayThread
from .invalidation.session_clock import SessionClock, SessionSource
from .invalidation.session_tracking import (
    REASON,
    TAGS_OPTION,
    InvalidationTracker,
    has_written,
    pending_tags,
)
from .protocol.dependencies import DependencyGroup, NotStoredReason
from .protocol.entry import Entry, Kind
from .protocol.keys import KeyBuilder
from .protocol.snapshots import ClockSource, SnapshotSource
from .protocol.stamps import StampStore
from .protocol.tags import kind_of, model_tag, tag
from .regions.config import Cache, from_settings
from .regions.metrics import InProcessCounters
from .regions.policy import Policy
from .regions.region import TaggedRegion
from .regions.rendering import CacheResult, RenderContext, Rendered, Status

__all__ = [
    "REASON",
    "TAGS_OPTION",
    "Cache",
    "CacheError",
    "CacheEvents",
    "CacheResult",
    "ClockSource",
    "CompositeEvents",
    "ConfigurationError",
    "Declarations",
    "DependencyGroup",
    "Entry",
    "EntryCorruptError",
    "InProcessCounters",
    "InvalidationTracker",
    "KeyBuilder",
    "Kind",
    "NotStoredReason",
    "Outbox",
    "OutboxRelay",
    "OutboxRow",
    "PageTemplate",
    "Policy",
    "PublishError",
    "RelayThread",
    "RenderContext",
    "Rendered",
    "SessionClock",
    "SessionSource",
    "SnapshotClockUnknownError",
    "SnapshotSource",
    "StampStore",
    "Status",
    "StoreError",
    "TagError",
    "TaggedRegion",
    "UndeclaredInputError",
    "from_settings",
    "has_written",
    "kind_of",
    "model_tag",
    "pending_tags",
    "tag",
]
