import re

import pytest

from moziweb.demo.catalogue import shipped_movies
from moziweb.demo.chance import generator
from moziweb.demo.texts import TextSubject, enumerated, synopsis, tagline

SUBJECT = TextSubject(("Drama",), ("Ann Lee",), ("Bo", "Cy"), ("Hungary",))


def subjects() -> list[TextSubject]:
    movies = shipped_movies()
    return [
        TextSubject(movie.genres, movie.directors, movie.cast, movie.countries) for movie in movies
    ]


def test_synopses_have_three_to_six_sentences_in_both_languages() -> None:
    for number, subject in enumerate(subjects()):
        text = synopsis(subject, generator(str(number)))
        for words in (text.hungarian, text.english):
            assert 3 <= len(re.findall(r"[.?!](?= [A-ZÁÉÍÓÖŐÚÜŰ]|$)", words)) <= 9
            assert not re.search(r"[{}]|\s\s", words)


def test_texts_vary() -> None:
    texts = {synopsis(SUBJECT, generator(str(number))).hungarian for number in range(100)}
    assert len(texts) > 60


@pytest.mark.parametrize(
    ("countries", "directors", "hungarian", "english"),
    [
        (
            ("Hungary",),
            ("A",),
            "A magyar dráma rendezője A.",
            "The Hungarian drama was directed by A.",
        ),
        (
            ("United States", "France"),
            ("A", "B"),
            "Az amerikai–francia dráma rendezői A és B.",
            "The American-French drama was directed by A and B.",
        ),
        (
            ("Iceland",),
            ("A", "B", "C", "D"),
            "Az izlandi dráma 4 rendező közös munkája.",
            "The Icelandic drama is the joint work of 4 directors.",
        ),
    ],
)
def test_grammar_of_the_facts(
    countries: tuple[str, ...], directors: tuple[str, ...], hungarian: str, english: str
) -> None:
    text = synopsis(TextSubject(("Drama",), directors, ("Bo",), countries), generator("x"))
    assert hungarian in text.hungarian
    assert english in text.english


def test_synopsis_without_a_cast_does_not_mention_one() -> None:
    text = synopsis(TextSubject(("Horror",), ("A",), (), ("Spain",)), generator("x"))
    assert "szerep" not in text.hungarian


def test_every_genre_has_tag_lines() -> None:
    genres = {genre for subject in subjects() for genre in subject.genres}
    assert len(genres) == 21
    for genre in genres:
        assert tagline(TextSubject((genre,), (), (), ()), generator(genre))


def test_names_are_enumerated() -> None:
    assert enumerated(("A", "B", "C"), "és") == "A, B és C"
    assert enumerated(("A",), "és") == "A"
