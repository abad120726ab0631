"""The result of a benchmark is its exit status and its last line."""

import json

import pytest

from benchmarks.report import Bound, finish, print_table


@pytest.mark.parametrize(
    ("bound", "kept"),
    [
        (Bound("speed", 1.0, at_least=1), True),
        (Bound("speed", 0.99, at_least=1), False),
        (Bound("memory", 130.0, at_most=130), True),
        (Bound("memory", 130.1, at_most=130), False),
        (Bound("both", 2.0, at_least=1, at_most=3), True),
        (Bound("both", 4.0, at_least=1, at_most=3), False),
        (Bound("none", 4.0), True),
    ],
)
def test_a_bound_includes_its_limits(bound: Bound, kept: bool) -> None:
    assert bound.kept is kept
    assert str(bound).startswith("kept" if kept else "MISSED")


def test_the_last_line_is_the_figures(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("times", ("", "ms"), [("ours", 1.25), ("theirs", 10.0)])
    assert finish({"benchmark": "x"}, [Bound("speed", 2.0, at_least=1)]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told == {"benchmark": "x", "bounds": {"speed": 2.0}, "missed": []}


def test_a_missed_bound_fails_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert finish({}, [Bound("speed", 0.5, at_least=1), Bound("memory", 1.0, at_most=2)]) == 1
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["missed"] == ["speed"]


def test_columns_line_up(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("times", ("", "ms"), [("ours", 1.25), ("theirs", 10.0)])
    assert capsys.readouterr().out.splitlines()[3:] == [
        "          ms",
        "ours     1.2",
        "theirs  10.0",
    ]
