"""Demo data for a new installation.

These modules use neither the database nor the network:

- `catalogue`: real movies from a CC0 snapshot, with dates moved around today and sample texts that
  are marked as such;
- `spec`: the `drawn:` URL, which contains all data of a poster;
- `drawing`: draws a poster with Pillow from its URL; `drawing_process` does so in a process that
  ends.

`loader` inserts the catalogue into the database, and `reader` draws posters for the poster service.
Importing the package neither loads a font nor reads the catalogue.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyramid.config import Configurator


def includeme(config: "Configurator") -> None:
    """Register the reader of `drawn` sources. Requires `moziweb.posters`."""
    # Not above: the processes that draw posters import this package.
    from moziweb.posters.models import SourceKind

    from .reader import DrawnReader

    settings = config.registry.settings
    reader = DrawnReader(settings["posters.decoder.niceness"], settings["posters.decoder.seconds"])
    config.add_poster_source(SourceKind.DRAWN, reader)
