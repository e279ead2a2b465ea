"""``python -m kafkabroker``: a broker for a shell or a benchmark in another process."""

from __future__ import annotations

import argparse
import signal

from kafkabroker.cluster import start_broker


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m kafkabroker", description=__doc__)
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--heap-mb", type=int, default=512)
    parser.add_argument("--full-jit", action="store_true", help="slower start, faster broker: for benchmarks")
    options = parser.parse_args()
    # Blocked before any thread exists, so that every thread inherits the mask and sigwait gets the signal.
    stop_signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop_signals)
    with start_broker(options.nodes, heap_mb=options.heap_mb, full_jit=options.full_jit) as broker:
        print(broker.bootstrap, flush=True)
        signal.sigwait(stop_signals)


if __name__ == "__main__":
    main()
