"""Fragments: the parts of a page that fill its slots, each cached under its own key.

A view configured with ``cache_fragments=fill`` takes a slot for each fragment (docs/cache.md has an
example). Its rendered page is split at the slots into a page template.

A key names everything that determines the bytes of the fragment, such as its language. ``fill`` is
called with the keys that are not cached, often without the view having run: a fragment is
invalidated far more often than its list. ``FragmentMissing`` says that nothing exists for a key:
the template is stale and is rendered again.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Self

from markupsafe import Markup

from moziweb.timings import Part, measured_as

from ..errors import CacheError, EntryCorruptError
from ..protocol.entry import Kind
from ..protocol.keys import KeyBuilder
from ..protocol.snapshots import SnapshotSource
from ..regions.rendering import RenderContext, Rendered

if TYPE_CHECKING:
    from ..regions.read import RenderMany
    from ..regions.region import Render, TaggedRegion


@dataclass(frozen=True, slots=True)
class PageTemplate:
    """A page without its fragments: ``pieces`` of bytes with a slot between each two.

    ``keys`` are those of the slots, in order. Their meaning is that of ``fill``: for example an id
    and a locale.
    """

    pieces: tuple[bytes, ...]
    keys: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.pieces) != len(self.keys) + 1:
            raise ValueError(f"{len(self.keys)} keys need one piece more, not {len(self.pieces)}")

    def assemble(self, fragments: Mapping[str, bytes]) -> bytes:
        """The page with a fragment in each slot; raises ``KeyError`` for a missing fragment."""
        parts = [self.pieces[0]]
        for key, piece in zip(self.keys, self.pieces[1:], strict=True):
            parts += (fragments[key], piece)
        return b"".join(parts)

    def encode(self) -> bytes:
        """The payload of its entry: keys and lengths as one line of JSON, then the pieces."""
        head = {"keys": self.keys, "lengths": [len(piece) for piece in self.pieces]}
        return b"".join((json.dumps(head).encode("ascii"), b"\n", *self.pieces))

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """The template of a payload; raises ``EntryCorruptError`` for any other bytes."""
        line, _, body = payload.partition(b"\n")
        try:
            head = json.loads(line)
            keys, lengths = tuple(map(str, head["keys"])), [int(n) for n in head["lengths"]]
            return cls(_split(body, lengths), keys)
        except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
            raise EntryCorruptError(f"not a page template: {error}") from error


def _split(body: bytes, lengths: Sequence[int]) -> tuple[bytes, ...]:
    if min(lengths, default=0) < 0 or sum(lengths) != len(body):
        raise ValueError("lengths do not add up")
    pieces, at = [], 0
    for length in lengths:
        pieces.append(body[at : at + length])
        at += length
    return tuple(pieces)


Fill = Callable[[Any, Mapping[str, RenderContext]], Mapping[str, bytes]]
"""Returns the fragments' bytes for a request and a context for each key.

Raises ``EntryCorruptError`` for a key that no view has taken a slot for.
"""

FRAGMENTS: Final = "fragments"
"""The region of page templates and fragments."""

_SLOTS: Final = "moziweb.cache.slots"


class FragmentMissing(CacheError):
    """Nothing exists for the key of a slot any more."""


class Slots:
    """The slots of one render, in the order in which they were taken.

    A mark contains a secret of this render, so that no text of a page can look like one.
    """

    def __init__(self) -> None:
        self._secret = secrets.token_hex(8)
        self._keys: list[str] = []

    def take(self, key: str) -> Markup:
        """Return the placeholder that `split_at_slots` replaces by the fragment of ``key``."""
        self._keys.append(key)
        mark = f"<!--slot {self._secret} {len(self._keys) - 1}-->"
        return Markup(mark)  # noqa: S704 - a number and a secret of ours

    def split_at_slots(self, page: bytes) -> PageTemplate:
        """The template of a rendered page. Slots that do not appear in the page are ignored."""
        pieces = re.split(rb"<!--slot %b (\d+)-->" % self._secret.encode("ascii"), page)
        return PageTemplate(tuple(pieces[::2]), tuple(self._keys[int(n)] for n in pieces[1::2]))


def slots_of(request: Any) -> Slots:
    """The slots of the page being rendered.

    Raises ``CacheError`` for a view without ``cache_fragments``.
    """
    slots: Slots | None = request.environ.get(_SLOTS)
    if slots is None:
        raise CacheError("slots are for views that are configured with cache_fragments=…")
    return slots


@contextmanager
def offered_slots(request: Any) -> Iterator[Slots]:
    """The slots of a render, which ``slots_of`` returns until the block ends."""
    slots = request.environ[_SLOTS] = Slots()
    try:
        yield slots
    finally:
        del request.environ[_SLOTS]


def template_key(keys: KeyBuilder, page: str) -> str:
    """The key of the template of the page with the key ``page``."""
    return keys.key("template", page)


@lru_cache(maxsize=4_000)
def fragment_key(keys: KeyBuilder, digest: str, key: str) -> str:
    """The key of a slot's fragment. ``digest`` is that of the code and the templates."""
    return keys.key("fragment", digest, key)


