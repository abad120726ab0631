"""Draws a poster in a process that ends: ``python -m moziweb.demo.drawing_process URL NICENESS``.

Drawing takes 100 MB, of which a process with many threads returns only a part to the system.
"""

import signal
import subprocess
import sys
from typing import Final

from moziweb.child_process import (
    child_command,
    child_environment,
    lower_priority,
    signals_blocked,
)

from .errors import DemoFontsMissing, DrawingFailed
from .spec import PosterSpec

_MODULE: Final = "moziweb.demo.drawing_process"
_FONTS_MISSING: Final = 3
"""Exit status; standard error has the name of the package."""


def draw_in_child(spec: PosterSpec, niceness: int, seconds: float) -> bytes:
    """As `drawing.draw_poster`, in a child process that may take ``seconds``.

    Raises TimeoutError, DemoFontsMissing, and DrawingFailed if the child fails or is killed.
    """
    with signals_blocked():
        child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            child_command(_MODULE, spec.to_url(), str(niceness)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=child_environment(),
            cwd="/",
            process_group=0,  # Ctrl-C and Ctrl-Z of a terminal do not reach it
        )
    with child:
        try:
            picture, messages = child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(f"not drawn within {seconds:g} s") from error
        finally:
            child.kill()  # nothing, if it has ended
    if child.returncode == _FONTS_MISSING:
        raise DemoFontsMissing(messages.decode().strip())
    if child.returncode or not picture:
        lines = messages.decode(errors="replace").strip().splitlines()
        raise DrawingFailed(f"status {child.returncode}: {lines[-1] if lines else 'no message'}")
    return picture


def main() -> None:
    """Write the poster to standard output; arguments: the spec's URL and the niceness."""
    # It may be sent to all processes of a container, but a started poster is finished.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    from .drawing import draw_poster  # in the parent this module must stay small

    url, niceness = sys.argv[1:]
    lower_priority(int(niceness))
    try:
        data = draw_poster(PosterSpec.from_url(url))
    except DemoFontsMissing as error:
        print(error.package, file=sys.stderr)  # noqa: T201 - for the parent
        sys.exit(_FONTS_MISSING)
    sys.stdout.buffer.write(data)


if __name__ == "__main__":
    main()
