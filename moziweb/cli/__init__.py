"""The ``moziweb`` command: what an operator does beside serving.

One group of commands to a module. Every one reads the same ini file as the site; a wrong setting is
one line and exit status 2. On a terminal there is a progress bar, elsewhere JSON, one object a
line, for scripts and logs.
"""

import warnings
from importlib import import_module
from typing import Final

import click

# Pyramid 2.1 imports it; an operator can do nothing about that, and would be told each time.
warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)

from .context import CommandContext  # noqa: E402

__all__ = ["main"]

_GROUPS: Final = {
    "cache": "cache",
    "db": "db",
    "demo": "demo",
    "import": "imports",
    "posters": "posters",
    "uploads": "uploads",
    "user": "user",
    "worker": "worker",
}
"""In which module each command is, under the module's own name."""


class _Lazy(click.Group):
    """Imports a command when it is asked for: each brings libraries that no other needs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_GROUPS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = _GROUPS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = getattr(import_module(f".{module}", __package__), module)
        return command


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-c",
    "--config",
    "ini",
    default="development.ini",
    show_default=True,
    metavar="FILE.ini",
    help="The ini file of the site.",
)
@click.version_option(package_name="moziweb")
@click.pass_context
def main(context: click.Context, ini: str) -> None:
    """A movie premieres calendar: cache, database, demo, imports, posters, uploads and users."""
    context.obj = CommandContext(ini)