def _one(key: str, render: RenderMany) -> Render:
    """Adapt a function that renders many keys to one key."""
    return lambda context: render({key: context})[key]


@dataclass(frozen=True, slots=True)
class Fragments:
    """Templates and fragments of a view: from their region, or rendered if there is none.

    ``base_tags`` are on every fragment. ``digest`` is that of the code and the templates.
    """

    fill: Fill
    base_tags: Sequence[str] = ()
    region: TaggedRegion | None = None
    keys: KeyBuilder | None = None
    digest: str = ""

    def get_template(
        self,
        page: str,
        render: Render,
        source: SnapshotSource,
        parent: RenderContext,
        *,
        replace: bool = False,
    ) -> Rendered:
        """The template of the page with the key ``page``; ``parent`` inherits its dependencies.

        ``replace`` is for a stored entry that is valid but not a template.
        """
        if self.region is None or self.keys is None:
            return render(parent)
        read = self.region.replace if replace else self.region.get_or_render
        entry = read(template_key(self.keys, page), render, source=source, parent=parent).entry
        return Rendered(entry.payload, entry.kind, content=entry.content)

    def get_multi(
        self, request: Any, keys: Sequence[str], source: SnapshotSource, parent: RenderContext
    ) -> Mapping[str, bytes]:
        """The fragments of ``keys``; ``parent`` inherits their dependencies."""
        wanted = list(dict.fromkeys(keys))
        if not wanted:
            return {}
        if self.region is None or self.keys is None:
            return self._render(request, wanted, source, parent)
        slots = {fragment_key(self.keys, self.digest, key): key for key in wanted}

        def render(contexts: Mapping[str, RenderContext]) -> Mapping[str, Rendered]:
            filled = self._fill(request, {slots[key]: each for key, each in contexts.items()})
            return {key: Rendered(filled[slots[key]], kind=Kind.FRAGMENT) for key in contexts}

        served = self.region.get_or_render_multi(list(slots), render, source=source, parent=parent)
        found = {key: each.entry for key, each in zip(slots, served, strict=True)}
        for key, entry in found.items():
            if entry.kind is not Kind.FRAGMENT:  # valid, but something else has written it
                one = _one(key, render)
                found[key] = self.region.replace(key, one, source=source, parent=parent).entry
        return {slots[key]: entry.payload for key, entry in found.items()}

    def _render(
        self, request: Any, keys: Sequence[str], source: SnapshotSource, parent: RenderContext
    ) -> Mapping[str, bytes]:
        contexts = {key: RenderContext(source) for key in keys}
        filled = self._fill(request, contexts)
        for context in contexts.values():
            parent.recorder.include_child(context.recorder)
        return filled

    @measured_as(Part.RENDER)
    def _fill(self, request: Any, contexts: Mapping[str, RenderContext]) -> Mapping[str, bytes]:
        for context in contexts.values():
            context.depend(*self.base_tags)
        return self.fill(request, contexts)
