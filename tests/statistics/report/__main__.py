"""`python -m report`: run every simulation and write the page. PYTHONPATH holds services and tests/statistics."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from report import page
from report.tasks import FULL, QUICK, run_all

_REPO = Path(__file__).parents[3]


def main() -> None:
    parser = argparse.ArgumentParser(prog="report", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fraction of it, to try the harness")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=_REPO / "docs" / "statistics")
    parser.add_argument("--raw", type=Path, help="file of the raw results: read if it exists, else written")
    options = parser.parse_args()
    begin = time.perf_counter()
    scale = QUICK if options.quick else FULL
    if options.raw is not None and options.raw.exists():
        results = json.loads(options.raw.read_text())
    else:
        results = run_all(page.tasks(scale), options.processes)
        if options.raw is not None:
            options.raw.write_text(json.dumps(results))
    for name, text in page.files(results).items():
        (options.out / name).write_text(text)
    print(f"{time.perf_counter() - begin:.0f} s; see {options.out / 'results.md'}")


if __name__ == "__main__":
    main()
