"""At most so many series of a metric: hostile names cannot grow a scrape."""

from __future__ import annotations

from tiltmeter.metrics.sample import Value
from tiltmeter.metrics.table import OPEN_LABELS, Metric

#: Series one metric may have. What comes beyond is folded, or left out, and counted.
SERIES_LIMIT = 5_000
#: Takes the place of every name in a series that stands for many.
OTHER = "__other__"

Labels = tuple[str, ...]


class SeriesCap:
    """One metric, from scrape to scrape: ``begin``, ``add`` its samples, ``finish``.

    A series that was exported stays so while it exists. A counter that was folded stays folded, because taking it
    out would look like a reset of the sum; once there is room for all of them, all come out and the sum ends.
    """

    def __init__(self, metric: Metric) -> None:
        self._fold = metric.fold
        self._counts = metric.kind != "gauge"
        self._open = [name in OPEN_LABELS for name in metric.labels]
        self._exported: set[Labels] = set()
        self._folded_before: set[Labels] = set()
        self._frozen = False  # too many are folded to remember which
        self.begin()

    def begin(self) -> None:
        """Forget what an earlier scrape, which may have failed half-way, has added."""
        self._series: dict[Labels, Value] = {}
        self._others: dict[Labels, Value] = {}
        self._folded: set[Labels] = set()
        self._left_out = 0

    def add(self, labels: Labels, value: Value) -> None:
        """The first sample of a series counts."""
        if labels in self._series:
            return
        if self._admits(labels):
            self._exported.add(labels)
            self._series[labels] = value
            return
        self._left_out += 1
        if self._fold == "drop":
            return
        if self._counts and len(self._folded) <= SERIES_LIMIT:
            self._folded.add(labels)
        place = tuple(OTHER if is_open else label for label, is_open in zip(labels, self._open, strict=True))
        known = self._others.get(place)
        self._others[place] = value if known is None else _together(self._fold, known, value)

    def _admits(self, labels: Labels) -> bool:
        if labels in self._exported:
            return True
        if len(self._exported) >= SERIES_LIMIT:
            return False
        return not self._frozen and labels not in self._folded_before

    def finish(self) -> tuple[dict[Labels, Value], int]:
        """The series of this scrape, and how many have none of their own."""
        series, left_out = self._series, self._left_out
        for labels, value in self._others.items():
            known = series.get(labels)
            series[labels] = value if known is None else _together(self._fold, known, value)
        self._exported &= series.keys()
        all_fit = len(self._exported) + left_out <= SERIES_LIMIT
        self._folded_before = set() if all_fit else self._folded
        self._frozen = not all_fit and len(self._folded) > SERIES_LIMIT
        return series, left_out


def _together(fold: str, one: Value, other: Value) -> Value:
    if isinstance(one, tuple) and isinstance(other, tuple):
        buckets = [(limit, a + b) for (limit, a), (_, b) in zip(one[0], other[0], strict=True)]
        return buckets, one[1] + other[1]
    assert not isinstance(one, tuple)
    assert not isinstance(other, tuple)
    return max(one, other) if fold == "max" else one + other
