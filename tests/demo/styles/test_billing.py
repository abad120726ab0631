import pytest
from PIL import Image

from moziweb.demo.spec import PosterSpec
from moziweb.demo.styles.artwork import BillingPlan
from moziweb.demo.styles.billing import director_line, print_billing
from moziweb.demo.styles.canvas import FULL

BLACK = (0, 0, 0)
PEOPLE = ("Bánsági Ildikó", "Őze Lajos", "Apichatpong Weerasethakul")


@pytest.mark.parametrize(
    ("directors", "words"),
    [
        ((), ""),
        (("Tarr Béla",), "Tarr Béla filmje"),
        (("A", "B"), "A és B filmje"),
        (("A", "B", "C"), "A, B és C filmje"),
        (("A", "B", "C", "D"), "4 rendező filmje"),
    ],
)
def test_line_of_directors(directors: tuple[str, ...], words: str) -> None:
    assert director_line(directors) == words


@pytest.mark.parametrize("align", ["centre", "left"])
@pytest.mark.parametrize("stacked", [True, False])
def test_small_print_keeps_its_margins(align: str, *, stacked: bool) -> None:
    page = Image.new("L", FULL, 255).convert("RGB")
    spec = PosterSpec("x", "A", 2026, PEOPLE, PEOPLE * 4, tagline="Egy nagyon hosszú sor. " * 6)
    print_billing(page, BillingPlan(BLACK, BLACK, align=align, stacked=stacked), spec)
    box = page.convert("L").point(lambda value: 255 - value).getbbox()
    assert box is not None
    assert box[0] >= 110
    assert box[2] <= 1890
    assert box[3] < 2950


def test_poster_without_people_has_the_sample_notice() -> None:
    page = Image.new("RGB", FULL, (255, 255, 255))
    print_billing(page, BillingPlan(BLACK, BLACK), PosterSpec("x", "A", 2026))
    box = page.convert("L").point(lambda value: 255 - value).getbbox()
    assert box is not None
    assert box[1] > 2800
