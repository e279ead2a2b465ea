"""What the join costs per event, step by step, without Kafka: ``make bench`` or

    PYTHONPATH=tests python tests/bench/bench_join.py

One partition, models with ten features and a reference, the rows in memory; CPU time. Not run by the tests.
"""

from __future__ import annotations

import gc
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from bench.throughput.events import Event, feedback, model_name, predictions, reference
from tiltmeter.core.join import joiner as joining
from tiltmeter.core.join.decision import FEEDBACK, PREDICTIONS
from tiltmeter.core.join.memory_store import MemoryStore
from tiltmeter.core.policy import JoinPolicy, ModelPolicy
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.events.columns import LogRecord

EVENTS = 100_000  # of each side
ROUNDS = 5
DELAY_MS = 5_000
#: Feedback is read so far ahead of the predictions: not at all, or all of it, as a backlog may come.
IN_TIME, AHEAD = 0, 1 << 40
STEPS = ("decode", "decide", "encode", "apply")

Batch = tuple[str, Sequence[LogRecord]]
#: (side, step) → seconds
Costs = dict[tuple[str, str], float]


def records(events: Iterable[Event]) -> list[LogRecord]:
    return [LogRecord(i, e.time_ms + 5, e.key, e.value) for i, e in enumerate(events)]


def batches(size: int, events: int, ahead_ms: int, models: int, numbers: bool) -> list[Batch]:
    """Both sides in order of time: after a batch of predictions the feedback that came meanwhile."""
    labels = records(feedback(events, DELAY_MS, numbers))
    work: list[Batch] = []
    done = 0
    for chunk in _cut(records(predictions(events, models, numbers)), size):
        until = chunk[-1].timestamp + ahead_ms
        end = bisect_right(labels, until, key=lambda label: label.timestamp)
        came = [(FEEDBACK, part) for part in _cut(labels[done:end], size)]
        work += [*came, (PREDICTIONS, chunk)] if ahead_ms else [(PREDICTIONS, chunk), *came]
        done = end
    return [*work, *((FEEDBACK, part) for part in _cut(labels[done:], size))]


def _cut(log: Sequence[LogRecord], size: int) -> list[Sequence[LogRecord]]:
    return [log[start : start + size] for start in range(0, len(log), size)]


class Stopwatch:
    """Decoding happens inside of deciding: these functions are put in its place and take its time."""

    def __init__(self) -> None:
        self.seconds = 0.0
        for name in ("decode_predictions", "decode_feedback"):
            setattr(joining, name, self._timed(getattr(joining, name)))

    def _timed(self, decode: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def timed(taken: Any) -> Any:
            begin = time.process_time()
            decoded = decode(taken)
            self.seconds = time.process_time() - begin
            return decoded

        return timed


def run(work: Sequence[Batch], book: ReferenceBook, decoding: Stopwatch, policy: JoinPolicy) -> Costs:
    """The whole stream through a new joiner."""
    joiner = joining.Joiner(0, MemoryStore(), policy, book)
    costs: Costs = defaultdict(float)
    for position, (side, taken) in enumerate(work):
        times = [time.process_time()]
        decision, rejected = joiner.decide(side, taken[0].offset, taken[-1].offset + 1, taken)
        assert not rejected
        times.insert(1, times[0] + decoding.seconds)
        times.append(time.process_time())
        decision.encode()
        times.append(time.process_time())
        joiner.apply(decision, position)
        times.append(time.process_time())
        joiner.confirm(joiner.watermarks())
        for step, (begin, end) in zip(STEPS, pairwise(times), strict=True):
            costs[side, step] += end - begin
    assert not joiner.state.counters, joiner.state.counters  # nothing late, repeated or expired
    return costs


def table(
    title: str,
    size: int,
    events: int,
    ahead_ms: int,
    decoding: Stopwatch,
    models: int = 1,
    *,
    joint: bool = True,
    mmd_share: float = 0.0,
    numbers: bool = False,
) -> None:
    """``joint``: with a reference that says how features go together; ``numbers``: of a regression."""
    policy = JoinPolicy(default=ModelPolicy(mmd_share=mmd_share))
    profile = reference(numbers=numbers)
    profile = profile if joint else replace(profile, joint=None)
    profiles = (replace(profile, model=model_name(i, models), reference_id="") for i in range(models))
    work, book = batches(size, events, ahead_ms, models, numbers), ReferenceBook(profiles)
    gc.collect()
    gc.freeze()  # the events of the benchmark are not the join's garbage
    rounds = [run(work, book, decoding, policy) for _ in range(ROUNDS)]
    best = {key: min(costs[key] for costs in rounds) / events * 1e6 for key in rounds[0]}
    print(f"{title:42}" + "".join(f"{step:>9}" for step in (*STEPS, "all")) + "   µs of CPU per event")
    for side in (PREDICTIONS, FEEDBACK):
        row = [best[side, step] for step in STEPS]
        print(f"  {side:40}" + "".join(f"{cost:9.2f}" for cost in (*row, sum(row))))
    both = [(best[PREDICTIONS, step] + best[FEEDBACK, step]) / 2 for step in STEPS]
    print(f"  {'both, one to one':40}" + "".join(f"{cost:9.2f}" for cost in (*both, sum(both))))


def main() -> None:
    decoding = Stopwatch()
    table("batches of 4,096", 4_096, EVENTS, IN_TIME, decoding)
    table("batches of 4,096, no joint profile", 4_096, EVENTS, IN_TIME, decoding, joint=False)
    table("batches of 4,096, mmd_share .1", 4_096, EVENTS, IN_TIME, decoding, mmd_share=0.1)
    table("batches of 4,096, 1,000 models", 4_096, EVENTS // 4, IN_TIME, decoding, models=1_000)
    table("the same, no joint profile", 4_096, EVENTS // 4, IN_TIME, decoding, models=1_000, joint=False)
    table("a regression, one model", 4_096, EVENTS, IN_TIME, decoding, numbers=True)
    table("a regression, 1,000 models", 4_096, EVENTS // 4, IN_TIME, decoding, models=1_000, numbers=True)
    table("batches of 4,096, all feedback first", 4_096, EVENTS, AHEAD, decoding)
    table("batches of 256", 256, EVENTS // 4, IN_TIME, decoding)
    table("batches of 16", 16, EVENTS // 40, IN_TIME, decoding)


if __name__ == "__main__":
    main()
