"""What one labelled prediction adds to a label pane."""

from __future__ import annotations

import math
from typing import Any

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
#: (age up to, cohort width); a label older than all of them counts by day.
AGES = (
    (MINUTE, MINUTE), (5 * MINUTE, MINUTE), (HOUR, MINUTE), (6 * HOUR, HOUR), (DAY, HOUR), (3 * DAY, DAY),
    (7 * DAY, DAY), (14 * DAY, DAY), (30 * DAY, DAY), (60 * DAY, DAY), (90 * DAY, DAY), (math.inf, DAY),
)  # fmt: skip
SUMS = (
    "scored", "brier", "log_loss", "clipped", "error", "absolute_error", "squared_error", "target",
    "squared_target", "capped_loss", "squared_capped_loss", "squared_brier", "capped_log_loss",
    "squared_capped_log_loss", "capped_error",
)  # fmt: skip


LOG_LOSS_CAP = -math.log(1e-3)
Outcomes = dict[str, Any]


def cell(at: int, known: int) -> tuple[int, int]:
    """(cohort, age bucket) of a label that became known then."""
    age = next(i for i, (limit, _) in enumerate(AGES) if known - at <= limit)
    return at // AGES[age][1] * AGES[age][1], age


def empty() -> Outcomes:
    return {"n": 0, "weight": 0, "confusion": {}, "sums": dict.fromkeys(SUMS, 0), "counts": {}}


def add(into: Outcomes, other: Outcomes, sign: int = 1) -> None:
    into["n"] += sign * other["n"]
    into["weight"] += sign * other["weight"]
    for pair, n in other["confusion"].items():
        into["confusion"][pair] = into["confusion"].get(pair, 0) + sign * n
    for name, amount in other["sums"].items():
        into["sums"][name] += sign * amount
    for place, n in other["counts"].items():
        into["counts"][place] = into["counts"].get(place, 0) + sign * n


def outcome(prediction: dict[str, Any], label: dict[str, Any], policy: Any, measured: Any) -> Outcomes:
    """One prediction and its label; ``measured`` is the performance of the version's first reference."""
    found = empty()
    found["n"], found["weight"], sums = 1, prediction["weight"], found["sums"]
    if prediction["outcome"] is None or not prediction["ok"]:
        return found
    task = policy.task if policy.task != "auto" else measured.task if measured else "auto"
    if task == "auto":
        task = "regression" if isinstance(prediction["outcome"], float) else "classification"
    if task == "classification":
        found["confusion"][pair(prediction["class"], label["class"], measured)] = 1
        score = prediction["score"]
        if label["class"] in ("0", "1") and score is not None and 0 <= score <= 1:
            likelihood = score if label["class"] == "1" else 1 - score
            miss = 1 - likelihood
            sums["scored"] = 1
            sums["brier"] = fixed(miss * miss)
            sums["log_loss"] = fixed(-math.log(max(likelihood, 1e-15)))
            sums["clipped"] = int(likelihood < 1e-15)
            capped = min(-math.log(max(likelihood, 1e-15)), LOG_LOSS_CAP) / LOG_LOSS_CAP
            sums["squared_brier"] = fixed((miss * miss) * (miss * miss))
            sums["capped_log_loss"], sums["squared_capped_log_loss"] = fixed(capped), fixed(capped * capped)
            found["counts"] = scored(score, label["class"] == "1")
    elif not math.isnan(prediction["number"]) and not math.isnan(label["number"]):
        known = measured is not None and measured.task == "regression"
        unit, actual = measured.scale if known else policy.loss_scale, label["number"]
        error = prediction["number"] - actual
        sums["scored"] = 1
        sums["error"], sums["absolute_error"] = fixed(error / unit), fixed(abs(error) / unit)
        sums["squared_error"] = fixed((error / unit) * (error / unit))
        sums["target"], sums["squared_target"] = (
            fixed(actual / unit),
            fixed((actual / unit) * (actual / unit)),
        )
        if known:
            loss = min(abs(error), measured.cap) / measured.cap
            sums["capped_loss"], sums["squared_capped_loss"] = fixed(loss), fixed(loss * loss)
            sums["capped_error"] = fixed(math.copysign(loss, error))
            found["counts"] = {("residuals", sum(edge < error for edge in measured.residual_edges)): 1}
            found["counts"]["targets", sum(edge < actual for edge in measured.label_edges)] = 1
    return found


def pair(predicted: str, actual: str, measured: Any) -> tuple[str, str]:
    """Classes the reference does not name are one, but a wrong prediction among them stays wrong."""
    known = measured.classes if measured and measured.classes else (predicted, actual)
    if predicted != actual and predicted not in known and actual not in known:
        return "(other)", "(another)"
    return (predicted if predicted in known else "(other)"), (actual if actual in known else "(other)")


def scored(score: float, positive: bool) -> dict[tuple[str, int], int]:
    logit = sum(1 / (1 + math.exp(12 - 24 * i / 256)) < score for i in range(1, 256))
    place = sum(i / 15 < score for i in range(1, 15))
    return {
        ("positives" if positive else "negatives", logit): 1,
        ("labels", place): 1,
        ("predicted", place): fixed(score),
        ("true", place): int(positive),
    }


def add_weighted(pane: dict[str, Any], propensity: float | None, right: bool) -> None:
    if propensity is None:
        return
    sums = pane.setdefault("weighted", dict.fromkeys(("n", "weight", "right", "squares", "refused"), 0))
    if propensity < 0.01:
        sums["refused"] += 1
        return
    sums["n"] += 1
    sums["weight"] += fixed(1 / propensity)
    sums["right"] += fixed(1 / propensity) * right
    sums["squares"] += fixed((1 / propensity) * (1 / propensity))


def fixed(value: float) -> int:
    """A term as an integer multiple of 2^-20, not beyond ±2^50."""
    if abs(value) >= 2.0**30:
        return int(math.copysign(2**50, value))
    return round(value * 2**20)
