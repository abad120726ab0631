"""``python -m moziweb.cli`` runs the ``moziweb`` command."""

from . import main

if __name__ == "__main__":
    main(prog_name="moziweb")
