"""The ``moziweb`` command: administration of a site.

Each command group has a module. All commands read the site's ini file; for a wrong setting they
print one line and exit with status 2. On a terminal they show a progress bar, otherwise they print
JSON, one object per line.
"""

from importlib import import_module
from typing import Final

import click

from .context import CommandContext

__all__ = ["main"]

_GROUPS: Final = {
    "bin": "deleting",
    "cache": "cache",
    "completion": "completion",
    "db": "db",
    "demo": "demo",
    "import": "imports",
    "merge": "merging",
    "posters": "posters",
    "uploads": "uploads",
    "user": "user",
    "worker": "worker",
}
"""Command -> module; the module has a function of its own name."""


class _LazyGroup(click.Group):
    """Imports a command's module when the command runs: each needs other libraries."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_GROUPS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = _GROUPS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = getattr(import_module(f".{module}", __package__), module)
        return command


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
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
def main(ctx: click.Context, ini: str) -> None:
    """Administer a moziweb site: bin, cache, database, imports, merges, posters, uploads, users."""
    ctx.obj = CommandContext(ini)
