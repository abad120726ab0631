"""What a fresh install shows before anybody has entered a film.

Three parts touch neither the database nor the network:

- `catalogue`: real films out of a CC0 snapshot, moved to straddle today, decorated with
  clearly labelled sample texts;
- `spec`: the `drawn:` URL, which carries all that a poster needs;
- `drawing`: the posters themselves, drawn with Pillow from nothing but such a URL.

and two join them to the site: `loader` puts the catalogue into the database, `reader` teaches the
poster service to draw.

Nothing here loads a font or reads the catalogue at import.
"""

from pyramid.config import Configurator

from moziweb.posters.models import SourceKind


def includeme(config: Configurator) -> None:
    """Have sources of kind `drawn` drawn. Rests on `moziweb.posters`."""
    from .reader import DrawnReader  # here, so that a poster's spec is read without Pillow

    config.add_poster_source(SourceKind.DRAWN, DrawnReader())
