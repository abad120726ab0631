"""Time to make the variants of a poster: ours, naive Pillow, easy-thumbnails and libvips.

    python -m benchmarks.variants [--rounds 12 4] [--size 2000 3000]

Sources are generated: 2000x3000 JPEGs of quality 90 and 1.2 MB. Each contender runs in its own
process; in each round all run one after the other, on the same source, with the same encoder
settings. Figures are medians of the rounds. CPU time over all threads is compared: a site makes as
many posters at once as it has cores, and the wall time depends on other work on the machine and
favours contenders with more threads. The wall time is shown, too.

Pillow uses one thread. libvips is measured with one (VIPS_CONCURRENCY=1) and with its default; the
bound is against the cheaper of the two. All may use every core. easy-thumbnails, which a Django
site would use, runs without its database and its storage.

The images are also compared with a Lanczos resize of every pixel of the source: ours before
encoding, and the files of each contender.
"""

import argparse
import cProfile
import os
import pstats
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Final

from PIL import Image

from benchmarks.children import Child
from benchmarks.contenders import (
    Contender,
    easy_thumbnails,
    full_resolution,
    naive,
    ours,
    prepare,
    vips_shared,
)
from benchmarks.likeness import psnr, ssim
from benchmarks.report import Bound, finish, print_table
from moziweb.posters.imaging.variants import ImageScaler
from moziweb.posters.recipes import JPEG, RECIPES, Box, Master, Recipe
from tests.posters.pictures import encoded, photograph

SOURCE_SIZE: Final = (2000, 3000)

SMALLEST: Final = ("--rounds", "1", "1", "--size", "300", "450")
"""The arguments of the smallest run, which the tests do."""

_PLAIN: Final = JPEG(optimize=False)
_MASTER: Final = Master(Box(500, 750))

THREE: Final = (
    Recipe("poster", Box(500, 750), _MASTER, _PLAIN),
    Recipe("thumb", Box(185, 278), _MASTER, _PLAIN),
    Recipe("blur", Box(342, 513), _MASTER, _PLAIN, (Box(185, 278), Box(86, 129)), 3.5),
)
"""The three JPEGs that this pipeline was chosen with."""

_ONE_OF_EACH: Final = tuple(recipe for recipe in RECIPES if recipe.format == "jpg")

OURS, NAIVE, EASY = "ours", "naive Pillow", "easy-thumbnails"
VIPS, VIPS_ONE = "pyvips shared", "pyvips shared, 1 thread"

_LOOKED_AT: Final[Mapping[str, Contender]] = MappingProxyType(
    {OURS: ours, NAIVE: naive, EASY: easy_thumbnails, VIPS: vips_shared}
)

_STAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "<method 'decode' of 'ImagingDecoder' objects>": "decode",
        "<method 'resize' of 'ImagingCore' objects>": "resample",
        "<method 'encode' of 'ImagingEncoder' objects>": "encode JPEG",
        "<method 'encode_to_file' of 'ImagingEncoder' objects>": "encode JPEG",
        "<built-in method PIL._webp.WebPEncode>": "encode WebP",
        "<method 'gaussian_blur' of 'ImagingCore' objects>": "blur",
        "<method 'reduce' of 'ImagingCore' objects>": "dominant colour",
        "<method 'quantize' of 'ImagingCore' objects>": "dominant colour",
    }
)


@dataclass(frozen=True)
class Measured:
    """One contender with one set of sources: median milliseconds per source, and MiB."""

    cpu_ms: float
    wall_ms: float
    peak_mib: float
    idle_mib: float


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="The variants of a poster, by ours and others.")
    parser.add_argument("--rounds", type=int, nargs=2, default=(12, 4), help="of three, of all")
    parser.add_argument("--size", type=int, nargs=2, default=SOURCE_SIZE, help="of the sources")
    options = parser.parse_args(arguments)
    few, many = options.rounds
    with TemporaryDirectory() as folder:
        sources = [_source(Path(folder), seed, *options.size) for seed in (1, 2)]
        three = _measure(THREE, sources, few)
        full = _measure(RECIPES, sources, many)
        data = sources[0].read_bytes()
    _print_contenders("poster 500x750, thumb 185x278, blur 342x513, as JPEG", three)
    _print_contenders("the full set: 12 variants in JPEG, WebP and AVIF", full)
    likeness = {"three": _print_likeness(data, THREE), "full": _print_likeness(data, _ONE_OF_EACH)}
    looks = _print_looks(data)
    stages = {"three": _print_stages(data, THREE), "full": _print_stages(data, RECIPES)}
    figures = {
        "benchmark": "variants",
        "cores": len(os.sched_getaffinity(0)),
        "three": _as_figures(three),
        "full": _as_figures(full),
        "psnr_db": likeness,
        "looks": looks,
        "stages_ms": stages,
    }
    return finish(figures, _bounds(three, likeness["three"], looks))


def _source(folder: Path, seed: int, width: int, height: int) -> Path:
    path = folder / f"{seed}.jpg"
    path.write_bytes(encoded(photograph(width, height, seed), quality=90))
    return path


