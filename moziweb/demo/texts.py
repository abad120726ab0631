"""Sample synopses and tag lines, composed of the sentences in `data/texts.toml`.

A synopsis has nothing to do with the movie's real plot and begins with "sample text". Sentences are
chosen as Hungarian-English pairs, so the two synopses are translations.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from random import Random
from typing import Any, Final

SAMPLE_HU: Final = "Mintaszöveg: "
SAMPLE_EN: Final = "Sample text: "


@dataclass(frozen=True)
class TextSubject:
    """The fields of a movie that sample texts use; names are those of the catalogue file."""

    genres: tuple[str, ...]
    directors: tuple[str, ...]
    cast: tuple[str, ...]
    countries: tuple[str, ...]


@dataclass(frozen=True)
class Bilingual:
    """A text or a word in two languages."""

    hungarian: str
    english: str


def synopsis(subject: TextSubject, rng: Random) -> Bilingual:
    """Three to six sentences: a premise, plot turns, the cast, and facts."""
    mood = _mood(subject, rng)
    pairs = [rng.choice(_sentences("premises", mood))]
    turns = _sentences("turns", mood)
    pairs += rng.sample(turns, rng.choice((1, 1, 2)))
    if subject.cast:
        pairs.append(rng.choice(_sentences("cast", "two" if len(subject.cast) > 1 else "one")))
    pairs.append(_facts(subject))
    if rng.random() < 0.4:
        pairs.append(rng.choice(_sentences("closings", "any")))
    cast = dict(zip(("lead", "second"), subject.cast, strict=False))
    return Bilingual(
        SAMPLE_HU + " ".join(pair.hungarian.format(**cast) for pair in pairs),
        SAMPLE_EN + " ".join(pair.english.format(**cast) for pair in pairs),
    )


def tagline(subject: TextSubject, rng: Random) -> str:
    """A Hungarian tag line for the poster."""
    lines: list[str] = _texts()["taglines"][_mood(subject, rng)]
    return rng.choice(lines)


def reason(kind: str, rng: Random) -> str:
    """The reason of a change or a special premiere.

    `kind` is `moved`, `cancelled`, `rerelease`, `festival` or `limited`.
    """
    lines: list[str] = _texts()["reasons"][kind]
    return rng.choice(lines)


def enumerated(words: tuple[str, ...], conjunction: str) -> str:
    """The words joined with commas and ``conjunction``: "A, B és C"."""
    *others, last = words
    return f"{', '.join(others)} {conjunction} {last}" if others else last


@lru_cache(maxsize=1)
def _texts() -> Mapping[str, Any]:
    text = resources.files("moziweb.demo").joinpath("data/texts.toml").read_text("utf-8")
    return tomllib.loads(text)


def _sentences(table: str, key: str) -> list[Bilingual]:
    return [Bilingual(*both) for both in _texts()[table][key]]


def _word(table: str, key: str) -> Bilingual:
    return Bilingual(*_texts()[table][key])


def _mood(subject: TextSubject, rng: Random) -> str:
    """The mood of the first genre, or sometimes of the second."""
    genre = subject.genres[1] if len(subject.genres) > 1 and rng.random() < 0.3 else None
    mood: str = _texts()["moods"][genre or subject.genres[0]]
    return mood


def _facts(subject: TextSubject) -> Bilingual:
    """A sentence with the countries, the genre and the directors."""
    kind = _word("genres", subject.genres[0])
    countries = [_word("countries", country) for country in subject.countries[:3]]
    hungarian = f"{'–'.join(each.hungarian for each in countries)} {kind.hungarian}"
    english = f"{'-'.join(each.english for each in countries)} {kind.english}"
    return Bilingual(
        f"{_article(hungarian)} {hungarian} {_credited_hu(subject.directors)}.",
        f"The {english} {_credited_en(subject.directors)}.",
    )


def _credited_hu(directors: tuple[str, ...]) -> str:
    if len(directors) > 3:
        return f"{len(directors)} rendező közös munkája"
    role = "rendezője" if len(directors) == 1 else "rendezői"
    return f"{role} {enumerated(directors, 'és')}"


def _credited_en(directors: tuple[str, ...]) -> str:
    if len(directors) > 3:
        return f"is the joint work of {len(directors)} directors"
    return f"was directed by {enumerated(directors, 'and')}"


def _article(word: str) -> str:
    return "Az" if word[0].lower() in "aáeéiíoóöőuúüű" else "A"
