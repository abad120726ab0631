"""The ``moziweb`` command: what an operator does beside serving.

One group of commands to a module. Every one reads the same ini file as the site; a wrong setting is
one line and exit status 2. On a terminal there is a progress bar, elsewhere JSON, one object a
line, for scripts and logs.
"""

import click

from .cache import cache
from .db import db
from .demo import demo
from .imports import imports
from .installation import Installation
from .posters import posters
from .uploads import uploads
from .user import user
from .worker import worker

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
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
    context.obj = Installation(ini)


main.add_command(cache)
main.add_command(db)
main.add_command(demo)
main.add_command(imports)
main.add_command(posters)
main.add_command(uploads)
main.add_command(user)
main.add_command(worker)
