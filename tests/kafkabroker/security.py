"""Listeners with TLS: SASL over TLS for users, and mutual TLS for certificates. Certificates by ``openssl``.

One authority signs the broker's certificate (for 127.0.0.1) and a client's; another one signs nothing that is used.
Kafka gets PEM text inside its properties, so that it needs no file of ours, also in a container.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kafkabroker.unavailable import KafkaUnavailableError

_MODULES = "org.apache.kafka.common.security"


@dataclass(frozen=True, slots=True)
class Certificates:
    """In one folder: ``ca.pem``; ``stranger.pem``, another authority; ``.pem`` and ``.key`` of broker and client."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Certificates:
        """Valid for a day; KafkaUnavailableError without openssl."""
        if shutil.which("openssl") is None:
            raise KafkaUnavailableError("openssl is not installed")
        made = cls(folder)
        for authority in ("ca", "stranger"):
            made._openssl(
                "req", "-x509", *_key(authority), "-subj", f"/CN={authority}", "-out", f"{authority}.pem"
            )
        for name in ("broker", "client"):
            issued = ("-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "subjectAltName=IP:127.0.0.1")
            made._openssl("req", "-x509", *_key(name), "-subj", f"/CN={name}", *issued, "-out", f"{name}.pem")
        return made

    def path(self, name: str) -> Path:
        return self.folder / name

    def text(self, name: str) -> str:
        """As one line of a properties file."""
        return self.path(name).read_text().strip().replace("\n", "\\n")

    def _openssl(self, *arguments: str) -> None:
        done = subprocess.run(
            ["openssl", *arguments], cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


def _key(name: str) -> tuple[str, ...]:
    return "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-days", "1"


@dataclass(frozen=True, slots=True)
class Security:
    """What a broker is started with: two more listeners. ``users`` maps names to passwords, for every mechanism."""

    certificates: Certificates
    users: Mapping[str, str]

    def properties(self, sasl_port: int, mutual_port: int) -> dict[str, str]:
        """Beside those of a plain node, whose ``listeners`` and protocols are extended by the caller."""
        plain = " ".join(f'user_{name}="{password}"' for name, password in self.users.items())
        certificates = self.certificates
        sasl = "listener.name.sasl"
        return {
            f"{sasl}.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            f"{sasl}.plain.sasl.jaas.config": f"{_MODULES}.plain.PlainLoginModule required {plain};",
            f"{sasl}.scram-sha-256.sasl.jaas.config": f"{_MODULES}.scram.ScramLoginModule required;",
            f"{sasl}.scram-sha-512.sasl.jaas.config": f"{_MODULES}.scram.ScramLoginModule required;",
            "listener.name.mutual.ssl.client.auth": "required",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.certificate.chain": certificates.text("broker.pem"),
            "ssl.keystore.key": certificates.text("broker.key"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.certificates": certificates.text("ca.pem"),
            "listeners": f"SASL://127.0.0.1:{sasl_port},MUTUAL://127.0.0.1:{mutual_port}",
            "listener.security.protocol.map": "SASL:SASL_SSL,MUTUAL:SSL",
        }

    def format_arguments(self) -> list[str]:
        """For Kafka's storage tool: SCRAM users live in the cluster's metadata."""
        return [
            argument
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
            for name, password in self.users.items()
            for argument in ("--add-scram", f"{mechanism}=[name={name},password={password}]")
        ]
