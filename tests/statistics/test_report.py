"""The harness behind docs/statistics/results.md, on a fraction of its work, and the page itself."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report import arl, boundary_cells, boundary_cohorts, boundary_rows, calm_days, claims, effects, page
from report.markdown import delay
from report.rules import RULES, ks_critical
from report.scene import ALARMS, FEATURES, ON_FEATURES, ON_LABELS, POLICY, Inputs, Labels, Monitor
from report.seen import Seen, windows
from report.tasks import QUICK, Result, Task, run_all
from report.worst_case import Case
from scipy import stats
from scipy.spatial.distance import jensenshannon

from tiltmeter.core.drift.distances import wasserstein
from tiltmeter.core.panes.histogram import bin_counts
from tiltmeter.core.policy import Tolerances
from tiltmeter.core.verdicts.budget import Budget

#: Twenty seconds of work on a free core; other tests may hold the cores.
pytestmark = pytest.mark.timeout(600)

DOCS = Path(__file__).parents[2] / "docs" / "statistics"


@pytest.fixture(scope="module")
def results() -> dict[str, Result]:
    return run_all(page.tasks(QUICK), processes=1)


def test_what_the_quick_mode_measures_comes_true_or_is_explained(results: dict[str, Result]) -> None:
    judged = claims.judged(results)
    assert len(judged) >= 14
    assert [claim.expected for claim, held, _ in judged if not held and not claim.if_not] == []
    unexplained = [claim.expected for claim in claims.CLAIMS if "alarm" in claim.expected and claim.if_not]
    assert unexplained == [], "a false alarm has no excuse"


def test_no_alert_fires_that_no_table_names(results: dict[str, Result]) -> None:
    assert claims.unnamed(results) == []


def test_the_page_has_every_table_and_the_picture_is_xml(results: dict[str, Result]) -> None:
    files = page.files(results)
    rows = [line for line in files["results.md"].splitlines() if line.startswith("|")]
    for key in (*ON_FEATURES, *ON_LABELS):
        assert any(ALARMS[key].title in row for row in rows), key
    widths = [len(re.findall(r"(?<!\\)\|", row)) for row in rows]
    heads = [w for w, row in zip(widths[1:], rows[1:], strict=True) if set(row) == {"|", "-"}]
    assert len(heads) == 8
    assert set(widths) == set(heads)
    ET.fromstring(files["delay.svg"])


def test_the_same_seeds_write_the_same_page() -> None:
    few = [task for task in page.tasks(QUICK) if task.name.startswith(("arl error", "synthetic"))]
    assert run_all(few, 1) == run_all(reversed(few), 1)


def test_two_tasks_of_one_name_would_share_their_random_numbers() -> None:
    task = Task("same", dict)
    with pytest.raises(ValueError, match="one name"):
        run_all([task, task], 1)


def test_a_result_that_is_known_is_not_computed_again() -> None:
    tasks, heard = [Task(name, lambda rng: {"drawn": rng.random()}) for name in "ab"], list[str]()
    first = run_all(tasks, 1)
    again = run_all(tasks, 1, {"a": {"drawn": 2.0}, "of another run": {}}, lambda f: heard.append(f.name))
    assert again == {"a": {"drawn": 2.0}, "b": first["b"]}
    assert heard == ["b"]


#: Which rows of table 1 try what has a share of the budget.
TRIED = {
    ("performance", "e_sr"): ("error rate", "bounded loss", "error at three maturities"),
    ("prediction", "ks_window"): ("KS window", "category window"),
    ("prediction", "e_sr"): ("e-SR on the CDF", "e-SR on category shares"),
    ("label", "ks_window"): ("KS window", "category window"),
    ("label", "e_sr"): ("e-SR on the CDF", "e-SR on category shares"),
    ("features", "ks_window"): ("KS window", "category window"),
    ("features", "e_sr"): ("e-SR on the CDF", "e-SR on category shares"),
    ("joint", "e_sr"): ("joint drift",),
    ("data_quality", "e_sr"): ("e-SR on three cell rates", "data quality"),
    ("outliers", "e_sr"): ("outliers",),
    ("label_coverage", "e_sr"): ("label coverage",),
}


def test_whatever_has_a_share_of_the_budget_is_tried_at_its_boundary() -> None:
    budget = Budget.of(POLICY)
    parts = {
        (part.family, part.detector)
        for severity in ("warning", "critical")
        for part in budget.parts(severity)
    }
    assert parts == TRIED.keys()
    beginnings = [begin for rows in TRIED.values() for begin in rows]
    assert [b for b in beginnings if not any(case.title.startswith(b) for case in arl.CASES)] == []


@pytest.mark.parametrize(
    "case",
    [*boundary_cells.CASES, *boundary_cohorts.CASES, *boundary_rows.CASES],
    ids=lambda case: case.title,
)
def test_a_worst_case_is_no_silence_but_the_edge_of_an_alarm(case: Case) -> None:
    """With a false alarm in three panes as the budget, one comes; a harness that lost its data would never alarm."""
    alarms = case.alarms(np.random.default_rng(8), 3.0)
    assert any(next(alarms) for _ in range(1_000))


@pytest.mark.parametrize("alarms", [0, 1, 5])
def test_fewer_alarms_than_the_bound_would_be_luck_of_one_in_twenty(alarms: int) -> None:
    calm = calm_days.Calm("some", 30.0, 150.0, alarms)
    assert stats.poisson.cdf(alarms, calm.days / calm.proved_days) == pytest.approx(0.05)
    if not alarms:
        assert calm.proved_days == pytest.approx(50, rel=0.01)  # 3 / T


def test_calm_days_stand_next_to_the_budget_of_what_was_watched(results: dict[str, Result]) -> None:
    rows = {row.title: row for row in calm_days.rows(results)}
    assert rows["features"].budget_days == pytest.approx(200)
    assert rows["performance, critical"].budget_days == pytest.approx(730)
    assert calm_days.together(results).budget_days == pytest.approx(30 / 0.65)
    assert rows["features"].days == pytest.approx(2 * (QUICK.days - 200 / 1_440))


def test_the_page_in_the_repository_came_from_this_harness() -> None:
    """Its rows and columns, not its figures: those need `make stats`."""
    text = (DOCS / "results.md").read_text()
    titles = [alarm.title for alarm in ALARMS.values()] + [rule.title for rule in RULES.values()]
    titles += [case.title for case in arl.CASES]
    assert [title for title in titles if title not in text] == []
    assert [claim.expected for claim in claims.CLAIMS if claim.expected not in text] == []


def test_what_did_not_come_true_is_explained_in_the_page() -> None:
    text = (DOCS / "results.md").read_text()
    missed = re.findall(r"\| \*\*no\*\*(.*) \|", text)
    assert [reason for reason in missed if len(reason) < 20] == []


def test_the_effect_sizes_in_the_documentation_are_right() -> None:
    readme = (DOCS / "README.md").read_text()
    assert effects.markdown() in readme
    assert effects.margins() in readme
    sizes = effects.of_shift(0.5)
    assert (round(sizes.ks, 3), round(sizes.psi, 3)) == (0.197, 0.238)
    x, y = np.random.default_rng(1).normal(size=(2, 400_000))
    assert stats.ks_2samp(x, y + 0.5).statistic == pytest.approx(sizes.ks, abs=0.005)
    assert stats.wasserstein_distance(x, y + 0.5) == pytest.approx(sizes.wasserstein_sigmas, abs=0.01)
    sizes = effects.of_scale(1.5)
    assert stats.ks_2samp(x, 1.5 * y).statistic == pytest.approx(sizes.ks, abs=0.005)
    assert stats.wasserstein_distance(x, 1.5 * y) == pytest.approx(sizes.wasserstein_sigmas, abs=0.01)


@pytest.mark.parametrize(
    ("sizes", "changed"),
    [(effects.of_shift(0.3), stats.norm(0.3)), (effects.of_scale(1.25), stats.norm(0, 1.25))],
    ids=["shift", "scale"],
)
def test_the_divergences_in_the_documentation_are_scipys(sizes: effects.Sizes, changed: Any) -> None:
    tenths = np.full(10, 0.1)
    shares = np.diff(changed.cdf(stats.norm.ppf(np.linspace(0, 1, 11))))
    assert sizes.kullback_leibler == pytest.approx(stats.entropy(shares, tenths), rel=1e-6)
    both = stats.entropy(shares, tenths) + stats.entropy(tenths, shares)
    assert sizes.psi == pytest.approx(both, rel=1e-6)
    assert sizes.jensen_shannon == pytest.approx(jensenshannon(shares, tenths, base=2), rel=1e-6)
    assert sizes.hellinger == pytest.approx(np.linalg.norm(shares**0.5 - tenths**0.5) / 2**0.5, rel=1e-6)


def test_drawn_counts_are_distributed_like_counted_values() -> None:
    rng = np.random.default_rng(2)
    inputs = Inputs(rng, 5_000, features=1)
    drawn = rng.multinomial(100_000, inputs.shares(0.3)[0])
    counted = bin_counts(inputs.edges[0], rng.normal(0.3, size=100_000))
    assert stats.chi2_contingency([drawn, counted]).pvalue > 0.001


def test_rules_on_histograms_agree_with_scipy_on_values() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(0.03, 1.0, (40, 2_000))
    reference = rng.normal(size=10_000)
    inputs = Inputs(rng, 10_000, features=1)
    inputs.counts = bin_counts(inputs.edges[0], reference)[None]
    held = np.array([[bin_counts(inputs.edges[0], row)] for row in values])
    significant = [stats.ks_2samp(row, reference, method="asymp").pvalue < 0.05 for row in values]
    agree = RULES["ks"].judge(Seen(held, inputs))[:, 0] == significant
    assert agree.mean() >= 0.95
    assert 0.05 < np.mean(significant) < 0.95
    assert ks_critical(0.05, np.array(10_000), 10_000) == pytest.approx(0.0192, abs=1e-4)
    moved = np.array(
        [[bin_counts(inputs.edges[0], rng.normal(s, 1.0, 20_000))] for s in (0.02, 0.09, 0.12, 0.3)]
    )
    exact = [wasserstein(inputs.edges[0], inputs.counts[0], w[0], -4.0, 4.0) >= 0.1 for w in moved]
    assert RULES["evidently_column"].judge(Seen(moved, inputs))[:, 0].tolist() == exact


def test_windows_are_sums_of_the_last_panes_across_blocks() -> None:
    panes = np.random.default_rng(4).integers(0, 9, (25, 2, 3))
    found = np.concatenate([window for _, window in windows(iter(np.split(panes, [7, 14, 21])), width=6)])
    for i, window in enumerate(found):
        assert (window == panes[max(0, i - 5) : i + 1].sum(axis=0)).all()


def test_a_real_drift_reaches_every_alarm_of_the_features() -> None:
    """The tables would be silent, not wrong, if an alarm's name changed."""
    rng = np.random.default_rng(5)
    inputs = Inputs(rng, 20_000)
    monitor = Monitor(inputs.reference, replace(POLICY, tolerances=Tolerances(learning_panes=0)))
    one, every = np.zeros(FEATURES), np.ones(FEATURES)
    one[0] = 0.25
    for shift in (one, every):
        for counts in rng.multinomial(2_000, inputs.shares(shift), size=(30, FEATURES)):
            monitor.on_counts(counts)
    assert all(monitor.count(ALARMS[key]) for key in ON_FEATURES)
    assert monitor.detectors() == {"ks_window", "e_sr"}


