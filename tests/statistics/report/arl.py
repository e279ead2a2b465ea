"""Panes to the first false alarm at the worst point of the null, for every detector with a proof.

At the boundary the truth lies exactly where the null ends and the reference is known exactly, so that no margin
hides a mistake. Runs are cut off after ``most`` panes, which can only make the mean look smaller.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from report.markdown import table
from report.tasks import Result, Scale, Task
from tiltmeter.core.drift.attribution import declared
from tiltmeter.core.drift.bounded_loss import BoundedLossDetector
from tiltmeter.core.drift.categorical import at_least as categories_at_least
from tiltmeter.core.drift.categorical import categorical_distance
from tiltmeter.core.drift.category_detector import CategoryDetector
from tiltmeter.core.drift.cdf_detector import STEPS, CdfDetector
from tiltmeter.core.drift.error_rate import ErrorRateDetector
from tiltmeter.core.drift.ks import KsBudget, ks_distance
from tiltmeter.core.drift.rate_bank import RateBank

#: True at the pane of the first false alarm.
Alarms = Callable[[np.random.Generator, float], Iterator[bool]]


@dataclass(frozen=True)
class Case:
    """``alarms(rng, nominal)``: one endless run under the null, asked pane by pane."""

    title: str
    alarms: Alarms
    nominal: float = 200.0
    most: int = 4_000
    share: float = 1.0  # of the scale's runs
    quick: bool = False


def _error_rate(mu0: float, labels: int, phi: float = 1.0) -> Alarms:
    def alarms(rng: np.random.Generator, nominal: float) -> Iterator[bool]:
        detector = ErrorRateDetector(mu0, math.log(nominal))
        while True:
            for errors in rng.binomial(labels, mu0, 500).tolist():
                yield detector.on_pane(labels, errors, phi).alarm

    return alarms


def _swinging(rng: np.random.Generator, nominal: float) -> Iterator[bool]:
    """The rate depends on the last pane and never exceeds mu0."""
    detector, errors = ErrorRateDetector(0.1, math.log(nominal)), 10
    while True:
        errors = int(rng.binomial(100, 0.1 if errors >= 10 else 0.06))
        yield detector.on_pane(100, errors).alarm


def _bounded_loss(a: float, b: float) -> Alarms:
    def alarms(rng: np.random.Generator, nominal: float) -> Iterator[bool]:
        detector = BoundedLossDetector(a / (a + b), 0.06, math.log(nominal))
        while True:
            losses = rng.beta(a, b, size=(200, 100))
            for total, squares in zip(losses.sum(1).tolist(), np.square(losses).sum(1).tolist(), strict=True):
                yield detector.on_pane(100, total, squares).alarm

    return alarms


_KNOWN = 10**12
_SHARES = np.array([0.2, 0.5, 0.3])  # of three categories


def _moved(tau: float, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """(reference int64[bins], shares float64[bins]) a KS distance of tau apart at every edge but the first and last:
    what leaves the last bin enters the first."""
    reference = np.full(bins, _KNOWN // bins)
    cdf = np.minimum(np.arange(1, bins + 1) / bins + tau, 1.0)
    return reference, np.diff(cdf, prepend=0.0)


def _ks_window(tau: float, rows: int, panes: int, features: int = 1) -> Alarms:
    bins = 64
    reference, shares = _moved(tau, bins)
    atomic = np.zeros(bins, dtype=np.bool_)

    def alarms(rng: np.random.Generator, nominal: float) -> Iterator[bool]:
        budget = KsBudget(nominal, features)
        ring = [rng.multinomial(rows, shares, size=features) for _ in range(panes)]
        while True:
            for counts in rng.multinomial(rows, shares, size=(200, features)):
                ring = [*ring[1:], counts]
                total = np.sum(ring, axis=0)
                yield any(budget.at_least(ks_distance(reference, t, atomic)) > tau for t in total)

    return alarms


def _category_window(tau: float, rows: int, panes: int) -> Alarms:
    reference = np.round(_SHARES * _KNOWN).astype(np.int64)
    shares = _SHARES + np.array([tau, -tau / 2, -tau / 2])

    def alarms(rng: np.random.Generator, nominal: float) -> Iterator[bool]:
        budget = KsBudget(nominal, 1)
        ring = [rng.multinomial(rows, shares) for _ in range(panes)]
        while True:
            for counts in rng.multinomial(rows, shares, size=200):
                ring = [*ring[1:], counts]
                yield categories_at_least(categorical_distance(reference, np.sum(ring, axis=0)), budget) > tau

    return alarms


def _cdf(tau: float, rows: int, features: int = 1, phi: float = 1.0, identical: bool = False) -> Alarms:
    """e-SR on the CDF; the family alarms as soon as e-d-BH declares a feature."""
    reference, shares = _moved(tau, 64)

    def alarms(rng: np.random.Generator, nominal: float) -> Iterator[bool]:
        detector = CdfDetector([reference] * features, [tau], [0.0] * features)
        drawn = 1 if identical else features
        while True:
            for counts in rng.multinomial(rows, shares, size=(200, drawn)):
                n, below = detector.below([*counts] * (features // drawn))
                detector.on_pane(n, below, np.full(features, phi))
                yield _declared(detector.bank.log_evidence(), nominal)

    return alarms


def _declared(log_evidence: np.ndarray, nominal: float) -> bool:
    streams = {str(i): m for i, m in enumerate(log_evidence.tolist())}
    return bool(declared(streams, math.log(nominal), len(streams)))


def _categories(tau: float, rows: int) -> Alarms:
    names = ("a", "b", "c")
    moved = _SHARES + np.array([tau, -tau / 2, -tau / 2])
    reference = ({name: round(share * _KNOWN) for name, share in zip(names, _SHARES, strict=True)}, 0)

    def alarms(rng: np.random.Generator, nominal: float) -> Iterator[bool]:
        detector = CategoryDetector([reference], [tau], [0.0])
        while True:
            for counts in rng.multinomial(rows, moved, size=200).tolist():
                n, values = detector.shares([dict(zip(names, counts, strict=True))])
                detector.on_pane(n, values, np.ones(1))
                yield _declared(detector.bank.log_evidence(), nominal)

    return alarms


def _bank(rates: tuple[float, ...], rows: int) -> Alarms:
    """Rates of a feature's cells (missing, unseen, ...), all at their limits at once."""

    def alarms(rng: np.random.Generator, nominal: float) -> Iterator[bool]:
        bank = RateBank(np.array([rates]), STEPS)
        n, phi = np.array([rows]), np.ones(1)
        while True:
            for hits in rng.binomial(rows, rates, size=(200, len(rates))):
                bank.on_pane(n, hits[None], phi)
                yield _declared(bank.log_evidence(), nominal)

    return alarms


