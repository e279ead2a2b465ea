"""The one configuration tree: arguments over environment over file over the defaults written here.

Environment: ``TILTMETER_`` and ``__`` between levels, e.g. ``TILTMETER_KAFKA__BOOTSTRAP_SERVERS=broker:9092``.
File: TOML, named by ``--config`` or ``TILTMETER_CONFIG``. An unknown key or a bad value does not start; the
message names the key. Durations are written ``500ms``, ``10s``, ``5m``, ``1h``, ``7d``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from tiltmeter.core.expectations import Expectation
from tiltmeter.core.late_labels.maturity import age_name
from tiltmeter.core.panes.cohorts import AGE_LIMITS_MS
from tiltmeter.core.policy import DAY, HOUR, MINUTE, SECOND, JoinPolicy, ModelPolicy, Tolerances
from tiltmeter.core.segmentation import OTHER, segments_named
from tiltmeter.kafka.connection import KafkaConnection

#: Combinations of segments a join partition tells apart per version, and the length of one.
MOST_COMBINATIONS, MOST_SEGMENT_CHARACTERS = 500, 200

_UNITS = {"ms": 1, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}


def _duration(value: Any) -> Any:
    match = re.fullmatch(r"(\d+)\s*(ms|s|m|h|d)", value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a duration: write 500ms, 10s, 5m, 1h or 7d")
    return int(match[1]) * _UNITS[match[2]]


#: Milliseconds inside, ``10s`` outside.
Duration = Annotated[int, BeforeValidator(_duration), Field(gt=0)]


def _default(text: str | tuple[str, ...], description: str | None = None) -> Any:
    """A default written as an operator would write it; Duration parses it."""
    return Field(text, description=description)


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class KafkaSettings(Section):
    bootstrap_servers: str = Field("127.0.0.1:9092", description="Comma-separated host:port of the brokers.")
    topic_prefix: str = Field("tiltmeter", pattern=r"^[a-zA-Z0-9][a-zA-Z0-9.\-]*$")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_ca_location: Path | None = None
    ssl_certificate_location: Path | None = None
    ssl_key_location: Path | None = None


class TopicSettings(Section):
    """Used by ``tiltmeter topics create`` only; a running processor takes the topics as they are."""

    partitions: int = Field(4, ge=1, le=1000, description="Of predictions and feedback: they must be equal.")
    replication: int = Field(1, ge=1)
    source_retention: Duration = _default("30d")


class WatermarkSettings(Section):
    delay: Duration = _default("5s", "A pane is emitted once, so long after its end, in event time.")
    idle_after: Duration = _default("15s", "A partition at lag 0 for so long no longer holds others up.")


class JoinSettings(Section):
    retention: Duration = _default("7d", "How long a prediction waits for its feedback, and vice versa.")
    dedup: Duration = _default("1h", "How long a prediction_id is recognised at least.")
    corrections: Duration = _default("1d", "How long after the first label a revised one is accepted.")


class ProcessorSettings(Section):
    group: str = Field(
        "tiltmeter", min_length=1, description="Consumer group, and prefix of its internal names."
    )
    state_dir: Path | None = Field(
        None, description="Folder of the local store; none: memory, rebuilt from the log."
    )
    host: str = Field("127.0.0.1", description="Address of /metrics, /healthz, /readyz and /status.json.")
    port: int = Field(6066, ge=0, le=65535)
    snapshot_every: Duration = _default("30s")
    session_timeout: Duration = _default("30s", "A worker silent for so long loses its partitions.")
    member_id: str | None = Field(
        None,
        max_length=249,
        pattern="^[a-zA-Z0-9._-]+$",
        description="Name of this worker among its group, as the pod's: it keeps its partitions over a restart "
        "shorter than session_timeout.",
    )
    batch_records: int = Field(
        4096, ge=1, le=65536, description="Most records of one partition in a micro-batch."
    )


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
        default={"short": 6, "medium": 60, "long": 360}, description="Name → length in panes."
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
    labels: Literal["arrival", "maturity"] = Field(
        "arrival", description="Which error rate may alarm: by arrival of labels, or at fixed ages."
    )
    maturities: tuple[Duration, ...] = _default(
        ("1h", "1d", "7d", "30d"),
        "Ages at which labels are judged: of 1m, 5m, 1h, 6h, 1d, 3d, 7d, 14d, 30d, 60d, 90d.",
    )
    loss_scale: float = Field(1.0, gt=0, description="Regression without a reference: unit of errors.")
    silent_windows: int = Field(
        3,
        ge=1,
        description="A version without an event for so many of its longest windows is no longer shown.",
    )
    forget_after: Duration = _default("30d", "A version without predictions for so long is forgotten.")
    tolerances: ToleranceSettings = ToleranceSettings()
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
        for name, panes in self.windows.items():
            if not 1 <= panes <= 100_000:
                raise ValueError(f"windows.{name} is {panes}; a window has 1 to 100000 panes")
        for age in self.maturities:
            if age not in AGE_LIMITS_MS:
                known = ", ".join(map(age_name, AGE_LIMITS_MS))
                raise ValueError(f"maturities: {age_name(age)} is not one of {known}")
        if self.forget_after < self.pane * self.silent_windows * max(self.windows.values()):
            raise ValueError("forget_after is shorter than silent_windows of the longest window")
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
            from_first=self.from_first,
            joint=self.joint,
            labels=self.labels,
            maturities=self.maturities,
            loss_scale=self.loss_scale,
            silent_windows=self.silent_windows,
            forget_ms=self.forget_after,
            expectations={name: item.expectation() for name, item in self.expectations.items()},
            segments=self.segments,
        )


class Settings(BaseSettings):
    """Everything an operator may set."""

    model_config = SettingsConfigDict(
        env_prefix="TILTMETER_", env_nested_delimiter="__", extra="forbid", frozen=True, validate_default=True
    )

    kafka: KafkaSettings = KafkaSettings()
    topics: TopicSettings = TopicSettings()
    watermark: WatermarkSettings = WatermarkSettings()
    join: JoinSettings = JoinSettings()
    processor: ProcessorSettings = ProcessorSettings()
    default: ModelSettings = Field(ModelSettings(), description="Models without a section of their own.")
    models: dict[str, ModelSettings] = Field(default={}, description="By model name.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, environment, then the file named in the class's ``toml_file``."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    def connection(self) -> KafkaConnection:
        """How every Kafka client of ours connects. Raises ConnectionSettingsError for what cannot work."""
        k = self.kafka
        return KafkaConnection(
            bootstrap_servers=k.bootstrap_servers,
            security_protocol=k.security_protocol,
            sasl_mechanism=k.sasl_mechanism,
            sasl_username=k.sasl_username,
            sasl_password=k.sasl_password.get_secret_value() if k.sasl_password else None,
            ssl_ca_location=_text(k.ssl_ca_location),
            ssl_certificate_location=_text(k.ssl_certificate_location),
            ssl_key_location=_text(k.ssl_key_location),
        )

    def join_policy(self) -> JoinPolicy:
        return JoinPolicy(
            delay_ms=self.watermark.delay,
            retention_ms=self.join.retention,
            dedup_ms=self.join.dedup,
            corrections_ms=self.join.corrections,
            models={name: model.policy() for name, model in self.models.items()},
            default=self.default.policy(),
        )


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def load(path: Path | None, **arguments: Any) -> Settings:
    """Settings from a file (if any), the environment and arguments. Raises pydantic's ValidationError."""
    if path is not None and not path.is_file():
        raise FileNotFoundError(f"configuration file {path} does not exist")

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=path)

    return FromFile(**arguments)
