"""Losses in [0, 1]: what detectors with a proof can watch, from the sums of panes and of a reference alike.

Each is a number X in [0, 1] per label, known by n, sum X and sum X². A signed one, r in [-1, 1], is watched twice, as
(r + 1) / 2 and as (1 - r) / 2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tiltmeter.core.panes.bounded_classes import ANOTHER, OTHER
from tiltmeter.core.panes.fixed_point import ONE, real
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.panes.score_terms import LOG_LOSS_CAP
from tiltmeter.core.reference.profile import Performance


@dataclass(frozen=True, slots=True)
class Losses:
    """n losses, their sum and the sum of their squares."""

    n: int = 0
    total: float = 0.0
    squares: float = 0.0

    @classmethod
    def signed(cls, n: int, total: float, squares: float, sign: int) -> Losses:
        """Of n values r in [-1, 1], as (1 + sign r) / 2."""
        return cls(n, (n + sign * total) / 2, (n + 2 * sign * total + squares) / 4)

    @property
    def mean(self) -> float:
        return self.total / self.n


@dataclass(frozen=True, slots=True)
class Signal:
    """A loss that is watched. ``subject`` is its name in alerts; ``weight`` its part of the budget, relative to the
    others. ``natural`` turns a mean loss into what people know, given the reference's cap. ``neutral``: it is
    allowed to be here, whatever the reference's mean: then going towards it is an improvement."""

    subject: str
    weight: float
    of_outcomes: Callable[[Outcomes], Losses]
    of_reference: Callable[[Performance], Losses]
    natural: Callable[[float, float], float] = lambda loss, cap: loss
    above: bool = True
    neutral: float = 0.0


def _error_rate(outcomes: Outcomes) -> Losses:
    wrong = float(outcomes.classified - outcomes.correct)
    return Losses(outcomes.classified, wrong, wrong)


def _scored(outcomes: Outcomes) -> int:
    """0 for panes of before scores were counted by label: their squares are not known."""
    n = outcomes.sum("scored")
    return n if outcomes.scores.n == n else 0


def _brier(outcomes: Outcomes) -> Losses:
    return Losses(_scored(outcomes), real(outcomes.sum("brier")), real(outcomes.sum("squared_brier")))


def _log_loss(outcomes: Outcomes) -> Losses:
    n = _scored(outcomes)
    return Losses(n, real(outcomes.sum("capped_log_loss")), real(outcomes.sum("squared_capped_log_loss")))


def _calibration(outcomes: Outcomes, sign: int) -> Losses:
    """r = score - label, whose square is the Brier term."""
    _, predicted, positive = (int(row.sum()) for row in outcomes.scores.reliability)
    squares = real(outcomes.sum("brier"))
    return Losses.signed(_scored(outcomes), real(predicted - positive * ONE), squares, sign)


def _absolute_error(outcomes: Outcomes) -> Losses:
    n = outcomes.sum("scored")
    return Losses(n, real(outcomes.sum("capped_loss")), real(outcomes.sum("squared_capped_loss")))


def _bias(outcomes: Outcomes, sign: int) -> Losses:
    """r = error, capped, as a share of the cap."""
    squares = real(outcomes.sum("squared_capped_loss"))
    return Losses.signed(outcomes.sum("scored"), real(outcomes.sum("capped_error")), squares, sign)


def _known_bias(reference: Performance, sign: int) -> Losses:
    if reference.capped_error_sum is None:
        return Losses()
    return Losses.signed(reference.labelled, reference.capped_error_sum, reference.loss_squares, sign)


#: By name, the first ones are told first. The error is what everybody asks about: it has half of the budget.
CLASSIFICATION: Final[Mapping[str, Signal]] = {
    "error_rate": Signal(
        "error_rate", 3.0, _error_rate, lambda r: Losses(r.labelled, float(r.errors), float(r.errors))
    ),
    "log_loss": Signal(
        "log_loss",
        1.0,
        _log_loss,
        lambda r: Losses(r.scored, r.log_loss_sum, r.log_loss_squares),
        lambda loss, cap: loss * LOG_LOSS_CAP,
    ),
    "brier_score": Signal(
        "brier_score", 1.0, _brier, lambda r: Losses(r.scored, r.brier_sum, r.brier_squares)
    ),
    "calibration_above": Signal(
        "calibration",
        0.5,
        lambda o: _calibration(o, 1),
        lambda r: Losses.signed(r.scored, r.score_error_sum, r.brier_sum, 1),
        lambda loss, cap: 2 * loss - 1,
        neutral=0.5,
    ),
    "calibration_below": Signal(
        "calibration",
        0.5,
        lambda o: _calibration(o, -1),
        lambda r: Losses.signed(r.scored, r.score_error_sum, r.brier_sum, -1),
        lambda loss, cap: 1 - 2 * loss,
        above=False,
        neutral=0.5,
    ),
}
REGRESSION: Final[Mapping[str, Signal]] = {
    "absolute_error": Signal(
        "absolute_error",
        2.0,
        _absolute_error,
        lambda r: Losses(r.labelled, r.loss_sum, r.loss_squares),
    ),
    "bias_above": Signal(
        "bias",
        1.0,
        lambda o: _bias(o, 1),
        lambda r: _known_bias(r, 1),
        lambda loss, cap: (2 * loss - 1) * cap,
        neutral=0.5,
    ),
    "bias_below": Signal(
        "bias",
        1.0,
        lambda o: _bias(o, -1),
        lambda r: _known_bias(r, -1),
        lambda loss, cap: (1 - 2 * loss) * cap,
        above=False,
        neutral=0.5,
    ),
}


def learned(outcomes: Outcomes, choosing: Mapping[str, int], counting: Mapping[str, int]) -> Performance:
    """The first labels of a classifier as its reference: they are taken as good. ``outcomes`` as of
    :meth:`Outcomes.by_label`, or with all that was answered; labels by class of the part of them that chooses the
    classes whose drift is watched, and of the rest, which is counted."""
    classes = sorted({actual for _, actual in outcomes.confusion} - {OTHER, ANOTHER})
    class_counts = tuple(counting.get(name, 0) for name in classes)
    return Performance(
        "classification",
        classes=tuple(classes),
        class_counts=class_counts,
        other_classes=sum(counting.values()) - sum(class_counts),
        unchosen_classes=tuple(name for name in classes if name not in choosing),
        labelled=outcomes.classified,
        errors=outcomes.classified - outcomes.correct,
        scored=_scored(outcomes),
        brier_sum=real(outcomes.sum("brier")),
        brier_squares=real(outcomes.sum("squared_brier")),
        log_loss_sum=real(outcomes.sum("capped_log_loss")),
        log_loss_squares=real(outcomes.sum("squared_capped_log_loss")),
        score_error_sum=2 * _calibration(outcomes, 1).total - _scored(outcomes),
    )
