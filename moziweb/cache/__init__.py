"""Cache for pages, invalidated by tags, over dogpile.cache regions.

A page is stored with the tags of the data that it shows. A write publishes the tags of what it
changed; this takes effect at once, in every process. Pages with these tags are rendered again at
their next request; all others stay. After a crash at any point, no outdated page is served once a
write has been published, and every committed write is published within seconds.

docs/cache.md shows how to use it. This package does not know the site's models. Start reading at:

- ``protocol/stamps.py``: the invalidation protocol, and why it is correct;
- ``regions/read.py``, ``regions/validation.py``, ``regions/write.py``: a read, step by step;
- ``invalidation/session_tracking.py``, ``invalidation/outbox.py``: a write.
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
from .invalidation.declarations import Declarations
from .invalidation.outbox import Outbox, OutboxRow
from .invalidation.outbox_relay import OutboxRelay, RelayThread
from .invalidation.publish_retry import PublishRetrier
from .invalidation.session_clock import SessionClock, SessionSource
from .invalidation.session_tracking import REASON, TAGS_OPTION, InvalidationTracker, pending_tags
from .protocol.dependencies import DependencyGroup, NotStoredReason
from .protocol.entry import Entry, Kind
from .protocol.keys import KeyBuilder
from .protocol.snapshots import SnapshotSource
from .protocol.stamps import StampStore
from .protocol.tags import kind_of, model_tag, tag
from .regions.config import Cache, from_settings
from .regions.metrics import InProcessCounters
from .regions.policy import Policy
from .regions.region import TaggedRegion
from .regions.rendering import CacheResult, CacheStatus, RenderContext, Rendered

__all__ = [
    "REASON",
    "TAGS_OPTION",
    "Cache",
    "CacheError",
    "CacheEvents",
    "CacheResult",
    "CacheStatus",
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
    "Policy",
    "PublishError",
    "PublishRetrier",
    "RelayThread",
    "RenderContext",
    "Rendered",
    "SessionClock",
    "SessionSource",
    "SnapshotClockUnknownError",
    "SnapshotSource",
    "StampStore",
    "StoreError",
    "TagError",
    "TaggedRegion",
    "UndeclaredInputError",
    "from_settings",
    "kind_of",
    "model_tag",
    "pending_tags",
    "tag",
]
