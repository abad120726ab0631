"""A process of one version of the cache: ``python -m tests.cache.version_peer SETTINGS``.

``SETTINGS`` is JSON. ``code`` is the folder whose package ``moziweb`` is used, ``data`` one with a
file for each movie, which contains its version. ``cache`` are ini keys. ``mutant`` is a function of
``tests.cache.mutants``. The process answers lines of JSON with lines of JSON.
"""

import json
import random
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

Pages = Sequence[Sequence[int]]
"""The movies of each page."""


def use_code(folder: Path) -> None:
    """Import ``moziweb`` from ``folder``, which may lack packages that the cache does not need."""
    for name in ("moziweb", "moziweb.settings"):
        package = ModuleType(name)
        package.__path__ = [str(folder.joinpath(*name.split(".")))]
        sys.modules[name] = package


class Peer:
    """A cache, and the data that its pages show."""

    def __init__(self, data: Path, settings: Mapping[str, str]) -> None:
        from moziweb.cache.regions.config import from_settings

        self._data = data
        self._cache = from_settings(dict(settings))
        self._region = self._cache.regions["pages"]

    def write(self, movie: int, version: int) -> float:
        """Change a movie and publish its tag; the time at which the publish was complete."""
        path = self._data / f"{movie}"
        new = path.with_suffix(".new")
        new.write_text(f"{version}")
        new.replace(path)
        self._cache.stamps.publish([f"movie:{movie}"])
        return time.monotonic()

    def read(self, movies: Sequence[int], *, in_loop: bool = False) -> tuple[str, dict[int, int]]:
        """How a page was served, and the versions on it; ``in_loop`` as waitress's loop reads."""
        key = self._cache.keys["pages"].key("movies", *map(str, movies))
        entry = self._local_entry(key) if in_loop else None
        if entry is not None:
            return "loop", versions(entry.payload)
        served = self._region.get_or_render(key, self._render(movies), source=self._source())
        return served.status.value, versions(served.entry.payload)

    def _local_entry(self, key: str) -> Any:
        local = self._region.local
        copy = local.find(key)
        if copy is None:
            return None
        clock = local.clock()
        local.revalidate({key: copy}, clock)
        return local.get(key, copy, clock)

    def _source(self) -> Any:
        from tests.cache.clock_source import ClockSource

        return ClockSource(self._cache.stamps)

    def _render(self, movies: Sequence[int]) -> Any:
        from moziweb.cache.regions.rendering import RenderContext, Rendered

        def render(context: RenderContext) -> Rendered:
            context.depend(*(f"movie:{movie}" for movie in movies))
            shown = {movie: int((self._data / f"{movie}").read_text()) for movie in movies}
            return Rendered(json.dumps(shown).encode())

        return render

    def work(self, movie: int, pages: Pages, seconds: float) -> dict[str, Any]:
        """Write ``movie`` and read ``pages`` in threads; all writes and reads with their times."""
        until = time.monotonic() + seconds
        writes: list[tuple[int, int, float]] = []
        reads: list[tuple[float, str, dict[int, int]]] = []

        def write() -> None:
            version = 1
            while time.monotonic() < until:
                writes.append((movie, version, self.write(movie, version)))
                version += 1
                time.sleep(0.01)

        def read(seed: int) -> None:
            chance = random.Random(seed)
            while time.monotonic() < until:
                began = time.monotonic()
                how, shown = self.read(chance.choice(pages), in_loop=chance.random() < 0.5)
                reads.append((began, how, shown))

        threads = [threading.Thread(target=write)]
        threads += [threading.Thread(target=read, args=(seed,)) for seed in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return {"writes": writes, "reads": reads}

    def resets(self) -> dict[str, int]:
        """How often the log of this process started again, by reason; only of this version."""
        return {str(reason): n for reason, n in self._cache.stamps.log.counts().resets.items()}


def versions(payload: bytes) -> dict[int, int]:
    """The versions on a page."""
    return {int(movie): version for movie, version in json.loads(payload).items()}


def main() -> None:
    """Answer until the input ends."""
    given = json.loads(sys.argv[1])
    use_code(Path(given["code"]))
    if given["mutant"]:
        import pytest

        from tests.cache import mutants

        getattr(mutants, given["mutant"])(pytest.MonkeyPatch())
    peer = Peer(Path(given["data"]), given["cache"])
    for line in sys.stdin:
        name, arguments = json.loads(line)
        sys.stdout.write(json.dumps(getattr(peer, name)(**arguments)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
