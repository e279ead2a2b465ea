"""What the performance of young predictions will turn out to be, once all their labels have come.

Among labels that have come already, quick ones are too many: if fraud is found within a day and its absence after a
month, all that is known of last week is fraud. The reporting triangle says how much of each kind is known by which
age.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tiltmeter.core.late_labels.triangle import Cohort, named_like, total
from tiltmeter.core.panes.answers import fold

#: A kind of label of which less than this share is known by now is not scaled up: the factor would be noise.
LEAST_KNOWN = 0.1
#: Fewer effective labels than this are no estimate.
LEAST_EFFECTIVE = 200.0
#: Classes that are together less than this share of the predictions may stay unknown.
_NEGLIGIBLE = 0.01
_RIGHT, _WRONG = 0, 1


@dataclass(frozen=True, slots=True)
class Nowcast:
    """Estimates for ``predictions``; NaN where the labels so far cannot say. Precision and recall are those of
    class "1" of a binary classifier. ``effective`` labels stand behind them: (sum of weights)² / sum of squares."""

    predictions: int
    accuracy: float = math.nan
    precision: float = math.nan
    recall: float = math.nan
    effective: float = 0.0


@dataclass(frozen=True, slots=True)
class Development:
    """Of the predictions of one class in matured cohorts: the share that was labelled in the end, and for right and
    for wrong ones the share of these labels that was known by step 0, 1, …, as a step function."""

    labelled: float
    known: tuple[Sequence[float], Sequence[float]]


def development(matured: Sequence[Cohort], last: int) -> dict[str, Development]:
    """By predicted class. A label of step ``last`` or before is "in the end". Sums over cohorts come before ratios,
    so that growing traffic does not weigh."""
    classes = _classes(matured)
    steps = [named_like(classes, total(c.steps.get(step, {}) for c in matured)) for step in range(last + 1)]
    found = {}
    for name, predicted in classes.items():
        counts = [step.get(name, [0, 0]) for step in steps]
        right = _cumulative([r for _, r in counts])
        wrong = _cumulative([n - r for n, r in counts])
        share = min((right[-1] + wrong[-1]) / predicted, 1.0)
        found[name] = Development(share, (_shares(right), _shares(wrong)))
    return found


def nowcast(young: Mapping[int, Cohort], developed: Mapping[str, Development]) -> Nowcast:
    """``young``: cohorts by the last step that is complete for them.

    Per predicted class and kind (right, wrong): count = known labels / G, where G is the share known by now of
    cohorts of these ages, weighted with their predictions. A kind with G < :data:`LEAST_KNOWN` is what is left of the
    class, since the number of predictions is known and the share labelled in the end is taken from matured cohorts.
    If both kinds of a class are that young, nothing is known. Inverse-probability weighting alone would fail for
    kinds that are not known at all yet. Assumes that delays and the share labelled are those of the matured cohorts.
    """
    predictions = sum(cohort.predicted for cohort in young.values())
    classes = _classes(list(young.values()))
    cells: dict[str, tuple[float, float]] = {}
    weight = squares = 0.0
    unknown = predictions - sum(classes.values())
    for name, n in classes.items():
        if name not in developed:
            unknown += n
            continue
        kinds = [_kind(young, classes, developed[name], name, kind) for kind in (_RIGHT, _WRONG)]
        estimates = [known / share if share >= LEAST_KNOWN else None for known, share in kinds]
        if estimates == [None, None]:
            unknown += n
            continue
        left = n * developed[name].labelled
        right, wrong = (
            max(left - (estimates[1 - kind] or 0.0), 0.0) if estimate is None else estimate
            for kind, estimate in enumerate(estimates)
        )
        cells[name] = (right, wrong)
        for known, share in kinds:
            if share >= LEAST_KNOWN:
                weight, squares = weight + known / share, squares + known / share**2
    effective = weight**2 / squares if squares else 0.0
    if unknown > _NEGLIGIBLE * predictions or effective < LEAST_EFFECTIVE:
        return Nowcast(predictions, effective=effective)
    accuracy = _ratio(sum(r for r, _ in cells.values()), sum(r + w for r, w in cells.values()))
    if not set(cells) <= {"0", "1"}:
        return Nowcast(predictions, accuracy, effective=effective)
    hits, false_alarms = cells.get("1", (0.0, 0.0))
    _, misses = cells.get("0", (0.0, 0.0))
    precision, recall = _ratio(hits, hits + false_alarms), _ratio(hits, hits + misses)
    return Nowcast(predictions, accuracy, precision, recall, effective)


def _kind(
    young: Mapping[int, Cohort], classes: dict[str, int], developed: Development, name: str, kind: int
) -> tuple[int, float]:
    """Labels of one kind known so far, and the share of all of its labels that is known by such ages."""
    known, expected = 0, 0.0
    for step, cohort in young.items():
        tally = total(labels for at, labels in cohort.steps.items() if at <= step)
        n, right = named_like(classes, tally).get(name, (0, 0))
        known += right if kind == _RIGHT else n - right
        curve = developed.known[kind]
        expected += (
            named_like(classes, {c: [k, 0] for c, k in cohort.classes.items()}).get(name, [0, 0])[0]
            * (curve[min(step, len(curve) - 1)])
        )
    return known, expected / classes[name]


def _classes(cohorts: Sequence[Cohort]) -> dict[str, int]:
    found: dict[str, int] = {}
    for cohort in cohorts:
        for name, n in cohort.classes.items():
            found[name] = found.get(name, 0) + n
    return {name: n for name, n in fold(found).items() if n}


def _cumulative(counts: Sequence[int]) -> list[int]:
    sums, so_far = [], 0
    for n in counts:
        so_far += n
        sums.append(so_far)
    return sums


def _shares(cumulative: Sequence[int]) -> Sequence[float]:
    """What never came in matured cohorts is known to be none at once."""
    return [n / cumulative[-1] for n in cumulative] if cumulative[-1] else [1.0] * len(cumulative)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else math.nan
