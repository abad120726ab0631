"""The reader of drawn posters."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO

import pytest
from PIL import Image
from webtest import TestApp

from moziweb.demo import reader as reader_module
from moziweb.demo.errors import DemoFontsMissing, DrawingFailed
from moziweb.demo.reader import DrawnReader
from moziweb.demo.spec import PosterSpec
from moziweb.posters.generation.error_codes import ServiceCode, SourceCode, SourceError
from moziweb.posters.imaging.errors import RejectCode
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


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DemoFontsMissing("font-roboto"), ServiceCode.FONTS_MISSING),
        (DrawingFailed("status -9"), ServiceCode.INTERNAL),
        (TimeoutError(), RejectCode.DECODE_TIMEOUT),
    ],
)
def test_failed_drawing_is_a_transient_error(
    error: Exception, code: SourceCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> bytes:
        raise error

    monkeypatch.setattr(reader_module, "draw_in_child", failing)
    with pytest.raises(SourceError) as caught:
        DrawnReader().read(Source(PosterSpec("tt1", "Film", 2026).to_url()))
    assert (caught.value.code, caught.value.permanent) == (code, False)


def test_as_many_posters_as_cores_are_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    running, most, cores = set(), [], len(os.sched_getaffinity(0))
    enough = threading.Event()

    def draw(spec: PosterSpec, *_: object) -> bytes:
        running.add(spec.seed)
        most.append(len(running))
        if len(running) == cores:
            enough.set()
        enough.wait(10)
        running.remove(spec.seed)
        return b""

    monkeypatch.setattr(reader_module, "draw_in_child", draw)
    reader = DrawnReader()
    with ThreadPoolExecutor(cores + 4) as pool:
        for number in range(cores + 4):
            pool.submit(reader.read, Source(PosterSpec(f"tt{number}", "Film", 2026).to_url()))
    assert max(most) == cores


def test_application_has_the_reader(app: TestApp) -> None:
    assert isinstance(services_of(app.app.registry).poster_readers[SourceKind.DRAWN], DrawnReader)