#: A new proved detector is one entry here.
CASES = (
    Case("error rate, mu0 .02, 100 labels a pane", _error_rate(0.02, 100)),
    Case("error rate, mu0 .10, 100 labels", _error_rate(0.10, 100), quick=True),
    Case("error rate, mu0 .10, nominal 1,000", _error_rate(0.10, 100), nominal=1_000, most=10_000),
    Case("error rate, mu0 .60, 100 labels", _error_rate(0.60, 100)),
    Case("error rate, mu0 .97 (few alternatives left), 100 labels", _error_rate(0.97, 100), quick=True),
    Case("error rate, mu0 .10, 10,000 labels, tempered with φ 1.5", _error_rate(0.10, 10_000, 1.5)),
    Case("error rate, mu0 .10, each pane's rate depends on the last", _swinging),
    Case("bounded loss, mu0 .08, Beta(.16, 1.84): mostly 0, rarely 1", _bounded_loss(0.16, 1.84)),
    Case("bounded loss, mu0 .08, Beta(.8, 9.2)", _bounded_loss(0.8, 9.2)),
    Case("bounded loss, mu0 .08, Beta(8, 92): narrow", _bounded_loss(8.0, 92.0), quick=True),
    Case("KS window D_lo, τ .05, 5 panes of 200 sliding", _ks_window(0.05, 200, 5), share=0.5),
    Case(
        "KS window D_lo, τ .05, 5 panes of 2,000, 3 features",
        _ks_window(0.05, 2_000, 5, 3),
        most=2_000,
        share=0.3,
    ),
    Case("category window, τ .05, 5 panes of 200 sliding", _category_window(0.05, 200, 5), share=0.3),
    Case("e-SR on the CDF, τ .05, 500 rows", _cdf(0.05, 500), share=0.5, quick=True),
    Case(
        "e-SR on the CDF, τ .05, 2,000 rows, nominal 1,000",
        _cdf(0.05, 2_000),
        nominal=1_000,
        most=10_000,
        share=0.2,
    ),
    Case(
        "e-SR on the CDF, τ .05, 10,000 rows, capped, φ 2", _cdf(0.05, 10_000, phi=2.0), most=2_000, share=0.3
    ),
    Case(
        "e-SR on the CDF, 5 independent features, first declaration",
        _cdf(0.05, 500, 5),
        most=2_000,
        share=0.3,
    ),
    Case(
        "e-SR on the CDF, 5 features that are copies of one",
        _cdf(0.05, 500, 5, identical=True),
        most=2_000,
        share=0.3,
    ),
    Case("e-SR on category shares, τ .05, 500 rows", _categories(0.05, 500), share=0.5),
    Case("e-SR on three cell rates at once, 500 rows", _bank((0.02, 0.05, 0.3), 500), share=0.5),
)


def _run(rng: np.random.Generator, case: int, runs: int) -> Result:
    what = CASES[case]
    lengths = []
    for _ in range(runs):
        alarms = what.alarms(rng, what.nominal)
        lengths.append(next((i for i in range(1, what.most) if next(alarms)), what.most))
    mean, cut = float(np.mean(lengths)), sum(length == what.most for length in lengths)
    half = 1.96 * float(np.std(lengths, ddof=1)) / math.sqrt(runs)
    return {"mean": mean, "low": mean - half, "high": mean + half, "cut": cut, "runs": runs}


def tasks(scale: Scale) -> list[Task]:
    return [
        Task(
            f"arl {case.title}", _run, {"case": i, "runs": max(2, round(scale.arl_runs * case.share))}, cost=5
        )
        for i, case in enumerate(CASES)
        if scale.everything or case.quick
    ]


def held(results: dict[str, Result]) -> bool:
    """The mean run is nominal or longer, within the confidence of the simulation, in every case."""
    return all(results[f"arl {case.title}"]["high"] >= case.nominal for case in measured(results))


def measured(results: dict[str, Result]) -> list[Case]:
    return [case for case in CASES if f"arl {case.title}" in results]


def markdown(results: dict[str, Result]) -> str:
    rows = []
    for case in measured(results):
        r = results[f"arl {case.title}"]
        sign = "≥ " if r["cut"] else ""
        rows.append(
            [
                case.title,
                f"{case.nominal:,.0f}",
                f"{sign}{r['mean']:,.0f} ({r['low']:,.0f}–{r['high']:,.0f})",
                f"{r['runs']}, {r['cut']} cut at {case.most:,}",
            ]
        )
    return table(["detector and worst case", "nominal ARL", "mean run, panes (95 % interval)", "runs"], rows)
