"""Varnish with xkey and the documented configuration."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from .ports import HOST, accepts, free_port
from .process import Service, find_program

FOLDER = Path(__file__).parents[2] / "deploy" / "varnish"


class VarnishServer(Service):
    """Varnish on ``127.0.0.1:port`` in front of a site; empty after each start.

    Set ``site_port`` before the start. A cache hit has two numbers in X-Varnish.
    """

    name = "varnish"

    def __init__(self) -> None:
        super().__init__()
        self.port = free_port()
        self.site_port = 0

    @property
    def url(self) -> str:
        """Without a trailing slash."""
        return f"http://{HOST}:{self.port}"

    def prepare(self) -> None:
        """Write the configuration, with the site's port."""
        given = (FOLDER / "default.vcl").read_text()
        here = given.replace('.port = "6543"', f'.port = "{self.site_port}"')
        (self.home / "site.vcl").write_text(here)
        shutil.copy(FOLDER / "moziweb.vcl", self.home)

    def command(self) -> Sequence[str]:
        """In the foreground, without a console, in memory."""
        return [
            find_program("varnishd", Path("/usr/sbin")), "-F", "-j", "none",
            "-n", str(self.home / "varnish"), "-a", f"{HOST}:{self.port}", "-T", "none",
            "-f", str(self.home / "site.vcl"), "-s", "malloc,32m", "-p", "http_gzip_support=off",
        ]  # fmt: skip

    def is_ready(self) -> bool:
        """Whether it accepts connections."""
        return accepts(self.port)
