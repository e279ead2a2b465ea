"""The one configuration tree: arguments over environment over file over the defaults written here.

Environment: ``TILTMETER_`` and ``__`` between levels, e.g. ``TILTMETER_KAFKA__BOOTSTRAP_SERVERS=broker:9092``.
File: TOML, named by ``--config`` or ``TILTMETER_CONFIG``. An unknown key or a bad value does not start; the
message names the key. Durations are written ``500ms``, ``10s``, ``5m``, ``1h``, ``7d``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from tiltmeter.core.policy import JoinPolicy
from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.settings.model import ModelSettings
from tiltmeter.settings.section import Duration, Section
from tiltmeter.settings.section import default as _default

__all__ = ["ModelSettings", "Settings", "load"]


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
