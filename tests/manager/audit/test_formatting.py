"""Stored texts of a movie's fields, translated for readers."""

from datetime import date

import pytest

from moziweb.manager.audit.formatting import value_text
from moziweb.manager.movies.text import premiere_text
from moziweb.manager.movies.values import PremiereLine
from moziweb.movies.importers.candidate import PremiereFact
from moziweb.movies.importers.fields import shown
from moziweb.movies.models import Audio, DatePrecision, PremiereKind


def marked(text: str, field: str = "premieres") -> str:
    """Marks translated words."""
    return value_text(text, field, lambda word: f"<{word}>")


@pytest.mark.parametrize(
    ("kept", "shown_text"),
    [
        ("2026-08-20 cinema", "2026-08-20 <cinema premiere>"),
        ("2026-08 limited, 2D, both", "2026-08 <limited release>, 2D, <dubbed and subtitled>"),
        ("2026 festival\n2027 Filmio, cancelled, a note, with a comma",
         "2026 <festival screening>\n2027 Filmio, <cancelled>, a note, with a comma"),
        ("2026-08-20 cinema re-release (2D, 3D) · 2026-09-01 Filmio",
         "2026-08-20 <cinema premiere>, <re-release> (2D, 3D) · 2026-09-01 Filmio"),
        ("something (of long ago", "something (of long ago"),
        ("", ""),
    ],
)  # fmt: skip
def test_database_names_are_translated(kept: str, shown_text: str) -> None:
    assert marked(kept) == shown_text


def test_texts_of_edits_and_imports_are_parsed() -> None:
    day, kind = date(2026, 8, 20), PremiereKind.STREAMING
    line = PremiereLine(
        date=day, kind=kind, service="", audio=Audio.SUBTITLED, rerelease=True, formats=("2D",)
    )
    words = "2026-08-20 <streaming premiere>, 2D, <subtitled>, <re-release>"
    assert marked(premiere_text(line)) == words
    fact = PremiereFact(day, DatePrecision.MONTH, rerelease=True, formats=("2D",))
    assert (
        marked(shown((fact, fact))).split(" · ")
        == ["2026-08 <cinema premiere>, <re-release> (2D)"] * 2
    )


def test_other_fields_stay_as_stored() -> None:
    assert marked("2026 cinema", "title") == "2026 cinema"
