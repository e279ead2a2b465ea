"""What WATCH costs: `PYTHONPATH=tests python tests/bench/bench_watch.py` prints a table. Not collected by pytest."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator

import numpy as np

from tiltmeter.core.counting.fill_joint import JointRows
from tiltmeter.core.panes.answers import Answers
from tiltmeter.core.panes.feature_counts import OK, FeatureCounts
from tiltmeter.core.panes.fixed_point import quantise
from tiltmeter.core.panes.histogram import bin_counts
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.messages import pane_message, read_message, watermark_message
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.panes.score_counts import EDGES as SCORE_EDGES
from tiltmeter.core.policy import MINUTE, ModelPolicy
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.reference.profile import ReferenceProfile
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.core.watch.adaptive_means import AdaptiveMeans
from tiltmeter.core.watch.label_watch import LabelWatch
from tiltmeter.core.watch.version_watch import VersionWatch
from tiltmeter.core.watch.watcher import Watcher
from tiltmeter.events.columns import Float64, Int64

FEATURES, ROWS, PANES, DIFFERENT = 20, 2_000, 1_200, 40
#: Panes that fill every window, the day included: a snapshot of fewer would look smaller than it becomes.
FULL = 8_800
PANES_IN_30_DAYS = 30 * 24 * 60
START = 1_700_000_040_000
KEY = PaneKey(START, MINUTE, "m", "1", "")
POLICY = ModelPolicy(pane_ms=MINUTE)


def reference(rng: np.random.Generator) -> ReferenceProfile:
    values = rng.normal(size=(FEATURES, 100_000)) + rng.normal(size=100_000)
    features = {f"x{j:02}": column for j, column in enumerate(values)}
    said = (values[0] > 0).astype(int)
    return build_reference(features, model="m", version="1", predictions=said, labels=said)


def filled(profile: ReferenceProfile, values: Float64, jointly: bool) -> PredictionPane:
    """Of float64[F, n] cells; its place in time comes later."""
    pane = PredictionPane(KEY, profile.reference_id)
    pane.events = pane.weight = values.shape[1]
    joint = JointRows(profile.joint, values.shape[1]) if jointly and profile.joint else None
    for (name, feature), column in zip(profile.features.items(), values, strict=True):
        counts = FeatureCounts(bins=bin_counts(feature.edges, column))  # type: ignore[union-attr]  # all numeric
        counts.cells[OK] = column.size
        pane.features[name] = counts
        if joint is not None:
            table = joint.table(name)
            place = np.searchsorted(feature.edges, column, side="left")  # type: ignore[union-attr]
            if table is not None:
                joint.put(name, column, table[place], None)
    pane.joint = joint.counts() if joint else None
    ones = int(np.count_nonzero(values[0] > 0))
    pane.output = FeatureCounts(categories={"0": values.shape[1] - ones, "1": ones})
    pane.output.cells[OK] = values.shape[1]
    pane.answers = Answers({"0": values.shape[1] - ones, "1": ones}, scores_of(values[0]))
    return pane


def scores_of(logits: Float64) -> Int64:
    score, said = 1 / (1 + np.exp(-logits)), logits > 0
    place = np.searchsorted(SCORE_EDGES, score, side="left")
    rows = [np.bincount(place[mask], minlength=256) for mask in (~said, said)]
    sums = [np.bincount(place[m], weights=quantise(score[m]), minlength=256) for m in (~said, said)]
    return np.stack([rows[0], sums[0], rows[1], sums[1]]).astype(np.int64)


def stream(
    profile: ReferenceProfile, rng: np.random.Generator, jointly: bool, panes: int = PANES
) -> Iterator[PredictionPane]:
    """Panes of traffic that is as the reference; a few different ones in turns."""
    made = []
    for _ in range(DIFFERENT):
        values = rng.normal(size=(FEATURES, ROWS)) + rng.normal(size=ROWS)
        made.append(filled(profile, values, jointly).to_wire())
    for number in range(panes):
        yield PredictionPane.from_wire({**made[number % DIFFERENT], "start": START + number * MINUTE})


def judging(profile: ReferenceProfile, rng: np.random.Generator, jointly: bool) -> float:
    """Median seconds of a pane, with full windows but the longest, and over-dispersion learned."""
    watch = VersionWatch(KEY, POLICY, ReferenceBook([profile]))
    taken = []
    for pane in stream(profile, rng, jointly):
        began = time.perf_counter()
        watch.on_pane(pane)
        taken.append(time.perf_counter() - began)
    return float(np.median(taken[PANES // 2 :]))


def following(profile: ReferenceProfile, rng: np.random.Generator) -> float:
    """Median seconds of a pane for ADWIN on scores and answers, within judging."""
    means, taken = AdaptiveMeans(), []
    for pane in stream(profile, rng, False):
        began = time.perf_counter()
        means.on_predictions(pane)
        taken.append(time.perf_counter() - began)
    return float(np.median(taken[PANES // 2 :]))


def folding(profile: ReferenceProfile, rng: np.random.Generator) -> tuple[float, Watcher]:
    """Median seconds of a pane from its bytes to its alerts, and what has then been built up."""
    watcher = Watcher("m", POLICY, 0, ReferenceBook([profile]))
    taken = []
    for pane in stream(profile, rng, True, FULL):
        end = pane.key.end_ms
        raw = pane_message(pane, 0, 0), watermark_message(0, 1, 0, {"prediction": end, "label": end})
        began = time.perf_counter()
        for message in raw:
            watcher.on_message(read_message(message))
        watcher.advance()
        taken.append(time.perf_counter() - began)
    return float(np.median(taken[FULL // 2 :])), watcher


def of_classes(rng: np.random.Generator) -> Outcomes:
    """Labels of a pane; their mean is a half, as the reference's is."""
    ones = int(rng.binomial(ROWS, 0.5))
    return Outcomes(n=ROWS, confusion={("0", "0"): ROWS - ones, ("1", "1"): ones})


