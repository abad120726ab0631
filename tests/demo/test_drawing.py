import hashlib
import sys
from collections import Counter
from collections.abc import Iterable
from io import BytesIO

import pytest
from PIL import Image

from moziweb.demo.catalogue import CatalogueMovie, shipped_movies
from moziweb.demo.chance import generator
from moziweb.demo.drawing import choose_style, draw_poster, paint_poster
from moziweb.demo.spec import PosterSpec
from moziweb.demo.styles import STYLES
from moziweb.demo.styles.artwork import Brief, Style
from moziweb.demo.styles.palette import random_palette
from tests.services.process import run

SPEC = PosterSpec(
    "tt0000001",
    "Őrült űrhajó: A tűzön át",
    2026,
    ("Enyedi Ildikó", "Szőts Árpád"),
    ("Bánsági Ildikó", "Őze Lajos", "Ürge Tódor"),
    ("Drama", "Romance"),
    "Semmi sem az, aminek látszik.",
)


def test_poster_is_a_jpeg_of_2000_by_3000_pixels() -> None:
    image = Image.open(BytesIO(draw_poster(SPEC)))
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (2000, 3000))


def test_another_process_draws_the_same_bytes() -> None:
    """It has another hash seed, and only the URL."""
    script = (
        "import hashlib, sys;"
        "from moziweb.demo.drawing import draw_poster;"
        "from moziweb.demo.spec import PosterSpec;"
        "print(hashlib.sha256(draw_poster(PosterSpec.from_url(sys.argv[1]))).hexdigest())"
    )
    drawn = run([sys.executable, "-c", script, SPEC.to_url()], check=True)
    assert drawn.stdout.strip() == hashlib.sha256(draw_poster(SPEC)).hexdigest()


def test_import_opens_no_font() -> None:
    script = (
        "import moziweb.demo.drawing;"
        "from moziweb.demo.styles.typography import font;"
        "print(font.cache_info().currsize)"
    )
    imported = run([sys.executable, "-c", script], check=True)
    assert imported.stdout.strip() == "0"


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
def test_every_style_paints_an_image_with_room_for_the_title(style: Style) -> None:
    rng = generator(style.name)
    artwork = style.paint(Brief(rng, random_palette(style.moods, rng), SPEC.title, SPEC.genres))
    assert (artwork.image.mode, artwork.image.size) == ("RGB", (2000, 3000))
    assert len(artwork.image.resize((20, 30)).getcolors(600) or []) > 4
    left, top, right, bottom = artwork.title.box
    assert 120 <= left < right <= 1880
    assert 270 <= top < bottom <= 2460


def test_posters_of_different_titles_differ() -> None:
    other = paint_poster(PosterSpec(SPEC.seed, "R", SPEC.year, genres=SPEC.genres))
    assert other.tobytes() != paint_poster(SPEC).tobytes()


def styles_of(movies: Iterable[CatalogueMovie]) -> Counter[str]:
    """The number of movies by style."""
    specs = [PosterSpec(movie.imdb_id, movie.title, 2026, genres=movie.genres) for movie in movies]
    return Counter(choose_style(spec, generator(spec.seed)).name for spec in specs)


def test_style_suits_the_genres() -> None:
    drawn = styles_of(movie for movie in shipped_movies() if movie.genres[0] == "Horror")
    assert drawn["woods"] + drawn["doorway"] > sum(drawn.values()) / 2


def test_all_styles_are_used_and_none_dominates() -> None:
    drawn = styles_of(shipped_movies())
    assert set(drawn) == {style.name for style in STYLES}
    assert max(drawn.values()) < len(shipped_movies()) * 0.15


def test_seed_title_and_year_suffice_for_a_poster() -> None:
    assert paint_poster(PosterSpec("x", "…", 2026)).size == (2000, 3000)
