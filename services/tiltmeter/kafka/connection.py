"""Where the brokers are and how we prove who we are, as librdkafka wants to hear it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tiltmeter.kafka.errors import ConnectionSettingsError

Config = dict[str, str | int | float | bool]

PROTOCOLS = ("plaintext", "ssl", "sasl_plaintext", "sasl_ssl")

#: What this package promises its callers; ``extra`` may tune anything else.
PROMISED = frozenset(
    {
        "acks",
        "bootstrap.servers",
        "enable.auto.commit",
        "enable.idempotence",
        "enable.partition.eof",
        "isolation.level",
        "partitioner",
        "request.required.acks",
        "transactional.id",
    }
)


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """``extra`` holds further librdkafka properties by their own names, for example ``client.rack``.

    Raises ConnectionSettingsError for a combination that cannot work.
    """

    bootstrap_servers: str
    security_protocol: str = "plaintext"
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password: str | None = field(default=None, repr=False)
    ssl_ca_location: str | None = None
    ssl_certificate_location: str | None = None
    ssl_key_location: str | None = None
    extra: Mapping[str, str | int | float | bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.bootstrap_servers.strip():
            raise ConnectionSettingsError("bootstrap_servers", "is empty, expected host:port[,host:port...]")
        if self.security_protocol.lower() not in PROTOCOLS:
            allowed = ", ".join(PROTOCOLS)
            raise ConnectionSettingsError(
                "security_protocol", f"{self.security_protocol!r} is none of {allowed}"
            )
        sasl = self.security_protocol.lower().startswith("sasl")
        if sasl and self.sasl_mechanism is None:
            raise ConnectionSettingsError("sasl_mechanism", "is needed with a sasl security_protocol")
        if sasl and not (self.sasl_username and self.sasl_password):
            raise ConnectionSettingsError(
                "sasl_username", "and sasl_password are needed with a sasl security_protocol"
            )
        if not sasl and (self.sasl_mechanism or self.sasl_username or self.sasl_password):
            # Silently unused credentials look like security.
            raise ConnectionSettingsError("sasl_*", f"has no effect with {self.security_protocol!r}")
        ssl = (self.ssl_ca_location, self.ssl_certificate_location, self.ssl_key_location)
        if not self.security_protocol.lower().endswith("ssl") and any(ssl):
            raise ConnectionSettingsError("ssl_*", f"has no effect with {self.security_protocol!r}")
        if (self.ssl_certificate_location is None) != (self.ssl_key_location is None):
            raise ConnectionSettingsError("ssl_certificate_location", "and ssl_key_location go together")
        taken = sorted(PROMISED & set(self.extra))
        if taken:
            raise ConnectionSettingsError("extra", f"may not set {', '.join(taken)}: exactness rests on them")

    def librdkafka(self) -> Config:
        """The properties every client of ours starts from."""
        named = {
            "sasl.mechanism": self.sasl_mechanism,
            "sasl.username": self.sasl_username,
            "sasl.password": self.sasl_password,
            "ssl.ca.location": self.ssl_ca_location,
            "ssl.certificate.location": self.ssl_certificate_location,
            "ssl.key.location": self.ssl_key_location,
        }
        return {
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": self.security_protocol.lower(),
            "client.id": "tiltmeter",
            # librdkafka writes each failed attempt to connect to the terminal, twenty a second; callers get it once,
            # as an exception that says what to do.
            "log_level": 2,
            **{key: value for key, value in named.items() if value is not None},
            **self.extra,
        }
