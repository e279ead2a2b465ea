"""What a scrape costs: `python tests/bench/bench_scrape.py` prints a table. Not collected by pytest."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import numpy as np

from tiltmeter.core.panes.feature_counts import OK, FeatureCounts
from tiltmeter.core.panes.histogram import bin_counts
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.label_pane import LabelPane
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.policy import ModelPolicy
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.reference.profile import NumericFeature, ReferenceProfile
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.core.watch.watcher import Watcher
from tiltmeter.metrics.collector import SnapshotCollector
from tiltmeter.metrics.model_samples import model_samples

MODELS, NUMBERS, CATEGORIES, PANES, ROWS = 20, 16, 4, 10, 2_000
REGIONS = np.array([f"region-{i:02}" for i in range(30)])


def reference(rng: np.random.Generator, model: str, numbers: int) -> ReferenceProfile:
    columns: dict[str, object] = {f"number_{i:03}": rng.normal(size=20_000) for i in range(numbers)}
    columns |= {f"category_{i}": rng.choice(REGIONS, 20_000).tolist() for i in range(CATEGORIES)}
    truth = rng.integers(0, 2, 20_000)
    return build_reference(columns, model=model, version="1", predictions=truth, labels=truth)  # type: ignore[arg-type]


def pane(rng: np.random.Generator, known: ReferenceProfile, number: int) -> PredictionPane:
    key = PaneKey(number * 10_000, 10_000, known.model, known.version, "")
    made = PredictionPane(key, known.reference_id, events=ROWS)
    for name, profile in known.features.items():
        if isinstance(profile, NumericFeature):
            counts = FeatureCounts(bins=bin_counts(profile.edges, rng.normal(size=ROWS)))
        else:
            counts = FeatureCounts(categories=Counter(rng.choice(REGIONS, ROWS).tolist()))
        counts.cells[OK] = ROWS
        made.features[name] = counts
    made.output = FeatureCounts(categories={"0": ROWS // 2, "1": ROWS // 2})
    made.latencies[3] = made.scores[4] = ROWS
    return made


def watcher(rng: np.random.Generator, model: str, numbers: int = NUMBERS) -> Watcher:
    known, book = reference(rng, model, numbers), ReferenceBook()
    book.add(known)
    watched = Watcher(model, ModelPolicy(), 5_000, book)
    for number in range(PANES):
        made = pane(rng, known, number)
        version = watched._version(made.key)
        version.on_pane(made)
        labels = LabelPane(made.key)
        labels.cells[(number * 10_000, 0)] = Outcomes(n=500, confusion={("0", "0"): 300, ("1", "1"): 200})
        version.on_pane(labels)
    return watched


def fleet(models: int = MODELS, numbers: int = NUMBERS) -> list[Watcher]:
    rng = np.random.default_rng(0)
    return [watcher(rng, f"model-{i:02}", numbers) for i in range(models)]


async def held(collector: SnapshotCollector) -> tuple[bytes, float, float]:
    """(text, processor seconds of the scrape, most of them without a pause for the event loop's other tasks)"""
    scrape = asyncio.create_task(collector.text())
    begin, last, longest = time.process_time(), time.thread_time(), 0.0
    while not scrape.done():
        await asyncio.sleep(0)
        now = time.thread_time()
        longest, last = max(longest, now - last), now
    return await scrape, time.process_time() - begin, longest


def measured(watchers: list[Watcher]) -> None:
    begin = time.process_time()
    n = sum(1 for w in watchers for part in model_samples(w) for _ in part)
    print(f"  {n:,} samples read in {1e3 * (time.process_time() - begin):.0f} ms")
    collector = SnapshotCollector(lambda: (part for w in watchers for part in model_samples(w)))
    for _ in range(3):
        text, seconds, longest = asyncio.run(held(collector))
        print(
            f"  scrape of {len(text) / 1e6:.1f} MB: {1e3 * seconds:.0f} ms; loop held {1e3 * longest:.0f} ms"
        )


if __name__ == "__main__":
    print(f"{MODELS} models x {NUMBERS + CATEGORIES} features x 3 windows")
    measured(fleet())
    print(f"1 model x {1000 + CATEGORIES} features x 3 windows")
    measured(fleet(1, 1000))
