"""What a fresh install shows before anybody has entered a film.

Three parts, none of which touches the database or the network:

- `catalogue`: real films out of a CC0 snapshot, moved to straddle today, decorated with
  clearly labelled sample texts;
- `spec`: the `drawn:` URL, which carries all that a poster needs;
- `drawing`: the posters themselves, drawn with Pillow from nothing but such a URL.

Nothing here loads a font or reads the catalogue at import.
"""
