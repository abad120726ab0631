"""Prints a title by its `TitlePlan`: line breaks, size, position and effects."""

from dataclasses import dataclass
from random import Random
from unicodedata import normalize

from PIL import Image, ImageChops, ImageFilter

from moziweb.demo.styles.artwork import Box, TitlePlan
from moziweb.demo.styles.canvas import FULL, lay, softened
from moziweb.demo.styles.typography import Face, broken, capital, line_mask, spelled, width


@dataclass(frozen=True)
class Row:
    """A line of the title: its text, its size and the y coordinate of its baseline."""

    text: str
    size: int
    baseline: int


def divided(title: str) -> tuple[str, str]:
    """Split a title into title and subtitle: "Mission: Impossible – Ghost Protocol" at the dash."""
    for separator in (" – ", " - ", ": "):
        main, found, rest = title.partition(separator)
        if found and len(main) > 1 and rest:
            return main, rest
    return title, ""


def print_title(image: Image.Image, plan: TitlePlan, title: str, rng: Random) -> None:
    """Print `title` on the image, in place."""
    mask = title_mask(plan, title, rng)
    if plan.halo is not None:
        lay(image, plan.halo, softened(mask, 42))
    if plan.shadow is not None:
        lay(image, plan.shadow, ImageChops.offset(mask, 14, 16))
    lay(image, plan.fill, mask)


def title_mask(plan: TitlePlan, title: str, rng: Random) -> Image.Image:
    """The title as a full-size mask."""
    mask = Image.new("L", FULL, 0)
    for row in rows(plan, title):
        letters = _letters(plan, row, rng)
        left = _left(plan, letters.width)
        mask.paste(255, (left, row.baseline - round(row.size * 1.1)), letters)
    if plan.shear:
        centre = plan.shear * (plan.box[1] + plan.box[3]) / 2
        mask = mask.transform(
            FULL,
            Image.Transform.AFFINE,
            (1, plan.shear, -centre, 0, 1, 0),
            Image.Resampling.BILINEAR,
        )
    return _worn(mask, plan.worn, rng) if plan.worn else mask


def rows(plan: TitlePlan, title: str) -> list[Row]:
    """The title's lines, fitted into the plan's box, with room above accented capitals."""
    cased = title.upper() if plan.upper else title
    main, sub = divided(spelled(plan.face, cased))
    left, top, right, bottom = plan.box
    if plan.upper and normalize("NFD", main) != main:
        top += (bottom - top) // 10
    room = bottom - top
    if not sub:
        return _aligned(plan, _set(plan, main, (left, top, right, bottom)))
    upper = _set(plan, main, (left, top, right, top + round(room * 0.68)))
    size = max(row.size for row in upper)
    below = _smaller(plan, sub, round(size * 0.5), round(room * 0.3))
    gap = round(max(0.24 * size, 0.6 * below[0].size) + capital(plan.face) * below[0].size)
    start = upper[-1].baseline + gap - below[0].baseline
    return _aligned(plan, upper + [Row(row.text, row.size, row.baseline + start) for row in below])


def _set(plan: TitlePlan, text: str, box: Box) -> list[Row]:
    if plan.mode == "block":
        return _block(plan, text, box)
    largest = plan.largest if len(text) > 4 else round(plan.largest * 1.5)
    return _fit(plan, text, box, plan.lines, largest)


def _fit(plan: TitlePlan, text: str, box: Box, max_lines: int, largest: int) -> list[Row]:
    """Set all lines in one size; the number of lines is that with the largest size."""
    best: tuple[float, list[str]] = (0.0, [text])
    for count in range(1, max_lines + 1):
        lines = broken(plan.face, text, count, plan.tracking)
        across = max(width(plan.face, each, plan.tracking) for each in lines)
        down = capital(plan.face) * len(lines) + plan.leading * (len(lines) - 1)
        size = min((box[2] - box[0]) / across, (box[3] - box[1]) / down, largest)
        if size > best[0] * 1.06:
            best = (size, lines)
    size = max(24, int(best[0]))
    pitch = size * (capital(plan.face) + plan.leading)
    first = box[1] + size * capital(plan.face)
    return [Row(each, size, round(first + i * pitch)) for i, each in enumerate(best[1])]


