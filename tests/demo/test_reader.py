"""The reader of drawn posters."""

from dataclasses import dataclass
from io import BytesIO

import pytest
from PIL import Image
from webtest import TestApp

from moziweb.demo import reader as reader_module
from moziweb.demo.errors import DemoFontsMissing
from moziweb.demo.reader import DrawnReader
from moziweb.demo.spec import PosterSpec
from moziweb.posters.generation.error_codes import ServiceCode, SourceError
from moziweb.posters.models import SourceKind
from moziweb.services import services_of


@dataclass(frozen=True)
class Source:
    """The fields of a source that a reader uses."""

    url: str | None
    key: str | None = None


def test_poster_is_drawn_from_its_url() -> None:
    body = DrawnReader().read(Source(PosterSpec("tt1", "Az ötödik elem", 2026).to_url())).body
    with Image.open(BytesIO(body)) as image:
        assert (image.format, image.size) == ("JPEG", (2000, 3000))


@pytest.mark.parametrize("url", [None, "", "https://example.com/p.jpg", "drawn:?title=x"])
def test_bad_url_is_a_permanent_error(url: str | None) -> None:
    with pytest.raises(SourceError) as caught:
        DrawnReader().read(Source(url))
    assert (caught.value.code, caught.value.permanent) == (ServiceCode.INVALID_SPEC, True)


def test_missing_fonts_are_a_transient_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_fonts(spec: PosterSpec) -> bytes:
        raise DemoFontsMissing("font-roboto")

    monkeypatch.setattr(reader_module, "draw_poster", without_fonts)
    with pytest.raises(SourceError) as caught:
        DrawnReader().read(Source(PosterSpec("tt1", "Film", 2026).to_url()))
    assert (caught.value.code, caught.value.permanent) == (ServiceCode.FONTS_MISSING, False)


def test_application_has_the_reader(app: TestApp) -> None:
    assert isinstance(services_of(app.app.registry).poster_readers[SourceKind.DRAWN], DrawnReader)
