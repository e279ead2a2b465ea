"""PaneAdwin restored at any point goes on bit for bit, and never loses a value it has not cut."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltmeter.core.drift.adwin import PaneAdwin

Pane = tuple[int, float, float]


def pane(n: int, mean: float) -> Pane:
    total = round(n * mean * 1024) / 1024
    return n, total, total * mean


panes = st.lists(st.builds(pane, st.integers(0, 500), st.floats(0.0, 1.0)), min_size=1, max_size=60)


@given(panes, st.data())
def test_restored_anywhere_it_goes_on_bit_for_bit(panes: list[Pane], data: st.DataObject) -> None:
    whole = PaneAdwin()
    uninterrupted = [repr(whole.on_pane(*p, start_ms=i)) for i, p in enumerate(panes)]
    cut = data.draw(st.integers(0, len(panes)))
    first, second = PaneAdwin(), PaneAdwin()
    answers = [repr(first.on_pane(*p, start_ms=i)) for i, p in enumerate(panes[:cut])]
    second.restore(orjson.loads(orjson.dumps(first.snapshot())))
    answers += [repr(second.on_pane(*p, start_ms=i)) for i, p in enumerate(panes[cut:], cut)]
    assert answers == uninterrupted
    assert second.snapshot() == whole.snapshot()


@given(panes)
def test_the_window_is_a_suffix_of_the_panes(panes: list[Pane]) -> None:
    adwin = PaneAdwin()
    filled = [p for p in panes if p[0]]
    for i, p in enumerate(filled):
        update = adwin.on_pane(*p, start_ms=i)
        kept = filled[i + 1 - update.panes : i + 1]
        assert update.width == sum(n for n, _, _ in kept)
        assert update.mean * update.width == pytest.approx(sum(s for _, s, _ in kept), abs=1e-9)
        sizes = [bucket[4] for bucket in adwin.snapshot()["buckets"]]
        assert sizes == sorted(sizes, reverse=True)
        assert max(sizes.count(size) for size in sizes) <= 5
