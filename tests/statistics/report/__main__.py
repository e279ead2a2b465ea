"""`python -m report`: run every simulation and write the page. PYTHONPATH holds services and tests/statistics."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from report import page
from report.tasks import FULL, QUICK, Finished, Result, run_all

_REPO = Path(__file__).parents[3]


class Progress:
    """A line per finished task, and what has been found so far in a file, if there is one."""

    def __init__(self, tasks: int, raw: Path | None, known: dict[str, Result]) -> None:
        self._tasks, self._raw, self._known = tasks, raw, dict(known)
        self.cpu_seconds = 0.0

    def on_finished(self, finished: Finished) -> None:
        self._known[finished.name] = finished.result
        self.cpu_seconds += finished.cpu_seconds
        if self._raw is not None:
            self._raw.write_text(json.dumps(self._known))
        done = f"{len(self._known):3d}/{self._tasks}"
        took = f"{finished.seconds:6.1f} s {finished.cpu_seconds:6.1f} s of a core"
        print(f"{done} {took}  {finished.name}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="report", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fraction of it, to try the harness")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=_REPO / "docs" / "statistics")
    parser.add_argument(
        "--raw",
        type=Path,
        help="file that keeps each task's result as soon as there is one; what it holds is not run again, so "
        "delete it after a change of the code",
    )
    options = parser.parse_args()
    begin = time.perf_counter()
    tasks = page.tasks(QUICK if options.quick else FULL)
    held = options.raw is not None and options.raw.exists()
    raw: dict[str, Result] = json.loads(options.raw.read_text()) if held else {}
    known = {task.name: raw[task.name] for task in tasks if task.name in raw}
    progress = Progress(len(tasks), options.raw, known)
    results = run_all(tasks, options.processes, known, progress.on_finished)
    for name, text in page.files(results).items():
        (options.out / name).write_text(text)
    cores = f"{progress.cpu_seconds:.0f} s of a core, {progress.cpu_seconds / 2 / 60:.1f} minutes on two of one's own"
    print(f"{time.perf_counter() - begin:.0f} s ({cores}); see {options.out / 'results.md'}")


if __name__ == "__main__":
    main()
