"""The one table of metrics: exporter, documentation, dashboards and rules are checked against it.

``model`` and ``version`` lead the labels of everything about a model. Never an id, a raw value or free text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]
#: What becomes of series beyond the limit: one series that adds them up, one that shows the largest, or none.
Fold = Literal["sum", "max", "drop"]
MODEL = ("model", "version", "segment")
#: Labels whose values come from outside or grow with the load; all others have a handful of values.
OPEN_LABELS = frozenset({*MODEL, "feature", "subject", "class", "reference_id", "partition"})


@dataclass(frozen=True, slots=True)
class Metric:
    """Name without the ``tiltmeter_`` prefix and, for a counter, without ``_total``."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    gauge_fold: Fold = "drop"

    @property
    def fold(self) -> Fold:
        return self.gauge_fold if self.kind == "gauge" else "sum"

    @property
    def full_name(self) -> str:
        return f"tiltmeter_{self.name}" + ("_total" if self.kind == "counter" else "")


_MEASURES = {"precision": "Precision", "recall": "Recall", "f1": "F1"}
_ALL = [
    Metric("predictions", "counter", "Predictions counted in closed panes.", MODEL),
    Metric("prediction_errors", "counter", "Predictions that serving code reported as failed.", MODEL),
    Metric("feedback", "counter", "Feedback events by what became of them.", (*MODEL, "outcome")),
    Metric("feature_values", "counter", "Feature values by state.", (*MODEL, "feature", "state")),
    Metric(
        "expectation_violations",
        "counter",
        "Feature values that broke what the configuration expects of them.",
        (*MODEL, "feature", "violation"),
    ),
    Metric("prediction_score", "histogram", "Scores or confidences of predictions.", MODEL),
    Metric("serving_latency_seconds", "histogram", "Latency the serving code reported.", MODEL),
    Metric("window_samples", "gauge", "Labelled predictions in the window.", (*MODEL, "window"), "sum"),
    Metric("window_predictions", "gauge", "Predictions in the window.", (*MODEL, "window"), "sum"),
    Metric("reference_info", "gauge", "1, with the reference in force.", (*MODEL, "reference_id", "state")),
    Metric("accuracy_ratio", "gauge", "Share of correct classes in the window.", (*MODEL, "window")),
    Metric("precision_ratio", "gauge", "Precision (positive class, or macro).", (*MODEL, "window")),
    Metric("recall_ratio", "gauge", "Recall (positive class, or macro).", (*MODEL, "window")),
    Metric("f1_ratio", "gauge", "F1 (positive class, or macro).", (*MODEL, "window")),
    Metric("log_loss", "gauge", "Mean log loss, natural logarithm.", (*MODEL, "window")),
    Metric("brier_score", "gauge", "Mean squared distance between score and label.", (*MODEL, "window")),
    Metric("mae", "gauge", "Mean absolute error in the target's units.", (*MODEL, "window")),
    Metric("rmse", "gauge", "Root mean squared error in the target's units.", (*MODEL, "window")),
    Metric("bias", "gauge", "Mean of prediction - label in the target's units.", (*MODEL, "window")),
    Metric("r2", "gauge", "Coefficient of determination.", (*MODEL, "window")),
    Metric("label_delay_seconds", "gauge", "Age of predictions at labelling.", (*MODEL, "share")),
    Metric("label_coverage_ratio", "gauge", "Share labelled by this age.", (*MODEL, "maturity")),
    Metric("label_coverage_baseline_ratio", "gauge", "The same of the first cohorts.", (*MODEL, "maturity")),
    Metric("mature_accuracy_ratio", "gauge", "Right among labels by this age.", (*MODEL, "maturity")),
    Metric("mature_precision_ratio", "gauge", "Precision among labels by this age.", (*MODEL, "maturity")),
    Metric("mature_recall_ratio", "gauge", "Recall among labels by this age.", (*MODEL, "maturity")),
    Metric("nowcast_accuracy_ratio", "gauge", "Accuracy once all labels have come.", (*MODEL, "age")),
    Metric("nowcast_precision_ratio", "gauge", "Precision once all labels have come.", (*MODEL, "age")),
    Metric("nowcast_recall_ratio", "gauge", "Recall once all labels have come.", (*MODEL, "age")),
    Metric("estimated_accuracy_ratio", "gauge", "Accuracy that scores promise.", (*MODEL, "window")),
    Metric("weighted_accuracy_ratio", "gauge", "Accuracy by labels drawn at random.", (*MODEL, "window")),
    Metric(
        "realised_minus_expected_ratio",
        "gauge",
        "Errors that came less errors that scores promised, per label.",
        MODEL,
    ),
    Metric(
        "pinball_loss",
        "gauge",
        "Mean quantile loss in the target's units.",
        (*MODEL, "window", "level"),
    ),
    Metric(
        "residual_ks", "gauge", "KS distance of the errors from those of the reference.", (*MODEL, "window")
    ),
    *(
        Metric(f"class_{measure}_ratio", "gauge", f"{name} of one class.", (*MODEL, "window", "class"))
        for measure, name in _MEASURES.items()
    ),
    *(
        Metric(
            f"average_{measure}_ratio", "gauge", f"{name} over all classes.", (*MODEL, "window", "average")
        )
        for measure, name in _MEASURES.items()
    ),
    Metric(
        "balanced_accuracy_ratio",
        "gauge",
        "Mean recall of the classes that are true at least once.",
        (*MODEL, "window"),
    ),
    Metric("matthews_correlation", "gauge", "Correlation of predicted and true class.", (*MODEL, "window")),
    Metric("kappa", "gauge", "Cohen's kappa: agreement beyond chance.", (*MODEL, "window")),
    Metric(
        "roc_auc",
        "gauge",
        "Area under the ROC curve: proved lower bound, estimate, upper bound.",
        (*MODEL, "window", "bound"),
    ),
    Metric(
        "average_precision",
        "gauge",
        "Area under the precision-recall curve: proved lower bound, estimate, upper bound.",
        (*MODEL, "window", "bound"),
    ),
    Metric(
        "score_separation",
        "gauge",
        "KS distance between the scores of positives and of negatives.",
        (*MODEL, "window"),
    ),
    Metric("calibration_in_the_large", "gauge", "Mean of score - label.", (*MODEL, "window")),
    Metric(
        "expected_calibration_error",
        "gauge",
        "Mean gap between score and share of positives over 15 bins; biased upwards.",
        (*MODEL, "window"),
    ),
    Metric(
        "drift_ks",
        "gauge",
        "KS distance from the reference: proved lower bound, sample estimate, upper bound.",
        (*MODEL, "feature", "window", "bound"),
    ),
    Metric(
        "drift_psi",
        "gauge",
        "Population stability index over ten groups, or categories; nats.",
        (*MODEL, "feature", "window"),
    ),
    Metric(
        "drift_js",
        "gauge",
        "Jensen-Shannon distance over ten groups, or categories; 0 to 1.",
        (*MODEL, "feature", "window"),
    ),
    Metric(
        "drift_wasserstein",
        "gauge",
        "Wasserstein-1 distance in the feature's units.",
        (*MODEL, "feature", "window"),
    ),
    Metric(
        "drift_distance",
        "gauge",
        "Further distances over the same groups, by measure; detection window only.",
        (*MODEL, "feature", "window", "measure"),
    ),
    Metric(
        "drift_statistic",
        "gauge",
        "Statistics of two-sample tests; detection window only. They grow with the rows.",
        (*MODEL, "feature", "window", "test"),
    ),
    Metric(
        "drift_p_value",
        "gauge",
        "p-values of one look at independent rows; detection window only. Never alarm on them.",
        (*MODEL, "feature", "window", "test"),
    ),
    Metric(
        "correlation_change",
        "gauge",
        "Largest change of the rank correlation of two features against the reference.",
        (*MODEL, "window"),
    ),
    Metric(
        "reconstruction_error_ratio",
        "gauge",
        "Error of reconstructing rows from the reference's principal components; 1 is the reference's.",
        (*MODEL, "window"),
    ),
    Metric(
        "outlier_ratio",
        "gauge",
        "Share of rows farther out than 99.9 % of the reference's.",
        (*MODEL, "window"),
    ),
    Metric(
        "drift_mmd",
        "gauge",
        "Maximum mean discrepancy of the numeric features' ranks together, on a sample; if mmd_share is set.",
        (*MODEL, "window"),
    ),
    Metric(
        "drift_evidence_ratio",
        "gauge",
        "Log evidence over log threshold, or proved KS distance over tolerance; 1 alarms.",
        (*MODEL, "detector", "subject"),
    ),
    Metric(
        "feature_drifted", "gauge", "0 within tolerance, 1 drifted, 2 largely drifted.", (*MODEL, "feature")
    ),
    Metric(
        "overdispersion",
        "gauge",
        "How much more panes differ than independent values would.",
        (*MODEL, "subject"),
    ),
    Metric("adwin_mean", "gauge", "Mean of ADWIN's adaptive window.", (*MODEL, "signal")),
    Metric("adwin_cuts", "counter", "Cuts of ADWIN's window.", (*MODEL, "signal", "direction")),
    Metric("adwin_last_cut_timestamp_seconds", "gauge", "Event time of the last cut.", (*MODEL, "signal")),
    Metric(
        "comparison_drifts",
        "counter",
        "Drifts a detector of river has found in the errors.",
        (*MODEL, "detector"),
    ),
    Metric(
        "alert_active",
        "gauge",
        "1 while the alert is firing.",
        (*MODEL, "kind", "subject", "severity"),
        "max",
    ),
    Metric("alerts", "counter", "Alerts fired.", (*MODEL, "kind", "severity")),
    Metric(
        "expired_predictions",
        "counter",
        "Predictions whose label never came.",
        ("model", "version", "partition"),
    ),
    Metric(
        "late_events",
        "counter",
        "Predictions after their pane was emitted.",
        ("model", "version", "partition"),
    ),
    Metric(
        "duplicate_predictions",
        "counter",
        "Predictions seen before, by whether their content was the same.",
        ("model", "version", "content", "partition"),
    ),
    Metric("orphaned_feedback", "counter", "Feedback whose prediction never came.", ("partition",)),
    Metric(
        "imperfect_fields", "counter", "Optional fields that were unusable.", ("topic", "field", "partition")
    ),
    Metric("rejected_events", "counter", "Events that could not be used.", ("topic", "reason", "partition")),
    Metric(
        "wrong_partition", "counter", "Sampled events whose key belongs elsewhere.", ("topic", "partition")
    ),
    Metric("pending_predictions", "gauge", "Predictions waiting for a label.", ("partition",), "sum"),
    Metric("feedback_waiting", "gauge", "Feedback waiting for its prediction.", ("partition",), "sum"),
    Metric(
        "watermark_timestamp_seconds",
        "gauge",
        "Event time the partition is complete to.",
        ("partition", "side"),
    ),
    Metric(
        "watermark_delay_seconds",
        "gauge",
        "Wall clock minus the event time the partition is complete to.",
        ("partition", "side"),
    ),
    Metric("pane_conflicts", "counter", "Panes sent twice with different content: a bug.", ("model",)),
    Metric("stray_panes", "counter", "Panes that came after they had been judged.", ("model",)),
    Metric("crowded_out_versions", "counter", "Versions and segments forgotten to make room.", ("model",)),
    Metric("assigned_partitions", "gauge", "Source partitions this worker owns.", ("stage",)),
    Metric(
        "source_partitions", "gauge", "Source partitions there are, for all workers together.", ("stage",)
    ),
    Metric("recovering", "gauge", "1 while the worker restores what it owns or catches up with it."),
    Metric(
        "consumer_lag_records",
        "gauge",
        "Records in the log that have not been processed.",
        ("topic", "partition"),
        "sum",
    ),
    Metric("dropped_series", "counter", "Series folded or left out because a metric reached its limit."),
    Metric(
        "config_last_reload_successful", "gauge", "0 if the configuration file cannot be used as it is now."
    ),
    Metric(
        "config_last_reload_success_timestamp_seconds", "gauge", "When the configuration in force was read."
    ),
    Metric("build_info", "gauge", "1, with the version of Tiltmeter.", ("version",)),
]
METRICS = {metric.name: metric for metric in _ALL}