def _smaller(plan: TitlePlan, text: str, largest: int, room: int) -> list[Row]:
    """The lines of a subtitle, in a box whose top is at 0."""
    return _fit(plan, text, (plan.box[0], 0, plan.box[2], max(80, room)), 2, largest)


def _block(plan: TitlePlan, text: str, box: Box) -> list[Row]:
    """Set every line as wide as the box, unless the block would be higher than the box."""
    options = [broken(plan.face, text, count, plan.tracking) for count in range(1, plan.lines + 1)]
    sized = [(_justified(plan, lines, box), lines) for lines in options]
    sizes, lines = max(sized, key=lambda option: _worth(plan, option[1], option[0], box))
    placed: list[Row] = []
    baseline = float(box[1])
    for text_line, size in zip(lines, sizes, strict=True):
        baseline += size * capital(plan.face)
        placed.append(Row(text_line, int(size), round(baseline)))
        baseline += _gap(plan, sizes)
    return placed


def _justified(plan: TitlePlan, lines: list[str], box: Box) -> list[float]:
    across = box[2] - box[0]
    sizes = [min(across / width(plan.face, each, plan.tracking), plan.largest) for each in lines]
    high = _height(plan, sizes)
    scale = min(1.0, (box[3] - box[1]) / high)
    return [size * scale for size in sizes]


def _worth(plan: TitlePlan, lines: list[str], sizes: list[float], box: Box) -> float:
    """A score of how well a block fills its box, and how similar its line sizes are."""
    down = _height(plan, sizes) / (box[3] - box[1])
    across = width(plan.face, lines[0], plan.tracking) * sizes[0] / (box[2] - box[0])
    return down * across + 0.3 * min(sizes) / max(sizes)


def _height(plan: TitlePlan, sizes: list[float]) -> float:
    return capital(plan.face) * sum(sizes) + _gap(plan, sizes) * (len(sizes) - 1)


def _gap(plan: TitlePlan, sizes: list[float]) -> float:
    return plan.leading * sum(sizes) / len(sizes)


def _aligned(plan: TitlePlan, placed: list[Row]) -> list[Row]:
    """Move the rows by the plan's vertical alignment."""
    slack = plan.box[3] - placed[-1].baseline
    down = {"top": 0, "middle": slack // 2, "bottom": slack}[plan.valign]
    return [Row(row.text, row.size, row.baseline + down) for row in placed]


def _left(plan: TitlePlan, across: int) -> int:
    left, _, right, _ = plan.box
    if plan.align == "left":
        return left
    return right - across if plan.align == "right" else (left + right - across) // 2


def _letters(plan: TitlePlan, row: Row, rng: Random) -> Image.Image:
    if not plan.jitter:
        return line_mask(plan.face, row.size, row.text, plan.tracking)
    return _jittered(plan.face, row, plan.jitter, rng)


def _jittered(face: Face, row: Row, amount: float, rng: Random) -> Image.Image:
    """Rotate and move each letter a little, as if cut with scissors."""
    sheet = Image.new("L", (round(width(face, row.text) * row.size) + row.size, row.size * 2), 0)
    x = row.size / 4
    for letter in row.text:
        cut = line_mask(face, row.size, letter)
        turn = rng.uniform(-amount, amount)
        cut = cut.rotate(turn, Image.Resampling.BICUBIC, expand=False)
        lift = round(rng.uniform(-amount, amount) * row.size / 160)
        side = (width(face, letter) * row.size - cut.width) / 2
        if not letter.isspace():
            sheet.paste(255, (round(x + side), lift), cut)
        x += width(face, letter) * row.size
    box = sheet.getbbox()
    return sheet.crop((box[0], 0, box[2], sheet.height)) if box else sheet


def _worn(mask: Image.Image, amount: float, rng: Random) -> Image.Image:
    """Remove specks of ink; `amount` is 0 to 1."""
    specks = Image.frombytes("L", (500, 750), rng.randbytes(375_000))
    specks = specks.filter(ImageFilter.GaussianBlur(1.1))
    edge = 86 + 24 * amount
    hard = specks.point([round(min(255, max(0, (v - edge) * 12 + 128))) for v in range(256)])
    return ImageChops.multiply(mask, hard.resize(FULL, Image.Resampling.BICUBIC))
