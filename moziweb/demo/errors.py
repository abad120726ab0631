"""The errors of the demo."""


class DemoError(Exception):
    """Base class of the demo's errors."""


class InvalidPosterSpec(DemoError, ValueError):
    """A malformed `drawn:` URL, or invalid values for one."""


class InvalidCatalogue(DemoError, ValueError):
    """A catalogue file with a missing column or a malformed row."""


class DemoFontsMissing(DemoError):
    """A font of the posters is not installed."""

    def __init__(self, package: str) -> None:
        super().__init__(
            f"the demo's posters need the font package {package!r}: install moziweb[demo]"
        )
        self.package = package


class DrawingFailed(DemoError):
    """The process that draws a poster failed or was killed."""
