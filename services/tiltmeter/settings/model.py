"""What an operator may set per model."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from tiltmeter.core.expectations import Expectation
from tiltmeter.core.join.segmentation import OTHER, segments_named
from tiltmeter.core.late_labels.maturity import age_name
from tiltmeter.core.panes.cohorts import AGE_LIMITS_MS
from tiltmeter.core.policy import ModelPolicy, Tolerances, Weights
from tiltmeter.settings.section import Duration, Section
from tiltmeter.settings.section import default as _default

#: Combinations of segments a join partition tells apart per version, and the length of one.
MOST_COMBINATIONS, MOST_SEGMENT_CHARACTERS = 500, 200

RiverDetector = Literal["ADWIN", "KSWIN", "PageHinkley", "DDM", "EDDM", "FHDDM", "HDDMA", "HDDMW"]


class ToleranceSettings(Section):
    feature_ks: float = Field(0.05, gt=0, lt=1)
    feature_ks_large: float = Field(0.10, gt=0, lt=1)
    correlation: float = Field(0.1, gt=0, lt=2)
    outliers: float = Field(0.01, ge=0, lt=1)
    error_rate: float = Field(0.02, ge=0, lt=1)
    error_rate_critical: float = Field(0.05, ge=0, lt=1)
    brier_score: float = Field(0.02, ge=0, lt=1)
    log_loss: float = Field(0.1, ge=0, lt=6)
    calibration: float = Field(0.02, ge=0, lt=1)
    loss: float = Field(0.05, ge=0, lt=1)
    quality: float = Field(0.02, gt=0, lt=1)
    coverage: float = Field(0.05, ge=0, lt=1)
    warning_days: float = Field(30.0, gt=0)
    critical_days: float = Field(365.0, gt=0)
    min_samples: int = Field(200, ge=1)
    clear_panes: int = Field(5, ge=1)
    learning_panes: int = Field(200, ge=0)


class WeightSettings(Section):
    """Shares of the false-alarm budget; what is left of 1 is used by nobody."""

    performance: float = Field(0.5, gt=0, le=1)
    prediction: float = Field(0.2, gt=0, le=1, description="Drift of predictions and of labels.")
    features: float = Field(0.2, gt=0, le=1)
    quality: float = Field(0.1, gt=0, le=1, description="Of data, and coverage of labels.")

    @model_validator(mode="after")
    def _no_more_than_there_is(self) -> WeightSettings:
        total = self.performance + self.prediction + self.features + self.quality
        if total > 1 + 1e-9:
            raise ValueError(f"the weights add up to {total:g}; together they may use 1, the whole budget")
        return self


class ExpectationSettings(Section):
    """Of one feature; what breaks it is counted, whatever the reference says."""

    min: float | None = Field(None, allow_inf_nan=False, description="The smallest value that is expected.")
    max: float | None = Field(None, allow_inf_nan=False, description="The largest value that is expected.")
    required: bool = Field(False, description="Every event has a value: not null, absent or non-finite.")
    allowed: tuple[bool | float | str, ...] = Field(
        (), description="All values there may be.", max_length=1000
    )

    @model_validator(mode="after")
    def _something_is_expected(self) -> ExpectationSettings:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}")
        if self == ExpectationSettings.model_construct():
            raise ValueError("expects nothing: set min, max, required or allowed")
        return self

    def expectation(self) -> Expectation:
        allowed = tuple(str(v).lower() if isinstance(v, bool) else v for v in self.allowed)
        return Expectation(self.min, self.max, self.required, allowed)


class ModelSettings(Section):
    pane: Duration = _default("10s", "Width of a pane; slow streams need hours.")
    task: Literal["auto", "classification", "regression"] = "auto"
    windows: dict[str, int] = Field(
        default={"short": 6, "medium": 360, "long": 8_640},
        description="Name → length in panes: a minute, an hour and a day of the default pane.",
    )
    detection_window: str = Field("short", description="The window whose KS distance may alarm.")
    from_first: int = Field(
        0,
        ge=0,
        description="Learn a reference from so many first predictions of a version without one; 0: never.",
    )
    joint: bool = Field(
        True, description="Count how features go together, where the reference says how they did."
    )
    mmd_share: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the rows from which tiltmeter_drift_mmd is computed; 0: it is not.",
    )
    labels: Literal["arrival", "maturity"] = Field(
        "arrival", description="Which error rate may alarm: by arrival of labels, or at fixed ages."
    )
    maturities: tuple[Duration, ...] = _default(
        ("1h", "1d", "7d", "30d"),
        "Ages at which labels are judged: of 1m, 5m, 1h, 6h, 1d, 3d, 7d, 14d, 30d, 60d, 90d.",
    )
    quantile: float = Field(0.5, gt=0, lt=1, description="Regression: of the pinball loss that is shown.")
    compare: tuple[RiverDetector, ...] = Field(
        (), description="River's drift detectors on the errors, counted beside ours; they alarm nothing."
    )
    loss_scale: float = Field(1.0, gt=0, description="Regression without a reference: unit of errors.")
    silent_panes: int = Field(
        1_080, ge=1, description="A version without an event for so many panes is no longer shown."
    )
    forget_after: Duration = _default(
        "45d",
        "A version without predictions for so long, and silent, is forgotten; beyond the longest maturity.",
    )
    tolerances: ToleranceSettings = ToleranceSettings()
    weights: WeightSettings = WeightSettings()
    expectations: dict[str, ExpectationSettings] = Field(default={}, description="By feature.")
    segments: dict[str, tuple[str, ...]] = Field(
        default={}, description="Name → values watched on their own; all other values together are one more."
    )

    @model_validator(mode="after")
    def _windows_make_sense(self) -> ModelSettings:
        if self.detection_window not in self.windows:
            raise ValueError(
                f"detection_window {self.detection_window!r} is not one of {sorted(self.windows)}"
            )
        if self.mmd_share and not self.joint:
            raise ValueError("mmd_share needs joint = true: mmd is of the scores that are counted there")
        for name, panes in self.windows.items():
            if not 1 <= panes <= 100_000:
                raise ValueError(f"windows.{name} is {panes}; a window has 1 to 100000 panes")
        for age in self.maturities:
            if age not in AGE_LIMITS_MS:
                known = ", ".join(map(age_name, AGE_LIMITS_MS))
                raise ValueError(f"maturities: {age_name(age)} is not one of {known}")
        return self

    @model_validator(mode="after")
    def _segments_are_few(self) -> ModelSettings:
        combinations = 1
        for name, values in self.segments.items():
            if not values or len(set(values)) < len(values) or OTHER in values:
                raise ValueError(f"segments.{name} needs at least one value, each once, and not {OTHER!r}")
            if max(map(len, segments_named(name, values))) > MOST_SEGMENT_CHARACTERS:
                raise ValueError(f"segments.{name} is longer than {MOST_SEGMENT_CHARACTERS} characters")
            combinations *= len(values) + 1
        if combinations > MOST_COMBINATIONS:
            raise ValueError(
                f"segments have {combinations} combinations; at most {MOST_COMBINATIONS} are kept apart"
            )
        return self

    def policy(self) -> ModelPolicy:
        return ModelPolicy(
            pane_ms=self.pane,
            task=self.task,
            windows=dict(self.windows),
            detection_window=self.detection_window,
            tolerances=Tolerances(**self.tolerances.model_dump()),
            weights=Weights(**self.weights.model_dump()),
            from_first=self.from_first,
            joint=self.joint,
            mmd_share=self.mmd_share,
            labels=self.labels,
            maturities=self.maturities,
            quantile=self.quantile,
            compare=self.compare,
            loss_scale=self.loss_scale,
            silent_panes=self.silent_panes,
            forget_ms=self.forget_after,
            expectations={name: item.expectation() for name, item in self.expectations.items()},
            segments=self.segments,
        )
