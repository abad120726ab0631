"""Page templates: assembly and encoding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moziweb.cache.errors import EntryCorruptError
from moziweb.cache.http.fragments import PageTemplate

TEMPLATE = PageTemplate((b"<ul>", b"\n", b"</ul>"), ("7:hu", "9:hu"))


def test_fragments_fill_their_slots() -> None:
    assert TEMPLATE.assemble({"9:hu": b"[9]", "7:hu": b"[7]"}) == b"<ul>[7]\n[9]</ul>"


def test_one_fragment_may_fill_two_slots() -> None:
    assert PageTemplate((b"a", b"b", b"c"), ("1", "1")).assemble({"1": b"."}) == b"a.b.c"


def test_missing_fragment_is_an_error() -> None:
    with pytest.raises(KeyError):
        TEMPLATE.assemble({"7:hu": b"[7]"})


@given(st.lists(st.tuples(st.text(), st.binary())), st.binary())
def test_decode_reverses_encode(slots: list[tuple[str, bytes]], last: bytes) -> None:
    template = PageTemplate((*(piece for _, piece in slots), last), tuple(key for key, _ in slots))
    assert PageTemplate.decode(template.encode()) == template


def test_number_of_pieces_and_keys_must_match() -> None:
    with pytest.raises(ValueError, match="one piece more"):
        PageTemplate((b"a",), ("1",))


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"<html>", b"{}\n", b"[]\nx", b'{"keys":[],"lengths":[2]}\nx',
        b'{"keys":["1"],"lengths":[1]}\nx', b'{"keys":["1"],"lengths":[-1,2]}\nx',
        b'{"keys":1,"lengths":[1]}\nx',
    ],
)  # fmt: skip
def test_other_bytes_are_rejected(payload: bytes) -> None:
    with pytest.raises(EntryCorruptError):
        PageTemplate.decode(payload)
