"""Environment variables in values."""

import pytest

from moziweb.settings.variables import names_in


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ()),
        ("${PORT}", ("PORT",)),
        ("${PORT:-6543}", ("PORT",)),
        ("${A}${B:-}${A:-x}", ("A", "B")),
        ("http://${HOST}:${PORT_2}/", ("HOST", "PORT_2")),
        ("$PORT ${lower} ${} ${2X} ${A B} ${A-b} {A}", ()),
        ("${A:-${B}}", ("A",)),
    ],
)
def test_names_are_in_their_order_without_repetitions(text: str, names: tuple[str, ...]) -> None:
    assert names_in(text) == names
