"""Draws posters from their specs.

A spec gives the same bytes in every process (with the same Pillow and fonts): all random numbers
come from a generator that is seeded by the SHA-256 of the spec's seed.
"""

from io import BytesIO
from random import Random
from typing import Final

from PIL import Image

from moziweb.demo.chance import generator
from moziweb.demo.spec import PosterSpec
from moziweb.demo.styles import STYLES
from moziweb.demo.styles.artwork import Artwork, Brief, Style
from moziweb.demo.styles.billing import print_billing
from moziweb.demo.styles.canvas import grained
from moziweb.demo.styles.lettering import print_title
from moziweb.demo.styles.palette import random_palette

QUALITY: Final = 88
"""The JPEG quality of a drawn poster, which is a source of variants."""


def draw_poster(spec: PosterSpec) -> bytes:
    """A poster of 2000 x 3000 pixels as a JPEG; raises DemoFontsMissing without the fonts."""
    return encode(paint_poster(spec))


def paint_poster(spec: PosterSpec, style: Style | None = None) -> Image.Image:
    """The poster as an RGB image, in `style` or in one that is chosen by genres and seed."""
    rng = generator(spec.seed)
    chosen = choose_style(spec, rng)
    style = style or chosen
    brief = Brief(rng, random_palette(style.moods, rng), spec.title, spec.genres)
    return _lettered(style.paint(brief), spec, rng)


def choose_style(spec: PosterSpec, rng: Random) -> Style:
    """A random style, weighted by the movie's genres, of which the first one counts most."""
    weights = [_weight(style, spec.genres) for style in STYLES]
    return rng.choices(STYLES, weights)[0]


def encode(image: Image.Image) -> bytes:
    """Encode a painted poster as a JPEG."""
    out = BytesIO()
    image.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def _weight(style: Style, genres: tuple[str, ...]) -> float:
    fits = [style.genres.get(genre, 0.0) / (1 + place) for place, genre in enumerate(genres)]
    return sum(fits) + style.base_weight


def _lettered(artwork: Artwork, spec: PosterSpec, rng: Random) -> Image.Image:
    print_title(artwork.image, artwork.title, spec.title, rng)
    print_billing(artwork.image, artwork.billing, spec)
    return grained(artwork.image, rng, artwork.grain)
