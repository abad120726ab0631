"""Demo data for a new installation.

These modules use neither the database nor the network:

- `catalogue`: real movies from a CC0 snapshot, with dates moved around today and sample texts that
  are marked as such;
- `spec`: the `drawn:` URL, which contains all data of a poster;
- `drawing`: draws a poster with Pillow from its URL.

`loader` inserts the catalogue into the database, and `reader` draws posters for the poster service.
Importing the package neither loads a font nor reads the catalogue.
"""

from pyramid.config import Configurator

from moziweb.posters.models import SourceKind


def includeme(config: Configurator) -> None:
    """Register the reader of `drawn` sources. Requires `moziweb.posters`."""
    from .reader import DrawnReader  # not at import: it imports Pillow

    config.add_poster_source(SourceKind.DRAWN, DrawnReader())
