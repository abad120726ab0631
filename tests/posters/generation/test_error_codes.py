"""Every error code of a source has texts in both languages and an entry in the documentation."""

import ast
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

import moziweb
from moziweb.posters.fetching.errors import FetchCode
from moziweb.posters.generation.error_codes import ERROR_MEANINGS, ServiceCode, meaning_of
from moziweb.posters.imaging.errors import RejectCode

PACKAGE = Path(moziweb.__file__).parent
CODES = sorted({*map(str, RejectCode), *map(str, FetchCode), *map(str, ServiceCode)})


def test_every_code_has_a_meaning_and_every_meaning_a_code() -> None:
    assert sorted(map(str, ERROR_MEANINGS)) == CODES


def test_codes_fit_their_column() -> None:
    assert max(map(len, CODES)) <= 40


def test_codes_are_members_of_the_enumerations() -> None:
    """No ``SourceError`` or ``Failure`` has a string literal as its code."""
    codes = [
        node.args[0]
        for path in (*PACKAGE.glob("posters/**/*.py"), *PACKAGE.glob("demo/*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("SourceError", "Failure")
    ]
    assert len(codes) >= 10
    assert not [code for code in codes if isinstance(code, ast.Constant)]


@pytest.mark.parametrize("code", CODES)
def test_texts_of_a_code_are_sentences(code: str) -> None:
    meaning = meaning_of(code)
    assert meaning.wrong.endswith(".")
    assert meaning.remedy.endswith(".")


def test_unknown_code_has_the_texts_of_an_internal_error() -> None:
    assert meaning_of("code_of_another_release") == ERROR_MEANINGS[ServiceCode.INTERNAL]


def test_hungarian_texts_differ_from_english() -> None:
    path = PACKAGE / "locale" / "hu" / "LC_MESSAGES" / "moziweb.po"
    with path.open("rb") as lines:
        hungarian = read_po(lines, locale="hu")
    for meaning in ERROR_MEANINGS.values():
        for text in (meaning.wrong, meaning.remedy):
            message = hungarian.get(str(text))
            assert message is not None
            assert message.string not in ("", str(text))


def test_documentation_has_every_code() -> None:
    guide = (PACKAGE.parent / "docs" / "posters.md").read_text()
    missing = [code for code in CODES if f"`{code}`" not in guide]
    assert missing == []
