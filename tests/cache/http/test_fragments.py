"""Slots, and splitting a page at them."""

from types import SimpleNamespace

import pytest

from moziweb.cache.errors import CacheError
from moziweb.cache.http.fragments import Slots, offered_slots, slots_of


def page(slots: Slots, *keys: str) -> bytes:
    return "".join(f"<li>{slots.take(key)}</li>" for key in keys).encode()


def test_page_is_split_at_its_slots() -> None:
    slots = Slots()
    template = slots.split_at_slots(page(slots, "7", "9", "7"))
    assert template.keys == ("7", "9", "7")
    assert template.assemble({"7": b"a", "9": b"b"}) == b"<li>a</li><li>b</li><li>a</li>"


def test_slot_that_is_not_in_the_page_is_ignored() -> None:
    slots = Slots()
    slots.take("7")
    assert slots.split_at_slots(page(slots, "9")).keys == ("9",)


def test_order_of_slots_is_that_of_the_page() -> None:
    slots = Slots()
    first, second = slots.take("1"), slots.take("2")
    assert slots.split_at_slots(f"{second}{first}".encode()).keys == ("2", "1")


def test_mark_of_another_render_is_not_a_slot() -> None:
    slots, others = Slots(), Slots()
    forged = page(others, "7")
    assert slots.split_at_slots(forged).pieces == (forged,)


def test_slots_exist_only_during_a_render() -> None:
    request = SimpleNamespace(environ={})
    with offered_slots(request) as slots:
        assert slots_of(request) is slots
    with pytest.raises(CacheError, match="cache_fragments"):
        slots_of(request)