def _measure(
    recipes: Sequence[Recipe], sources: Sequence[Path], rounds: int
) -> dict[str, Measured]:
    """Start all contenders and run them in turn; the first round of each is not counted."""
    work = partial(partial, prepare, recipes=recipes, sources=sources)
    children = [
        Child(OURS, work(ours)),
        Child(VIPS, work(vips_shared)),
        Child(VIPS_ONE, work(vips_shared), {"VIPS_CONCURRENCY": "1"}),
        Child(EASY, work(easy_thumbnails)),
        Child(NAIVE, work(naive)),
    ]
    with ExitStack() as running:
        for child in children:
            running.enter_context(child)
            child.warm_up()
        for number in range(rounds):
            for child in children if number % 2 else reversed(children):
                child.run()
    return {
        child.name: Measured(child.cpu_ms, child.wall_ms, child.peak_mib, child.idle_mib)
        for child in children
    }


def _print_contenders(title: str, measured: Mapping[str, Measured]) -> None:
    naive_ms = measured[NAIVE].cpu_ms
    print_table(
        title,
        ("", "CPU ms", "clock ms", "x naive", "peak MiB", "of it idle"),
        [
            (name, it.cpu_ms, it.wall_ms, naive_ms / it.cpu_ms, it.peak_mib, it.idle_mib)
            for name, it in measured.items()
        ],
    )


def _print_likeness(data: bytes, recipes: Sequence[Recipe]) -> dict[str, float]:
    """PSNR in dB by name, before encoding."""
    scaler = ImageScaler(data, recipes[0].master)
    found = {recipe.name: _likeness(scaler, data, recipe) for recipe in recipes}
    rows = [(name, *values) for name, values in found.items()]
    print_table("likeness to a full-resolution Lanczos, dB", ("", "RGB", "luminance"), rows)
    return {name: round(colour, 2) for name, (colour, _) in found.items()}


def _likeness(scaler: ImageScaler, data: bytes, recipe: Recipe) -> tuple[float, float]:
    made, reference = scaler.image(recipe), full_resolution(data, recipe)
    return psnr(made, reference), psnr(made.convert("L"), reference.convert("L"))


def _print_looks(data: bytes) -> dict[str, dict[str, float]]:
    """PSNR, SSIM and size of the poster and the thumb of each contender."""
    sharp = [recipe for recipe in THREE if recipe.blur is None]
    references = [full_resolution(data, recipe) for recipe in sharp]
    looks: dict[str, dict[str, float]] = {}
    for name, contender in _LOOKED_AT.items():
        files = contender(data, sharp)
        looks[name] = {"KB": sum(map(len, files)) / 1000}
        for recipe, reference, file in zip(sharp, references, files, strict=True):
            with Image.open(BytesIO(file)) as opened:
                shown = opened.convert("RGB")
            looks[name][f"{recipe.name} dB"] = round(psnr(shown, reference), 2)
            looks[name][f"{recipe.name} SSIM"] = round(ssim(shown, reference), 4)
    columns = tuple(looks[OURS])
    rows = [(name, *(f"{found[it]:.4g}" for it in columns)) for name, found in looks.items()]
    print_table("what the files show, against a full-resolution Lanczos", ("", *columns), rows)
    return looks


def _print_stages(data: bytes, recipes: Sequence[Recipe]) -> dict[str, float]:
    """Processor milliseconds by stage of one run, from a profile of Pillow's C functions."""
    ours(data, recipes)
    profile = cProfile.Profile(time.process_time)
    profile.runcall(ours, data, recipes)
    stages = dict.fromkeys((*_STAGES.values(), "all else"), 0.0)
    for (_, _, function), (_, _, own_seconds, _, _) in _timings(profile).items():
        stages[_STAGES.get(function, "all else")] += own_seconds * 1000
    spent = {stage: ms for stage, ms in stages.items() if ms}
    print_table("where ours spends its time", ("", "ms"), list(spent.items()))
    return {stage: round(ms, 2) for stage, ms in spent.items()}


_Function = tuple[str, int, str]
_Timing = tuple[int, int, float, float, object]


def _timings(profile: cProfile.Profile) -> dict[_Function, _Timing]:
    timings: dict[_Function, _Timing] = vars(pstats.Stats(profile))["stats"]
    return timings


def _as_figures(measured: Mapping[str, Measured]) -> dict[str, dict[str, float]]:
    return {
        name: {key: round(value, 1) for key, value in vars(it).items()}
        for name, it in measured.items()
    }


def _bounds(
    measured: Mapping[str, Measured],
    likeness: Mapping[str, float],
    looks: Mapping[str, Mapping[str, float]],
) -> list[Bound]:
    mine = measured[OURS]
    vips_ms = min(measured[VIPS].cpu_ms, measured[VIPS_ONE].cpu_ms)
    return [
        Bound("speed, x naive Pillow", measured[NAIVE].cpu_ms / mine.cpu_ms, at_least=8),
        Bound("speed, x pyvips shared", vips_ms / mine.cpu_ms, at_least=1),
        Bound("peak memory, MiB", mine.peak_mib, at_most=130),
        Bound("likeness of the poster, dB", likeness["poster"], at_least=44),
        Bound(
            "SSIM of the poster's file, of naive Pillow's",
            looks[OURS]["poster SSIM"] / looks[NAIVE]["poster SSIM"],
            at_least=0.99,
        ),
    ]


if __name__ == "__main__":
    sys.exit(main())
