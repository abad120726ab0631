"""The encodings of lists: recognised, guessed, or given."""

import tracemalloc
from collections.abc import Callable

import pytest

from moziweb.movies.importers.encodings import ENCODINGS, decoded_list
from moziweb.movies.importers.problems import ImportRefused
from tests.measured import cpu_limit

from .test_row_accounting import LISTS

TEXT = "title;distributor\nŽižkov utolsó őre;Šárka\nCsak őszi szél;Vertigo Média\n"


@pytest.mark.parametrize(
    ("codec", "encoding", "guessed"),
    [
        ("utf-8", "utf-8", False),
        ("utf-8-sig", "utf-8", False),
        ("utf-16", "utf-16", False),
        ("utf-16-le", "utf-16", False),
        ("utf-16-be", "utf-16", False),
        ("cp1250", "cp1250", True),
        ("iso-8859-2", "iso-8859-2", True),
    ],
)
def test_encoding_is_recognised(codec: str, encoding: str, guessed: bool) -> None:
    found = decoded_list(TEXT.encode(codec))
    assert (found.text, found.encoding, found.guessed) == (TEXT, encoding, guessed)


@pytest.mark.parametrize("name", ["cp1250.csv", "cp1250_headings.csv", "vertigo-cp1250.csv"])
def test_lists_of_windows_are_guessed(name: str) -> None:
    data = (LISTS / name).read_bytes()
    found = decoded_list(data)
    assert (found.encoding, found.guessed) == ("cp1250", True)
    assert found.text == data.decode("cp1250")


def test_quotation_marks_of_windows_are_no_control_characters() -> None:
    text = "title;overview\nŐ;„idézet” – így\n"
    assert decoded_list(text.encode("cp1250")).text == text


@pytest.mark.parametrize(("letter", "copies"), [("a", 1), ("ő", 3)])
def test_valid_file_is_decoded_once(letter: str, copies: int) -> None:
    """The largest file has 50 MB, and a web process little memory.

    Python's decoder takes three times the bytes of a text beyond ASCII for a moment.
    """
    data = letter.encode() * 1_000_000
    tracemalloc.start()
    try:
        decoded_list(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < (copies + 0.1) * len(data)


@pytest.mark.parametrize("encoding", list(ENCODINGS))
def test_given_encoding_is_used(encoding: str) -> None:
    text = TEXT.replace("Ž", "ž").replace("Š", "š")
    found = decoded_list(text.encode(encoding), encoding)
    assert (found.text, found.encoding, found.guessed) == (text, encoding, False)


def test_wrong_guess_is_changed_by_the_given_encoding() -> None:
    data = "title\nĽaľa\n".encode("iso-8859-2")
    assert decoded_list(data, "cp1250").text != decoded_list(data, "iso-8859-2").text
    assert decoded_list(data, "iso-8859-2").text == "title\nĽaľa\n"


def test_some_rows_of_another_encoding_do_not_change_that_of_the_list() -> None:
    """Such rows are reported: their bytes are surrogates."""
    found = decoded_list("Árvíztűrő;ő\n".encode() + b"D\xfbne\n")
    assert (found.encoding, found.guessed) == ("utf-8", False)
    assert "D\udcfbne" in found.text


@pytest.mark.parametrize(
    "data", [b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01", b"\x80\x00\x01\x02\xff" * 20]
)
def test_binary_file_is_refused(data: bytes) -> None:
    with pytest.raises(ImportRefused, match="not text in UTF-8; save the list as CSV"):
        decoded_list(data)


def test_unknown_encoding_is_refused() -> None:
    with pytest.raises(ImportRefused, match="no such encoding: 'latin9'; there are utf-8, utf-16"):
        decoded_list(b"title\n", "latin9")


def test_bytes_that_are_no_utf16_are_refused() -> None:
    with pytest.raises(ImportRefused, match="not text in UTF-8"):
        decoded_list(b"abc", "utf-16")


@pytest.mark.parametrize("make", [lambda: b"\xe1" * 10_000_000, lambda: b"a" * 9_999_999 + b"\xf5"])
def test_guess_has_a_limit_of_time(make: Callable[[], bytes]) -> None:
    data = make()
    with cpu_limit(2):
        assert decoded_list(data).encoding == "cp1250"
