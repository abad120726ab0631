"""The errors of the demo."""


class DemoError(Exception):
    """Base of every error the demo raises."""


class InvalidPosterSpec(DemoError, ValueError):
    """A `drawn:` URL, or the values for one, that no poster can be drawn from."""


class InvalidCatalogue(DemoError, ValueError):
    """A catalogue file with a missing column or a row that cannot be read."""


class DemoFontsMissing(DemoError):
    """A font the posters are set in is not installed."""

    def __init__(self, package: str) -> None:
        super().__init__(
            f"the demo's posters need the font package {package!r}: install moziweb[demo]"
        )
        self.package = package
