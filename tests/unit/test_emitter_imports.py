"""Importing the emitter is cheap and does nothing."""

from __future__ import annotations

import json
import subprocess
import sys

FOREIGN = [
    "aiokafka",
    "click",
    "confluent_kafka",
    "faust",
    "numpy",
    "pandas",
    "polars",
    "pydantic",
    "scipy",
    "xxhash",
]
SCRIPT = """
import json, sys, threading, time
import orjson
start = time.perf_counter()
import tiltmeter.emitter
elapsed = time.perf_counter() - start
on_import = sorted(sys.modules)
emitter = tiltmeter.emitter.Emitter("unused:1", model="m")
on_construction = sorted(sys.modules)
from tiltmeter.emitter.memory import MemoryTransport
emitter = tiltmeter.emitter.Emitter("unused:1", model="m", open_transport=MemoryTransport)
emitter.prediction({"a": object(), "b": float("nan")}, 1)
emitter.close()
print(json.dumps([elapsed, on_import, on_construction, sorted(sys.modules), threading.active_count()]))
"""


def test_it_needs_confluent_kafka_and_orjson_and_nothing_else() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    elapsed, on_import, on_construction, in_the_end, threads = json.loads(done.stdout)
    assert not set(FOREIGN) & set(on_import)
    assert set(FOREIGN) & set(on_construction) == {"confluent_kafka"}
    assert set(FOREIGN) & set(in_the_end) == {"confluent_kafka"}
    assert threads == 1
    # Ten times what it takes on a laptop: a heavy import shows, a busy machine does not.
    assert elapsed < 0.5


def test_what_it_exports_is_what_it_says() -> None:
    import tiltmeter.emitter

    for name in tiltmeter.emitter.__all__:
        assert getattr(tiltmeter.emitter, name).__module__.startswith("tiltmeter.emitter.")
