"""The serving process stays small while it serves cold posters and new pages."""

from pathlib import Path

from benchmarks.serving_memory import measure


def test_serving_process_stays_small(tmp_path: Path) -> None:
    """A short form of the benchmark. Drawing these six posters in the process takes 77 MB."""
    memory = measure(tmp_path, posters=6, pages=100)
    assert memory.pages == 100
    assert memory.after_posters - memory.at_start < 40, memory
    assert memory.after_crawl - memory.at_start < 90, memory
    assert memory.peak < 300, memory
