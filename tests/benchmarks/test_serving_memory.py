"""The serving process stays small while it serves cold posters and new pages."""

import json

import pytest

from benchmarks.serving_memory import SMALLEST, Memory, main


def test_serving_process_stays_small(capsys: pytest.CaptureFixture[str]) -> None:
    """A short form of the benchmark. Drawing these six posters in the process takes 77 MB."""
    assert main(SMALLEST) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    memory = Memory(**figures["2 arenas"])
    assert memory.pages == 100
    assert memory.after_posters - memory.at_start < 40, memory
    assert memory.after_crawl - memory.at_start < 90, memory
    assert memory.peak < 300, memory
