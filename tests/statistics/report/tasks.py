"""Independent, seeded pieces of work, run on one or two processes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

Result = dict[str, Any]


class Scale(NamedTuple):
    """How much to simulate. ``full`` is what the page shows; ``quick`` keeps the harness from rotting."""

    name: str
    days: float  # of the calm streams
    large_reference: int  # rows, where the reference is meant to be as good as exact
    arl_runs: int
    delay_runs: int
    seeds: int  # of each synthetic stream of labels
    everything: bool  # or a few cases of each table


FULL = Scale("full", 30.0, 1_000_000, arl_runs=100, delay_runs=40, seeds=6, everything=True)
QUICK = Scale("quick", 0.3, 100_000, arl_runs=20, delay_runs=2, seeds=1, everything=False)


@dataclass(frozen=True)
class Task:
    """``run(rng, **arguments)`` gives a plain dict; the same name gives the same dict, whoever else runs."""

    name: str
    run: Callable[..., Result]
    arguments: dict[str, Any] = field(default_factory=dict)
    cost: float = 1.0  # about its seconds: long ones first, so that two processes end together

    def result(self) -> Finished:
        begin, used = time.perf_counter(), time.process_time()
        result = self.run(generator(self.name), **self.arguments)
        return Finished(self.name, result, time.perf_counter() - begin, time.process_time() - used)


class Finished(NamedTuple):
    name: str
    result: Result
    seconds: float
    cpu_seconds: float  # what it takes where nobody else wants the core


def generator(name: str) -> np.random.Generator:
    """Random numbers that depend on the name alone."""
    return np.random.default_rng([crc32(name.encode()), 20_260_101])


def run_all(
    tasks: Iterable[Task],
    processes: int,
    known: Mapping[str, Result] | None = None,
    on_finished: Callable[[Finished], None] = lambda finished: None,
) -> dict[str, Result]:
    """Every task's result, by name, long ones first; ``known`` results are taken as they are. ``on_finished`` hears
    of each of the others, in this process, as soon as it is done."""
    ordered = sorted(tasks, key=lambda task: (-task.cost, task.name))
    if len({task.name for task in ordered}) != len(ordered):
        raise ValueError("two tasks have one name, and so the same random numbers")
    results = {task.name: known[task.name] for task in ordered if known is not None and task.name in known}
    for finished in _run([task for task in ordered if task.name not in results], processes):
        results[finished.name] = finished.result
        on_finished(finished)
    return {task.name: results[task.name] for task in ordered}


def _run(tasks: Sequence[Task], processes: int) -> Iterator[Finished]:
    if processes == 1:
        for task in tasks:
            yield task.result()
        return
    # One thread each: two processes that both open a BLAS pool would stand in each other's way.
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for future in as_completed([pool.submit(task.result) for task in tasks]):
            yield future.result()
