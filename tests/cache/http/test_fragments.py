"""Slots: where a page is cut, and what goes in."""

from types import SimpleNamespace

import pytest

from moziweb.cache.errors import CacheError
from moziweb.cache.http.fragments import Slots, offer_slots, slots_of, withdraw_slots


def page(slots: Slots, *keys: str) -> bytes:
    return "".join(f"<li>{slots.take(key)}</li>" for key in keys).encode()


def test_a_page_is_cut_at_its_slots() -> None:
    slots = Slots()
    shell = slots.split_at_slots(page(slots, "7", "9", "7"))
    assert shell.keys == ("7", "9", "7")
    assert shell.assemble({"7": b"a", "9": b"b"}) == b"<li>a</li><li>b</li><li>a</li>"


def test_a_slot_that_is_not_shown_is_none() -> None:
    slots = Slots()
    slots.take("7")
    assert slots.split_at_slots(page(slots, "9")).keys == ("9",)


def test_slots_need_not_be_shown_in_the_order_they_were_taken() -> None:
    slots = Slots()
    first, second = slots.take("1"), slots.take("2")
    assert slots.split_at_slots(f"{second}{first}".encode()).keys == ("2", "1")


def test_no_text_is_taken_for_a_slot_of_another_render() -> None:
    slots, others = Slots(), Slots()
    forged = page(others, "7")
    assert slots.split_at_slots(forged).pieces == (forged,)


def test_slots_are_offered_while_a_page_is_rendered() -> None:
    request = SimpleNamespace(environ={})
    slots = offer_slots(request.environ)
    assert slots_of(request) is slots
    withdraw_slots(request.environ)
    with pytest.raises(CacheError, match="cache_fragments"):
        slots_of(request)
