"""What the emitter costs the serving process. ``python tests/bench/bench_emitter.py [bootstrap]``

Without an address Kafka is down for the whole run. With one, the topics must exist there.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
import time
from statistics import median, quantiles

from tiltmeter.emitter import Emitter
from tiltmeter.emitter.event_writer import EventWriter
from tiltmeter.emitter.sampling import Sampler
from tiltmeter.emitter.topics import Topics

NOBODY = "127.0.0.1:1"
FEATURES = {f"feature_{number}": number * 0.123456 for number in range(10)}


def call_cost(bootstrap: str, *, threads: int, emit: bool, calls: int = 2_000) -> dict[str, float]:
    """Microseconds per call at a rate serving code has: one every 200 µs and thread, which are busy between.

    ``emit=False`` times a loop of similar length instead: what the interpreter lock alone does to the tail.
    """
    taken: list[float] = []
    with Emitter(bootstrap, model="bench", exit_timeout=0.0) as emitter:
        emitter.prediction(FEATURES, 1)

        def work() -> None:
            for _ in range(calls):
                until = time.perf_counter() + 200e-6
                while time.perf_counter() < until:
                    pass
                start = time.perf_counter()
                if emit:
                    emitter.prediction(FEATURES, 1, score=0.5)
                else:
                    sum(range(250))
                taken.append((time.perf_counter() - start) * 1e6)

        workers = [threading.Thread(target=work) for _ in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    cuts = quantiles(taken, n=1000)
    return {"p50": median(taken), "p99": cuts[989], "p99.9": cuts[998]}


def writing_cost(calls: int = 50_000) -> float:
    """Microseconds of CPU to turn arguments into an event: the best of five, without any queue."""
    write = EventWriter(Topics.of(), Sampler(1.0), lambda: 1_767_268_800_000)
    best = float("inf")
    for _ in range(5):
        start = time.thread_time()
        for _ in range(calls):
            write.prediction("a" * 32, None, ("m", "v"), (FEATURES, 1, "ok"), {"score": 0.5})
        best = min(best, time.thread_time() - start)
    return best / calls * 1e6


def saturated(bootstrap: str, calls: int = 200_000) -> dict[str, float]:
    """A tight loop: the most a process can emit, and what of it is dropped."""
    with Emitter(bootstrap, model="bench", exit_timeout=0.0 if bootstrap == NOBODY else 30.0) as emitter:
        start, cpu = time.perf_counter(), time.thread_time()
        for _ in range(calls):
            emitter.prediction(FEATURES, 1, score=0.5)
        wall, own = time.perf_counter() - start, time.thread_time() - cpu
        dropped = emitter.stats().dropped_queue_full
    return {"cpu_us": own / calls * 1e6, "wall_us": wall / calls * 1e6, "dropped_ratio": dropped / calls}


def import_ms(statement: str) -> float:
    """Best of five fresh interpreters."""
    script = f"import time; s = time.perf_counter(); {statement}; print((time.perf_counter() - s) * 1000)"
    return min(
        float(
            subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
        )
        for _ in range(5)
    )


def memory_bound(events: int = 1_000_000) -> None:
    """Growth of the peak resident set while Kafka is down."""
    child = os.fork()
    if child == 0:
        emitter = Emitter(NOBODY, model="bench", exit_timeout=0.0)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(events):
            emitter.prediction(FEATURES, 1, score=0.5)
        stats = emitter.stats()
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        print(
            json.dumps(
                {
                    "grown_mib": round(grown, 1),
                    "charged_mib": round(stats.queue_bytes / 2**20, 1),
                    "queued": stats.queue_depth,
                    "dropped": stats.dropped_queue_full,
                }
            ),
            flush=True,
        )
        os._exit(0)
    os.waitpid(child, 0)


def main() -> None:
    bootstrap = sys.argv[1] if len(sys.argv) > 1 else NOBODY
    print("events while Kafka is down:")
    memory_bound()
    print("import tiltmeter.emitter:", round(import_ms("import tiltmeter.emitter"), 1), "ms")
    print("of which orjson:", round(import_ms("import orjson"), 1), "ms")
    print("writing one event:", round(writing_cost(), 2), "us cpu")
    for threads in (1, 4):
        for emit in (True, False):
            cost = call_cost(bootstrap, threads=threads, emit=emit)
            what = "call" if emit else "a loop instead"
            print(
                f"{what}, busy threads: {threads},", {name: round(us, 1) for name, us in cost.items()}, "us"
            )
    print("tight loop:", {name: round(value, 2) for name, value in saturated(bootstrap).items()})


if __name__ == "__main__":
    main()
