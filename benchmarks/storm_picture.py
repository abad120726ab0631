"""The diagram of ``storm``: three strategies side by side, per second, as SVG.

Plain SVG with colours for light and dark pages, without a library.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, PANEL, GAP, LEFT, TOP = 900, 120, 46, 60, 58

STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600; font-size: 14px }
  .axis { stroke: #8c959f; stroke-width: 1 }
  .line { fill: none; stroke-width: 2 }
  .s0 { stroke: #cf222e } .s1 { stroke: #0969da } .s2 { stroke: #1a7f37 }
  .f0 { fill: #cf222e } .f1 { fill: #0969da } .f2 { fill: #1a7f37 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .s0 { stroke: #ff7b72 } .s1 { stroke: #79c0ff } .s2 { stroke: #7ee787 }
    .f0 { fill: #ff7b72 } .f1 { fill: #79c0ff } .f2 { fill: #7ee787 }
  }
"""


@dataclass(frozen=True)
class Curve:
    """A strategy, one figure for each second: page time in ms, index renders, requests waiting."""

    name: str
    times: Sequence[float]
    renders: Sequence[float]
    waiting: Sequence[float]


def draw(curves: Sequence[Curve], rate: float) -> str:
    """Return the diagram."""
    panels = (
        ("Average page time, ms", [curve.times for curve in curves]),
        ("Renders of the index, each second", [curve.renders for curve in curves]),
        ("Requests waiting", [curve.waiting for curve in curves]),
    )
    height = TOP + len(panels) * (PANEL + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>Saving posters at {rate:g} page views a second</title><style>{STYLE}</style>",
        *_legend(curves),
    ]
    for number, (title, lines) in enumerate(panels):
        parts += _panel(title, lines, TOP + number * (PANEL + GAP))
    return "\n".join((*parts, "</svg>\n"))


def _legend(curves: Sequence[Curve]) -> list[str]:
    return [
        f'<rect class="f{number}" x="{LEFT + number * 160}" y="12" width="14" height="14"/>'
        f'<text x="{LEFT + 20 + number * 160}" y="24">{escape(curve.name)}</text>'
        for number, curve in enumerate(curves)
    ]


def _panel(title: str, lines: Sequence[Sequence[float]], top: int) -> list[str]:
    most = max((max(line, default=0.0) for line in lines), default=0.0) or 1.0
    bottom = top + PANEL
    parts = [
        f'<text class="title" x="{LEFT}" y="{top - 8}">{escape(title)}</text>',
        f'<line class="axis" x1="{LEFT}" y1="{bottom}" x2="{WIDTH - 10}" y2="{bottom}"/>',
        f'<line class="axis" x1="{LEFT}" y1="{top}" x2="{LEFT}" y2="{bottom}"/>',
        f'<text x="{LEFT - 8}" y="{top + 10}" text-anchor="end">{most:.0f}</text>',
        f'<text x="{LEFT - 8}" y="{bottom}" text-anchor="end">0</text>',
        f'<text x="{WIDTH - 10}" y="{bottom + 16}" text-anchor="end">{len(lines[0])} s</text>',
    ]
    for number, line in enumerate(lines):
        step = (WIDTH - 10 - LEFT) / max(1, len(line) - 1)
        points = " ".join(
            f"{LEFT + index * step:.1f},{bottom - value / most * PANEL:.1f}"
            for index, value in enumerate(line)
        )
        parts.append(f'<polyline class="line s{number}" points="{points}"/>')
    return parts
