"""``moziweb completion``: the completion of commands and options in a shell."""

import click
from click.shell_completion import get_completion_class

PROGRAM = "moziweb"

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the script that completes "moziweb" in SHELL.

    For bash, write it to ~/.local/share/bash-completion/completions/moziweb, or for all users to
    /etc/bash_completion.d/moziweb: moziweb completion bash > FILE.

    For zsh, write it to a file named _moziweb in a folder of $fpath; for fish, to
    ~/.config/fish/completions/moziweb.fish.
    """
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"no completion for {shell}")
    # Without the check of bash's version, which would start bash.
    script = found(click.Group(), {}, PROGRAM, f"_{PROGRAM.upper()}_COMPLETE")
    click.echo(script.source_template % script.source_vars())
