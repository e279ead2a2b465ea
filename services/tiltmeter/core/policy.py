"""What an operator may decide about time and tasks, as plain values the core can use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from tiltmeter.core.expectations import Expectation

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000


@dataclass(frozen=True, slots=True)
class Tolerances:
    """How much change is benign, and how rare a false alarm must be. Defaults: docs/detection.md."""

    feature_ks: float = 0.05  # tau: KS distance that does not matter yet
    feature_ks_large: float = 0.10
    correlation: float = 0.1  # of two features: a change that does not matter yet
    outliers: float = 0.01  # share of rows, above the reference's upper bound
    error_rate: float = 0.02  # absolute, above the reference's upper bound
    error_rate_critical: float = 0.05
    brier_score: float = 0.02  # above the reference's upper bound; critical is 2.5 times this
    log_loss: float = 0.1  # the same, natural logarithm
    calibration: float = 0.02  # the same, of the mean of score - label, on both sides
    loss: float = (
        0.05  # regression: share of the loss cap, of |error| and of the bias; critical is twice this
    )
    quality: float = 0.02  # share of cells that are missing, unseen, ..., above the reference's upper bound
    coverage: float = 0.05  # share of predictions without a label, above the baseline's upper bound
    warning_days: float = 30.0  # one false warning in so many days, per model
    critical_days: float = 365.0
    min_samples: int = 200  # below: a gauge is NaN, not a guess
    clear_panes: int = 5  # panes that must look healthy before an alert resolves
    learning_panes: int = 200  # panes from which over-dispersion is learned; until then nothing warns


@dataclass(frozen=True, slots=True)
class Weights:
    """How the false-alarm budget is shared out, at most 1 together: :mod:`tiltmeter.core.verdicts.budget`."""

    performance: float = 0.5
    prediction: float = 0.2  # predictions and labels
    features: float = 0.2
    quality: float = 0.1  # of data, and coverage of labels


@dataclass(frozen=True, slots=True)
class ModelPolicy:
    """Per model. Windows are counted in panes."""

    pane_ms: int = 10 * SECOND
    task: str = "auto"  # auto | classification | regression
    windows: Mapping[str, int] = field(default_factory=lambda: {"short": 6, "medium": 360, "long": 8_640})
    detection_window: str = "short"  # the window whose KS distance may alarm
    tolerances: Tolerances = field(default_factory=Tolerances)
    weights: Weights = field(default_factory=Weights)
    from_first: int = 0  # learn a reference from so many first predictions, if there is none; 0: never
    joint: bool = True  # watch how features go together, where the reference says how they did
    mmd_share: float = 0.0  # of the rows, for the mean embedding; needs joint. 0: no mmd
    labels: str = "arrival"  # arrival | maturity: which error rate may page (docs/late-labels.md)
    maturities: tuple[int, ...] = (HOUR, DAY, 7 * DAY, 30 * DAY)  # ages at which labels are judged
    quantile: float = 0.5  # regression: of the pinball loss that is shown
    compare: tuple[str, ...] = ()  # river's drift detectors on the errors, counted beside ours
    loss_scale: float = 1.0  # regression without a reference: unit in which errors are quantised
    silent_panes: int = 1_080  # panes without an event after which a version is no longer shown
    forget_ms: int = 45 * DAY  # without a prediction for so long, and silent, a version is forgotten
    most_watched: int = 1_000  # versions and segments of the model; beyond, those silent longest make room
    expectations: Mapping[str, Expectation] = field(default_factory=dict)  # by feature
    segments: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # name → values watched on their own

    @property
    def panes_per_day(self) -> float:
        return DAY / self.pane_ms

    def for_segment(self, segment: str) -> ModelPolicy:
        """The same with this segment's share of the false-alarm budget: the whole ("") has half of it, the segments
        share the other half equally. A rarer alarm costs little delay: it grows with the logarithm."""
        number = sum(len(values) + 1 for values in self.segments.values())
        if number == 0:
            return self
        part, t = 2.0 * number if segment else 2.0, self.tolerances
        shared = replace(t, warning_days=part * t.warning_days, critical_days=part * t.critical_days)
        return replace(self, tolerances=shared)

    @property
    def silent_ms(self) -> int:
        return self.silent_panes * self.pane_ms

    @property
    def lately_ms(self) -> int:
        """Who had a prediction within this time is not taken for silent to make room: an hour, the detection window
        if that is longer, and no longer than the longest window."""
        return min(max(HOUR, self.windows[self.detection_window] * self.pane_ms), self.longest_ms)

    @property
    def longest_ms(self) -> int:
        """The longest window."""
        return max(self.windows.values()) * self.pane_ms


@dataclass(frozen=True, slots=True)
class JoinPolicy:
    """Per deployment (semantics 2 and 11)."""

    delay_ms: int = 5 * SECOND  # watermark.delay
    retention_ms: int = 7 * DAY  # wait for feedback so long
    dedup_ms: int = HOUR  # recognise duplicate predictions
    corrections_ms: int = DAY  # accept a revised label
    models: Mapping[str, ModelPolicy] = field(default_factory=dict)
    default: ModelPolicy = field(default_factory=ModelPolicy)

    #: Retention is kept in this many whole buckets, so that expiry is a drop and not a search.
    BUCKETS: ClassVar[int] = 8

    @property
    def bucket_ms(self) -> int:
        return max(-(-self.retention_ms // self.BUCKETS), self.dedup_ms, 1)

    @property
    def reach(self) -> int:
        """How many buckets apart a prediction and its feedback may be."""
        return -(-self.retention_ms // self.bucket_ms)

    @property
    def log_retention_ms(self) -> int:
        """How far back the join log must reach: rows live in whole buckets, and the newest claim is hours old."""
        return self.retention_ms + 2 * self.bucket_ms + DAY

    def model(self, name: str) -> ModelPolicy:
        return self.models.get(name, self.default)
