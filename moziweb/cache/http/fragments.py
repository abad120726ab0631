"""Fragments: what goes into the slots of a page, each cached under a key of its own.

A view that is configured with ``cache_fragments=fill`` takes a slot wherever a fragment goes, and
its rendered page is cut there into a shell (``assembly.py``)::

    @view_config(route_name="week", renderer="week.jinja2", cache="pages", cache_fragments=cards)
    def week(request):
        slots = slots_of(request)
        return {"cards": [slots.take(f"card {each.id} en") for each in premieres]}

    def cards(request, contexts):
        found = load(contexts)                      # all that are missing, together
        for key, context in contexts.items():
            context.depend(tag("movie", …))         # each card its own
        return {key: render(found[key]) for key in contexts}

A key tells everything that shapes the fragment's bytes, the language among it. ``fill`` is called
with the keys that are not cached, often with none of them loaded: a fragment goes stale far more
than its list. ``FragmentMissing`` says that a key has nothing to render: the list is stale and
is rendered again."""

import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from markupsafe import Markup

from ..errors import CacheError, EntryCorruptError
from ..protocol.entry import Kind
from ..protocol.keys import KeyBuilder
from ..protocol.snapshots import SnapshotSource
from ..regions.read import RenderMany
from ..regions.region import Render, TaggedRegion
from ..regions.rendering import RenderContext, Rendered


@dataclass(frozen=True, slots=True)
class PageTemplate:
    """``pieces`` with a slot between each two; ``keys`` say what goes into the slots, in order.

    A key means something to whoever renders the cards: an id and a locale, say.
    """

    pieces: tuple[bytes, ...]
    keys: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.pieces) != len(self.keys) + 1:
            raise ValueError(f"{len(self.keys)} keys need one piece more, not {len(self.pieces)}")

    def assemble(self, cards: Mapping[str, bytes]) -> bytes:
        """The page with a card in each slot; ``KeyError`` for a card that is not there."""
        parts = [self.pieces[0]]
        for key, piece in zip(self.keys, self.pieces[1:], strict=True):
            parts += (cards[key], piece)
        return b"".join(parts)

    def encode(self) -> bytes:
        """The payload of a shell's entry: keys and lengths as one line of JSON, then the pieces."""
        head = {"keys": self.keys, "lengths": [len(piece) for piece in self.pieces]}
        return b"".join((json.dumps(head).encode("ascii"), b"\n", *self.pieces))

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """The shell of a payload; ``EntryCorruptError`` for any other bytes."""
        line, _, body = payload.partition(b"\n")
        try:
            head = json.loads(line)
            keys, lengths = tuple(map(str, head["keys"])), [int(n) for n in head["lengths"]]
            return cls(_split(body, lengths), keys)
        except (ValueError, KeyError, TypeError) as error:
            raise EntryCorruptError(f"not a shell: {error}") from error


def _split(body: bytes, lengths: Sequence[int]) -> tuple[bytes, ...]:
    if min(lengths, default=0) < 0 or sum(lengths) != len(body):
        raise ValueError("lengths do not add up")
    pieces, at = [], 0
    for length in lengths:
        pieces.append(body[at : at + length])
        at += length
    return tuple(pieces)


Fill = Callable[[Any, Mapping[str, RenderContext]], Mapping[str, bytes]]
"""Given a request and a context for each key: the fragments' bytes."""

FRAGMENTS: Final = "fragments"
"""The region of what pages are assembled of."""

_SLOTS: Final = "moziweb.cache.slots"


class FragmentMissing(CacheError):
    """What a slot is for is not there any more."""


class Slots:
    """The slots of one render, in the order they were taken.

    A mark holds a secret of this render, so no text of a page can be taken for one.
    """

    def __init__(self) -> None:
        self._secret = secrets.token_hex(8)
        self._keys: list[str] = []

    def take(self, key: str) -> Markup:
        """A mark for the page, where the fragment of ``key`` is to stand."""
        self._keys.append(key)
        mark = f"<!--slot {self._secret} {len(self._keys) - 1}-->"
        return Markup(mark)  # noqa: S704 - a number and a secret of ours

    def split_at_slots(self, page: bytes) -> PageTemplate:
        """The shell of a rendered page. A slot that was taken and not shown is none."""
        pieces = re.split(rb"<!--slot %b (\d+)-->" % self._secret.encode("ascii"), page)
        return PageTemplate(tuple(pieces[::2]), tuple(self._keys[int(n)] for n in pieces[1::2]))


