"""Everything a worker knows right now, as one JSON document: /status.json and the source of the status page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from tiltmeter import __version__
from tiltmeter.core.join.state import JoinState
from tiltmeter.core.panes.messages import NEVER
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.panes.score_counts import ScoreCounts
from tiltmeter.core.performance import agreement, calibration, classification, ranking, regression
from tiltmeter.core.performance.class_counts import ClassCounts
from tiltmeter.core.watch.distribution import Drift
from tiltmeter.core.watch.version_watch import VersionWatch
from tiltmeter.core.watch.watcher import Watcher
from tiltmeter.metrics.adwin_samples import adaptive_means
from tiltmeter.processor.join_stage import JoinStage
from tiltmeter.processor.page.headline import headline
from tiltmeter.processor.page.segment_standing import segment_places
from tiltmeter.processor.watch_stage import WatchStage

#: Alerts listed, of all models together: the document stays small.
ALERTS_LISTED = 200


def status(join: JoinStage, watch: WatchStage) -> dict[str, Any]:
    """``models`` holds only models whose panes this worker owns; other workers know the rest."""
    return {
        "version": __version__,
        "partitions": {str(p): _partition(owned.joiner.state) for p, owned in sorted(join.owned.items())},
        "watching": sorted(watch.owned),
        "catching_up": sorted(q for q, owned in watch.owned.items() if not owned.caught_up),
        "models": [entry for watcher in watch.watchers() for entry in _versions(watcher)],
        "alerts": _newest(
            a for owned in watch.owned.values() for ring in owned.alerts.values() for a in ring
        ),
    }


def _versions(watcher: Watcher) -> Iterator[dict[str, Any]]:
    shown = list(watcher.shown())
    segments = segment_places(shown)
    for watch in shown:
        yield {**version_status(watcher, watch), **segments.get((watch.version, watch.segment), {})}


def _partition(state: JoinState) -> dict[str, Any]:
    waiting = {"p": 0, "f": 0}
    for (family, _), by_group in state.waiting.items():
        waiting[family] += sum(by_group.values())
    marks = {name: side.watermark_ms for name, side in state.sides.items()}
    return {
        **state.header_to_wire(),
        "open_panes": len(state.open),
        "unconfirmed_panes": len(state.outbox),
        "watermarks": {name: mark if mark > NEVER else None for name, mark in marks.items()},
        "pending": {"predictions": waiting["p"], "feedback": waiting["f"]},
    }


def _newest(alerts: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of all models, oldest first; /model.json has all that is kept of one."""
    return sorted(alerts, key=lambda alert: alert["pane_end"])[-ALERTS_LISTED:]


def version_status(watcher: Watcher, watch: VersionWatch) -> dict[str, Any]:
    """One (model, version, segment): exact totals since the beginning, and the windows."""
    total = watch.total
    return {
        "model": watch.model,
        "version": watch.version,
        "segment": watch.segment,
        "reference_id": total.reference_id,
        "predictions": total.events,
        "prediction_weight": total.weight,
        "prediction_errors": total.errors,
        "unknown_features": total.unknown_features,
        "feedback": watch.labelled.feedback,
        "features": {
            name: {"cells": counts.cells.tolist()} for name, counts in sorted(total.features.items())
        },
        "last_prediction_pane": watch.last_prediction_pane,
        "last_label_pane": watch.labelled.last_pane,
        "lifted_panes": watch.lifted_panes,
        "pane_copies": watcher.merge.counters.copies,
        "pane_conflicts": watcher.merge.counters.conflicting,
        "stray_panes": watcher.merge.counters.stray,
        "performance": {
            "all": _performance(watch.labelled.total),
            **{name: _performance(window.total) for name, window in watch.labelled.windows.items()},
        },
        "drift": {name: dict(_drifts(watch, name)) for name in watch.predictions},
        "joint": {
            name: {
                "rows": j.rows,
                "pair": j.pair,
                "correlation": [_number(j.before), _number(j.now)],
                "reconstruction_error_ratio": _number(j.reconstruction),
                "outlier_ratio": _number(j.outlier_ratio),
                **(
                    {"mmd": _number(m.mmd), "mmd_rows": m.rows}
                    if (m := watch.joint.mmd(window.total))
                    else {}
                ),
            }
            for name, window in watch.predictions.items()
            if watch.joint is not None and (j := watch.joint.drift(window.total)).rows
        },
        "drifted": {
            name: level
            for of in (watch.features, watch.labelled.drift)
            if of is not None
            for name, level in of.drifted().items()
        },
        "bad_cells": watch.quality.beyond(),
        "adwin": {
            signal: {
                "mean": _number(mean),
                "width": adaptive.window.width,
                "cuts": adaptive.cuts,
                "last_cut": adaptive.last_cut._asdict() if adaptive.last_cut else None,
            }
            for signal, adaptive, mean in adaptive_means(watch)
        },
        "evidence": {name: evidence.ratio for name, evidence in watch.labelled.performance.evidence.items()},
        "firing": [alert.names for alert in watch.alerts() if alert.firing],
        **headline(watch),
    }


def _drifts(watch: VersionWatch, window: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Of features, predictions and labels, in one of the windows."""
    if watch.features is not None:
        for name, drift in watch.features.drifts(watch.predictions[window].total):
            yield name, _bounds(drift)
    if watch.labelled.drift is not None:
        for name, drift in watch.labelled.drift.drifts(watch.labelled.windows[window].total):
            yield name, _bounds(drift)


def _bounds(drift: Drift) -> dict[str, Any]:
    return {
        "rows": drift.rows,
        "at_least": _number(max(drift.low, 0.0)),
        "sample_low": _number(drift.estimate),
        "sample_high": _number(drift.sample_high),
        "at_most": _number(drift.high),
    }


def _performance(outcomes: Outcomes) -> dict[str, Any]:
    answer: dict[str, Any] = {"labelled": outcomes.n}
    if outcomes.confusion:
        precision, recall, f1 = classification.precision_recall_f1(outcomes)
        counts = ClassCounts.of(outcomes)
        answer |= {
            "classified": outcomes.classified,
            "correct": outcomes.correct,
            "accuracy": _number(classification.accuracy(outcomes)),
            "precision": _number(precision),
            "recall": _number(recall),
            "f1": _number(f1),
            "balanced_accuracy": _number(agreement.balanced_accuracy(counts)),
            "matthews_correlation": _number(agreement.matthews_correlation(counts)),
            "kappa": _number(agreement.kappa(counts)),
            "brier_score": _number(classification.brier_score(outcomes)),
            "log_loss": _number(classification.log_loss(outcomes)),
        }
        if outcomes.scores:
            answer |= _scores(outcomes.scores)
    elif outcomes.sum("scored"):
        answer |= {
            "mae": _number(regression.mae(outcomes)),
            "rmse": _number(regression.rmse(outcomes)),
            "bias": _number(regression.bias(outcomes)),
            "r2": _number(regression.r2(outcomes)),
        }
    return answer


def _scores(scores: ScoreCounts) -> dict[str, Any]:
    """``roc_auc`` and ``average_precision`` as [at least, estimate, at most]."""
    return {
        "roc_auc": [_number(value) for value in ranking.roc_auc(scores)],
        "average_precision": [_number(value) for value in ranking.average_precision(scores)],
        "calibration_in_the_large": _number(calibration.in_the_large(scores)),
        "expected_calibration_error": _number(calibration.expected_calibration_error(scores)),
        "reliability": [list(point) for point in calibration.reliability(scores)],
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
