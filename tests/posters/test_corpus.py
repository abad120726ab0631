"""The hostile corpus: each file gets its verdict in time, and no process dies."""

import time
from collections.abc import Iterator
from statistics import median

import pytest

from moziweb.posters.decoder import MEBIBYTE, DecoderPool, ResourceLimits
from moziweb.posters.imaging.errors import ImageRejected, RejectCode
from moziweb.posters.recipes import RECIPES
from tests.posters.decoder.children import pids, status

from .corpus import GROUPS, MADE, corpus, corpus_of

SECONDS = 2.0
"""Maximum seconds for a bomb."""

MEMORY_MIB = 300


@pytest.fixture(scope="module")
def pool() -> Iterator[DecoderPool]:
    """A pool with the site's default limits and one child that is not replaced."""
    pool = DecoderPool(1, 200 * MEBIBYTE, ResourceLimits(niceness=0), jobs_per_child=100_000)
    yield pool
    pool.close()


def verdict_of(pool: DecoderPool, data: bytes) -> RejectCode | None:
    """The code of the rejection; None if variants are made."""
    recipes = RECIPES[:4]
    try:
        made = pool.make(data, recipes)
    except ImageRejected as rejection:
        return rejection.code
    assert len(made.variants) == len(recipes)
    assert all(variant.data for variant in made.variants)
    return None


@pytest.mark.parametrize("group", GROUPS)
def test_verdicts_on_group(group: str, pool: DecoderPool) -> None:
    verdicts = {each: verdict_of(pool, each.data) for each in corpus_of(group)}
    assert verdicts, "the group is empty"
    wrong = [f"{each}: {code}" for each, code in verdicts.items() if code not in each.verdict]
    assert wrong == []


@pytest.mark.parametrize("group", GROUPS)
def test_all_recipes_are_made_without_metadata(group: str, pool: DecoderPool) -> None:
    """The other tests make only four recipes, without AVIF and squares, which take most time."""
    wrong = []
    for each in corpus_of(group):
        if each.verdict != MADE:
            continue
        try:
            variants = pool.make(each.data, RECIPES).variants
        except ImageRejected as rejection:
            wrong.append(f"{each}: {rejection.code}")
        else:
            wrong += [
                f"{each}: secret in {one.recipe.suffix}"
                for one in variants
                if each.secret and each.secret in one.data
            ]
    assert wrong == []


def test_corpus_has_pictures_and_secrets() -> None:
    pictures = [each for each in corpus() if each.verdict == MADE]
    assert len(pictures) > 60
    assert sum(bool(each.secret) for each in pictures) > 10


def test_names_are_unique_and_files_small() -> None:
    names = [hostile.name for hostile in corpus()]
    assert len(names) == len(set(names)) > 150
    assert max(len(hostile.data) for hostile in corpus()) < 4_000_000


def test_bombs_are_refused_in_time_and_memory() -> None:
    """Measured in one child, which gets all bombs in turn."""
    pool = DecoderPool(1, 200 * MEBIBYTE, ResourceLimits(niceness=0), jobs_per_child=100_000)
    verdict_of(pool, corpus_of("leaks")[0].data)  # starts the child
    (pid,) = pids(pool)
    seconds = []
    for hostile in (each for each in corpus() if each.bomb):
        started = time.monotonic()
        code = verdict_of(pool, hostile.data)
        seconds.append(time.monotonic() - started)
        assert code is not None, f"{hostile} was decoded"
        assert hostile.verdict == {code}, hostile.name
        assert seconds[-1] < SECONDS, hostile.name
    assert pids(pool) == {pid}, "a bomb killed the child"
    assert status(pid, "VmHWM") < MEMORY_MIB * 1024
    assert median(seconds) < 0.1, "most are rejected by their header"
    pool.close()