def slots_of(request: Any) -> Slots:
    """The slots of the page being rendered.

    Raises ``CacheError`` for a view that nobody fills the slots of.
    """
    slots: Slots | None = request.environ.get(_SLOTS)
    if slots is None:
        raise CacheError("slots are for views that are configured with cache_fragments=…")
    return slots


def offer_slots(environ: dict[str, Any]) -> Slots:
    """New slots for the render that begins."""
    slots: Slots = environ.setdefault(_SLOTS, Slots())
    return slots


def withdraw_slots(environ: dict[str, Any]) -> None:
    """The render is done."""
    del environ[_SLOTS]


def shell_key(keys: KeyBuilder, page: str) -> str:
    """Where the shell lies of the page under the key ``page``."""
    return keys.key("shell", page)


def card_key(keys: KeyBuilder, digest: str, key: str) -> str:
    """Where the fragment of a slot's ``key`` lies, made with what ``digest`` is of."""
    return keys.key("card", digest, key)


def _one(key: str, render: RenderMany) -> Render:
    """Renders ``key`` alone with what renders many."""
    return lambda context: render({key: context})[key]


@dataclass(frozen=True, slots=True)
class Fragments:
    """What a kind of page is assembled of: from its region, or rendered where there is none.

    ``always`` are tags that every fragment carries, ``digest`` is of what they are made with.
    """

    fill: Fill
    always: Sequence[str] = ()
    region: TaggedRegion | None = None
    keys: KeyBuilder | None = None
    digest: str = ""

    def shell(
        self, page: str, render: Render, source: SnapshotSource, parent: RenderContext
    ) -> Rendered:
        """The shell of the page under the key ``page``, which inherits what it depends on."""
        if self.region is None or self.keys is None:
            return render(parent)
        key = shell_key(self.keys, page)
        entry = self.region.get_or_render(key, render, source=source, parent=parent).entry
        return Rendered(entry.payload, entry.kind, content=entry.content)

    def shell_anew(
        self, page: str, render: Render, source: SnapshotSource, parent: RenderContext
    ) -> Rendered:
        """The shell, where the one that is stored is true and yet none: it is replaced."""
        if self.region is None or self.keys is None:
            return render(parent)
        key = shell_key(self.keys, page)
        entry = self.region.replace(key, render, source=source, parent=parent).entry
        return Rendered(entry.payload, entry.kind, content=entry.content)

    def get_multi(
        self, request: Any, keys: Sequence[str], source: SnapshotSource, parent: RenderContext
    ) -> Mapping[str, bytes]:
        """The fragments of ``keys``; what they depend on becomes ``parent``'s, too."""
        wanted = list(dict.fromkeys(keys))
        if not wanted:
            return {}
        if self.region is None or self.keys is None:
            return self._rendered(request, wanted, source, parent)
        places = {card_key(self.keys, self.digest, key): key for key in wanted}

        def render(contexts: Mapping[str, RenderContext]) -> Mapping[str, Rendered]:
            filled = self._fill(request, {places[at]: each for at, each in contexts.items()})
            return {at: Rendered(filled[places[at]], kind=Kind.CARD) for at in contexts}

        served = self.region.get_or_render_multi(list(places), render, source=source, parent=parent)
        found = {at: each.entry for at, each in zip(places, served, strict=True)}
        for at, entry in found.items():
            if entry.kind is not Kind.CARD:  # true, and yet none: a stranger's
                anew = _one(at, render)
                found[at] = self.region.replace(at, anew, source=source, parent=parent).entry
        return {places[at]: entry.payload for at, entry in found.items()}

    def _rendered(
        self, request: Any, keys: Sequence[str], source: SnapshotSource, parent: RenderContext
    ) -> Mapping[str, bytes]:
        contexts = {key: RenderContext(source) for key in keys}
        filled = self._fill(request, contexts)
        for context in contexts.values():
            parent.recorder.include_child(context.recorder)
        return filled

    def _fill(self, request: Any, contexts: Mapping[str, RenderContext]) -> Mapping[str, bytes]:
        for context in contexts.values():
            context.depend(*self.always)
        return self.fill(request, contexts)