def test_so_does_a_model_that_gets_worse() -> None:
    monitor = Monitor(Labels(10_000, 800).reference)
    for pane, errors in enumerate(np.random.default_rng(6).binomial(500, [0.08] * 220 + [0.3] * 20)):
        began = monitor.on_labels(500, int(errors))
        assert pane >= 220 or not began
    assert all(monitor.count(ALARMS[key]) for key in ON_LABELS)


def test_a_fork_goes_on_as_if_it_had_seen_everything() -> None:
    rng = np.random.default_rng(7)
    inputs = Inputs(rng, 20_000, features=3)
    monitor = Monitor(inputs.reference)
    panes = rng.multinomial(500, inputs.shares(np.array([0.5, 0.0, 0.1])), size=(20, 3))
    for counts in panes[:10]:
        monitor.on_counts(counts)
    twin = monitor.fork()
    before = len(monitor.fired)
    for counts in panes[10:]:
        assert monitor.on_counts(counts) == twin.on_counts(counts)
    assert (monitor.fired[before:], monitor.detectors()) == (twin.fired, twin.detectors())


@pytest.mark.parametrize(
    ("panes", "runs", "shown"),
    [([1, 2, 3], 3, "2 / 3"), ([None, None], 2, "never"), ([4, None, None], 3, "not / not (1 of 3)")],
)
def test_delays_count_runs_without_an_alarm(panes: list[int | None], runs: int, shown: str) -> None:
    assert delay(panes, runs) == shown
