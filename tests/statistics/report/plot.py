"""A small SVG, written by hand: readable on light and on dark paper."""

from __future__ import annotations

import math

from report import delays
from report.tasks import Result

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 640, 340, 60, 220, 34, 46
_MOST = 120
_COLOURS = ("#2f7ed8", "#c2571a", "#2a9d5c", "#9b51c9", "#8a8a8a", "#b8860b")
_RULES = {"ks": "ks_2samp p < .05", "evidently_column": "Wasserstein ≥ .1"}


def delay_by_distance(results: dict[str, Result]) -> str:
    """Median panes to the alert against the true KS distance of one feature at once."""
    cases = [c for c in delays.CASES if c.rows == 2_000 and c.reference == delays.EXACT and not c.ramp]
    measured = sorted((c for c in cases if delays.name(c) in results), key=lambda c: c.shift)
    titles = delays.OURS | _RULES
    lines = []
    for colour, (key, title) in zip(_COLOURS, titles.items(), strict=False):
        points = []
        for case in measured:
            run = results[delays.name(case)]
            found = sorted(math.inf if d is None else d for d in run["delays"][key])
            if found and (median := found[len(found) // 2]) <= _MOST:
                points.append((_x(case.distance), _y(median)))
        lines.append(_line(points, colour, title, len(lines)))
    return _frame("".join(lines))


def _x(distance: float) -> float:
    return _LEFT + distance / 0.22 * (_WIDTH - _LEFT - _RIGHT)


def _y(panes: float) -> float:
    return _HEIGHT - _BOTTOM - math.log(panes) / math.log(_MOST) * (_HEIGHT - _TOP - _BOTTOM)


def _line(points: list[tuple[float, float]], colour: str, title: str, row: int) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in points)
    y = _TOP + 12 + 22 * row
    x = _WIDTH - _RIGHT + 14
    key = f'<circle cx="{x}" cy="{y - 4}" r="4" fill="{colour}"/><text x="{x + 10}" y="{y}">{_escape(title)}</text>'
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>{dots}{key}\n'


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _frame(lines: str) -> str:
    right, floor = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    marks = []
    for panes in (1, 2, 5, 10, 20, 50, 100):
        marks.append(f'<path d="M{_LEFT} {_y(panes):.1f}H{right}" class="grid"/>')
        marks.append(f'<text x="{_LEFT - 8}" y="{_y(panes) + 4:.1f}" text-anchor="end">{panes}</text>')
    for distance in (0.0, 0.05, 0.10, 0.15, 0.20):
        marks.append(f'<path d="M{_x(distance):.1f} {floor}v5" class="axis"/>')
        marks.append(
            f'<text x="{_x(distance):.1f}" y="{floor + 20}" text-anchor="middle">{distance:.2f}</text>'
        )
    middle = (_LEFT + right) / 2
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" role="img">
<title>Median panes to the alert by the true KS distance of the drifted feature</title>
<style>
text {{ font: 12px system-ui, sans-serif; fill: #555 }}
.grid {{ stroke: #888; stroke-opacity: .25 }} .axis {{ stroke: #888 }}
@media (prefers-color-scheme: dark) {{ text {{ fill: #bbb }} }}
</style>
<text x="{_LEFT - 40}" y="18">panes to the alert (median; {_MOST} or later is not drawn)</text>
{"".join(marks)}
<path d="M{_LEFT} {_TOP}V{floor}H{right}" class="axis" fill="none"/>
<text x="{middle}" y="{_HEIGHT - 8}" text-anchor="middle">true KS distance of the drifted feature</text>
{lines}</svg>
"""
