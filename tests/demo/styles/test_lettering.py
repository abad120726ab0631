from dataclasses import replace
from random import Random

import pytest
from PIL import Image

from moziweb.demo.styles.artwork import TitlePlan
from moziweb.demo.styles.lettering import divided, print_title, rows, title_mask
from moziweb.demo.styles.typography import ANTON, PLAYFAIR, capital, width

PLAN = TitlePlan(ANTON, (200, 400, 1800, 1200), (0, 0, 0))
TITLES = (
    "R",
    "Argo",
    "Őrült űrhajó",
    "Percy Jackson & the Olympians: The Lightning Thief",
    "The Chronicles of Narnia: The Voyage of the Dawn Treader",
    "Bring Me the Head of the Machine Gun Woman",
    "Megszentségteleníthetetlenségeskedéseitekért",
)


@pytest.mark.parametrize(
    ("title", "parts"),
    [
        ("Argo", ("Argo", "")),
        ("Tron: Legacy", ("Tron", "Legacy")),
        ("Mission: Impossible – Ghost Protocol", ("Mission: Impossible", "Ghost Protocol")),
        ("11-11-11", ("11-11-11", "")),
        ("R: A", ("R: A", "")),
    ],
)
def test_title_and_subtitle_are_split(title: str, parts: tuple[str, str]) -> None:
    assert divided(title) == parts


@pytest.mark.parametrize("title", TITLES)
@pytest.mark.parametrize("mode", ["fit", "block"])
@pytest.mark.parametrize("valign", ["top", "middle", "bottom"])
def test_title_stays_in_its_box(title: str, mode: str, valign: str) -> None:
    plan = replace(PLAN, mode=mode, valign=valign)
    left, top, right, bottom = plan.box
    placed = rows(plan, title)
    assert placed[0].baseline - placed[0].size * capital(ANTON) >= top - 2
    assert placed[-1].baseline <= bottom + 0.12 * (bottom - top)
    assert all(width(ANTON, row.text) * row.size <= right - left + 2 for row in placed)


def test_all_words_are_set_and_in_order() -> None:
    for title in TITLES:
        words = " ".join(row.text for row in rows(PLAN, title)).split()
        assert words == title.replace(":", "").upper().split()


@pytest.mark.parametrize("title", ["Rust and Bone", "Bring Me the Head of the Machine Gun Woman"])
def test_lines_of_a_block_are_equally_wide(title: str) -> None:
    plan = replace(PLAN, mode="block", box=(200, 400, 1800, 2600), largest=2000)
    widths = [width(ANTON, row.text) * row.size for row in rows(plan, title)]
    assert len(widths) > 1
    assert min(widths) > 0.98 * max(widths)


@pytest.mark.parametrize(
    "plan",
    [
        PLAN,
        replace(PLAN, jitter=3.0),
        replace(PLAN, worn=0.8),
        replace(PLAN, shear=0.2),
        replace(PLAN, face=PLAYFAIR, upper=False, align="right", tracking=0.1),
    ],
    ids=["plain", "cut", "worn", "slanted", "spaced"],
)
def test_title_is_printed_in_its_box(plan: TitlePlan) -> None:
    box = title_mask(plan, "Két sor", Random(1)).getbbox()
    assert box is not None
    assert box[0] > 0
    assert box[1] > 200
    assert box[2] < 2000
    assert box[3] < 1400


def test_halo_and_shadow_are_printed_below_the_letters() -> None:
    image = Image.new("RGB", (2000, 3000), (255, 255, 255))
    plan = replace(PLAN, fill=(10, 20, 30), halo=(200, 0, 0), shadow=(0, 200, 0))
    print_title(image, plan, "Ég", Random(1))
    found = {colour for _, colour in image.getcolors(3_000_000) or []}
    assert {(10, 20, 30), (0, 200, 0)} <= found
