"""The kept texts of a film's fields, in the reader's words."""

from datetime import date

import pytest

from moziweb.manager.audit.formatting import readable
from moziweb.manager.movies.text import premiere
from moziweb.manager.movies.values import PremiereLine
from moziweb.movies.importers.candidate import PremiereFact
from moziweb.movies.importers.fields import shown
from moziweb.movies.models import Audio, DatePrecision, PremiereKind


def said(text: str, field: str = "premieres") -> str:
    """With each word of ours marked."""
    return readable(text, field, lambda word: f"<{word}>")


@pytest.mark.parametrize(
    ("kept", "told"),
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
def test_names_of_ours_become_words_and_the_rest_stays(kept: str, told: str) -> None:
    assert said(kept) == told


def test_it_reads_what_edits_and_imports_keep() -> None:
    day, kind = date(2026, 8, 20), PremiereKind.STREAMING
    line = PremiereLine(
        date=day, kind=kind, service="", audio=Audio.SUBTITLED, rerelease=True, formats=("2D",)
    )
    words = "2026-08-20 <streaming premiere>, 2D, <subtitled>, <re-release>"
    assert said(premiere(line)) == words
    fact = PremiereFact(day, DatePrecision.MONTH, rerelease=True, formats=("2D",))
    assert (
        said(shown((fact, fact))).split(" · ")
        == ["2026-08 <cinema premiere>, <re-release> (2D)"] * 2
    )


def test_other_fields_stay_as_stored() -> None:
    assert said("2026 cinema", "title") == "2026 cinema"
