"""Posters are drawn in a process that ends."""

import signal
import sys

import pytest

from moziweb.demo import drawing, drawing_process
from moziweb.demo.drawing_process import draw_in_child
from moziweb.demo.errors import DemoFontsMissing, DrawingFailed
from moziweb.demo.spec import PosterSpec
from tests.services.process import run

SPEC = PosterSpec("tt1", "Az ötödik elem", 2026)


def test_child_above_its_time_is_killed() -> None:
    with pytest.raises(TimeoutError, match=r"not drawn within 0\.01 s"):
        draw_in_child(SPEC, 0, 0.01)


def test_interrupt_of_the_terminal_does_not_end_a_drawing() -> None:
    """Ctrl-C goes to the whole process group of the terminal, here that of the parent."""
    script = f"""
import os, signal, threading
from moziweb.demo.drawing_process import draw_in_child
from moziweb.demo.spec import PosterSpec
signal.signal(signal.SIGINT, lambda *_: None)  # a child gets the default
timers = [threading.Timer(each / 20, os.killpg, (0, signal.SIGINT)) for each in range(40)]
for timer in timers:
    timer.start()
print(len(draw_in_child(PosterSpec.from_url({SPEC.to_url()!r}), 0, 60)))
for timer in timers:
    timer.cancel()
"""
    drawn = run([sys.executable, "-W", "ignore", "-c", script], process_group=0, check=True)
    assert int(drawn.stdout) > 100_000


def test_error_of_the_child_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing_process, "_MODULE", "moziweb.demo.no_such_module")
    with pytest.raises(DrawingFailed, match=r"status 1: .*no_such_module"):
        draw_in_child(SPEC, 0, 60)


def test_missing_fonts_are_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The child's part and the parent's part, each with the other replaced."""

    def without_fonts(spec: PosterSpec) -> bytes:
        raise DemoFontsMissing("fontpkg-jost")

    monkeypatch.setattr(drawing, "draw_poster", without_fonts)
    monkeypatch.setattr(sys, "argv", ["drawing_process", SPEC.to_url(), "0"])
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as ended:
            drawing_process.main()
    finally:
        signal.signal(signal.SIGTERM, handler)
    package = capsys.readouterr().err
    script = f"import sys; print({package!r}, file=sys.stderr); sys.exit({ended.value.code})"
    monkeypatch.setattr(drawing_process, "child_command", lambda *_: [sys.executable, "-c", script])
    with pytest.raises(DemoFontsMissing) as caught:
        draw_in_child(SPEC, 0, 60)
    assert caught.value.package == "fontpkg-jost"