def of_numbers(rng: np.random.Generator, edges: Float64) -> Outcomes:
    bins, rows = np.unique(np.searchsorted(edges, rng.normal(size=ROWS), side="left"), return_counts=True)
    return Outcomes(n=ROWS, targets=dict(zip(bins.tolist(), rows.tolist(), strict=True)))


def label_drift(labels: Float64 | Int64, pane: Callable[[Float64], Outcomes]) -> float:
    """Median seconds of a closed label pane for the drift of labels alone; ``pane`` over the edges of their bins."""
    measured = build_reference({}, model="m", version="1", predictions=labels, labels=labels).performance
    assert measured is not None
    watch = LabelWatch.of(measured, measured, POLICY, MINUTE)
    assert watch is not None
    made = [pane(np.array(measured.label_edges)) for _ in range(DIFFERENT)]
    taken = []
    for number in range(PANES):
        key = PaneKey(START + number * MINUTE, MINUTE, "m", "1", "")
        began = time.perf_counter()
        watch.on_pane(key, made[number % DIFFERENT])
        taken.append(time.perf_counter() - began)
    return float(np.median(taken[PANES // 2 :]))


def main() -> None:
    rng = np.random.default_rng(0)
    profile = reference(rng)
    alone, jointly = judging(profile, rng, False), judging(profile, rng, True)
    followed = following(profile, rng)
    whole, watcher = folding(profile, rng)
    print(f"{FEATURES} numeric features, {ROWS} rows per pane")
    print(f"judging a prediction pane                {alone * 1e3:8.3f} ms")
    print(f"  of it adaptive means of scores, answers {followed * 1e3:7.3f} ms")
    print(f"  and how its features go together       {jointly * 1e3:8.3f} ms")
    print(f"  and reading, merging, writing it       {whole * 1e3:8.3f} ms")
    print(f"  30 days of panes of one minute         {whole * PANES_IN_30_DAYS:8.1f} s")
    classes = label_drift(rng.integers(0, 2, 100_000), lambda _: of_classes(rng))
    numbers = label_drift(rng.normal(size=100_000), lambda edges: of_numbers(rng, edges))
    print(f"label drift of a label pane, two classes {classes * 1e6:8.1f} µs")
    print(f"  numbers over 256 bins                  {numbers * 1e6:8.1f} µs")
    began = time.perf_counter()
    raw = watcher.snapshot()
    wrote = time.perf_counter() - began
    packed = zlib.compress(raw, 1)
    restored = time.perf_counter()
    again = Watcher("m", POLICY, 0, ReferenceBook([profile]))
    again.restore(raw)
    print(f"snapshot, written in                     {wrote * 1e3:8.1f} ms")
    print(f"  restored in                            {(time.perf_counter() - restored) * 1e3:8.1f} ms")
    print(f"  JSON                                   {len(raw) / 1e6:8.2f} MB")
    print(f"  compressed                             {len(packed) / 1e6:8.2f} MB")


if __name__ == "__main__":
    main()
