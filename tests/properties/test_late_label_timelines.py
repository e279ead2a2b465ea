"""Prediction panes and label panes in any interleaving, with restarts in between: the same alerts, the same state."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import orjson
import pytest

from oracle.delayed_labels import PANE_MS, World, run, watch
from tiltmeter.core.late_labels.late_label_watch import LateLabelWatch
from tiltmeter.core.policy import DAY, ModelPolicy, Tolerances

POLICY = ModelPolicy(
    pane_ms=PANE_MS,
    labels="maturity",
    maturities=(DAY, 7 * DAY, 14 * DAY),
    tolerances=Tolerances(clear_panes=2),
)
WORLD = World(60, per_day=lambda day: 1_500 + 40 * day, worse_from=35, slow_from=48)


@cache
def in_step() -> tuple[list[dict[str, Any]], bytes]:
    alerts, seen = run(watch(POLICY), WORLD)
    return alerts, state(seen)


def state(seen: LateLabelWatch) -> bytes:
    return orjson.dumps(seen.snapshot())


def test_the_world_fires_both_kinds_of_alerts() -> None:
    assert {alert["kind"] for alert in in_step()[0]} == {"performance", "label_coverage"}


@pytest.mark.parametrize("seed", range(6))
def test_the_interleaving_of_the_two_timelines_does_not_matter(seed: int) -> None:
    alerts, seen = run(watch(POLICY), WORLD, random.Random(seed))
    assert (alerts, state(seen)) == in_step()
    assert seen.nowcasts() == run(watch(POLICY), WORLD)[1].nowcasts()


@pytest.mark.parametrize("seed", range(2))
def test_a_restart_at_any_time_goes_on_as_if_nothing_had_happened(seed: int) -> None:
    rng = random.Random(seed)

    def restarted(seen: LateLabelWatch) -> LateLabelWatch:
        if rng.random() > 0.2:
            return seen
        successor = watch(POLICY)
        successor.restore(orjson.loads(state(seen)))
        assert state(successor) == state(seen)
        return successor

    alerts, seen = run(watch(POLICY), WORLD, random.Random(seed + 100), restarted)
    assert (alerts, state(seen)) == in_step()


def test_one_timeline_may_be_all_over_before_the_other_begins() -> None:
    """A label pane waits until predictions have come so far; predictions wait for nobody."""
    from oracle.delayed_labels import START, label_panes, prediction_panes

    end = START + WORLD.days * DAY
    for labels_first in (True, False):
        seen = watch(POLICY)
        panes = [list(prediction_panes(WORLD)), list(label_panes(WORLD))]
        for kind in (1, 0) if labels_first else (0, 1):
            for pane in panes[kind]:
                (seen.on_labels if kind else seen.on_predictions)(pane)  # type: ignore[operator]
        alerts = seen.advance(end)
        assert (alerts, state(seen)) == in_step()


def test_the_conjunction_with_drift_hears_of_mature_errors_at_the_time_they_are_known() -> None:
    """In steps of a pane, or of all panes at once, in whichever interleaving."""
    heard: list[list[tuple[int, bool]]] = []
    for rng in (None, random.Random(1), random.Random(2)):
        told: list[tuple[int, bool]] = []

        def listen(seen: LateLabelWatch, told: list[tuple[int, bool]] = told) -> LateLabelWatch:
            told += seen.worse
            return seen

        run(watch(POLICY), WORLD, rng, listen)
        heard.append(told)
    assert heard[0] == heard[1] == heard[2]
    assert {holds for _, holds in heard[0]} == {False, True}
    times = [at for at, _ in heard[0]]
    assert times == sorted(set(times))
