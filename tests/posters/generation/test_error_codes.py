"""Whatever a source can be marked with has words, in both languages."""

import ast
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

import moziweb
from moziweb.posters.fetching.errors import FetchCode
from moziweb.posters.generation.error_codes import MEANINGS, ServiceCode, meaning_of
from moziweb.posters.imaging.errors import RejectCode

PACKAGE = Path(moziweb.__file__).parent
CODES = sorted({*map(str, RejectCode), *map(str, FetchCode), *map(str, ServiceCode)})


def test_every_code_has_a_meaning_and_every_meaning_a_code() -> None:
    assert sorted(map(str, MEANINGS)) == CODES


def test_no_code_is_too_long_for_its_column() -> None:
    assert max(map(len, CODES)) <= 40


def test_every_code_that_is_spelled_out_in_the_program_is_known() -> None:
    """The first argument of each ``SourceError`` and ``_Failure`` that is a plain text."""
    spelled: set[str] = set()
    for path in (*PACKAGE.glob("posters/**/*.py"), *PACKAGE.glob("demo/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in (
                "SourceError",
                "_Failure",
            ):
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    spelled.add(first.value)
    assert len(spelled) >= 3
    assert spelled <= set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_the_meaning_of(code: str) -> None:
    meaning = meaning_of(code)
    assert meaning.wrong.endswith(".")
    assert meaning.remedy.endswith(".")


def test_a_code_of_another_release_has_the_words_of_an_unforeseen_error() -> None:
    assert meaning_of("of_tomorrow") == MEANINGS[ServiceCode.INTERNAL]


def test_hungarian_differs_from_english() -> None:
    path = PACKAGE / "locale" / "hu" / "LC_MESSAGES" / "moziweb.po"
    with path.open("rb") as lines:
        hungarian = read_po(lines, locale="hu")
    for meaning in MEANINGS.values():
        for text in (meaning.wrong, meaning.remedy):
            message = hungarian.get(str(text))
            assert message is not None
            assert message.string not in ("", str(text))


def test_the_operators_guide_has_every_code() -> None:
    guide = (PACKAGE.parent / "docs" / "posters.md").read_text()
    missing = [code for code in CODES if f"`{code}`" not in guide]
    assert missing == []
