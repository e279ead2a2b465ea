"""docs/statistics/results.md: page.md with the tables put in."""

from __future__ import annotations

import importlib.metadata
import platform
from pathlib import Path
from string import Template

import numpy as np

from report import arl, calm_days, claims, delays, false_alarms, generators, label_alarms, label_delays, plot
from report.markdown import percent
from report.rules import RULES
from report.scene import FEATURES, LEARNING, PANES_PER_DAY, POLICY, ROWS, WINDOW
from report.tasks import Result, Scale, Task

_TABLES = (arl, false_alarms, label_alarms, delays, label_delays, generators)
_PACKAGES = ("numpy", "scipy", "river", "scikit-learn")


def tasks(scale: Scale) -> list[Task]:
    return [task for part in _TABLES for task in part.tasks(scale)]


def files(results: dict[str, Result]) -> dict[str, str]:
    """The page and its picture, by file name."""
    return {"results.md": _page(results), "delay.svg": plot.delay_by_distance(results)}


def _small_waves(results: dict[str, Result]) -> list[Result]:
    """The streams that stay inside τ but for moments; the quick mode has none."""
    return [run for level, run in false_alarms.found(results).items() if level in ("A .03", "A .06")]


def _page(results: dict[str, Result]) -> str:
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)
    delay_names = {delays.name(case) for case in delays.CASES}
    values = {
        "versions": f"Python {platform.python_version()}, {versions}, on {platform.machine()}, two processes",
        "warning_days": f"{POLICY.tolerances.warning_days:g}",
        "critical_days": f"{POLICY.tolerances.critical_days:g}",
        "features": FEATURES,
        "rows": f"{ROWS:,}",
        "window": WINDOW,
        "window_rows": f"{ROWS * WINDOW:,}",
        "small": f"{false_alarms.SMALL:,}",
        "large": f"{delays.EXACT:,}",
        "phi": f"{np.median([p for name, r in results.items() if name in delay_names for p in r['phi']]):.2f}",
        "days": f"{max(run['days'] for run in false_alarms.found(results).values()):g}",
        "panes": f"{round(max(run['days'] for run in false_alarms.found(results).values()) * PANES_PER_DAY):,}",
        "label_days": f"{max(run['days'] for run in label_alarms.found(results).values()):g}",
        "learning": LEARNING,
        "beyond_tau": percent(max(run["beyond_tau"] for run in false_alarms.found(results).values())),
        "beyond": " and ".join(percent(run["beyond"]) for run in _small_waves(results)),
        "label_rows": f"{label_alarms.REFERENCE_ROWS:,}",
        "calm_panes": f"{label_delays.BEFORE:,}",
        "train": f"{generators.TRAIN:,}",
        "held_out": f"{generators.HELD_OUT:,}",
        "clean": f"{generators.CLEAN:,}",
        "drifted": f"{generators.DRIFTED:,}",
        "pane": generators.PANE,
        "claims": claims.markdown(results),
        "calm_days": calm_days.markdown(results),
        "sources": "\n".join(f"* {rule.title}: {rule.source}." for rule in RULES.values()),
    }
    tables = {part.__name__.rpartition(".")[2]: part.markdown(results) for part in _TABLES}
    return Template(Path(__file__).with_name("page.md").read_text()).substitute(values, **tables)
