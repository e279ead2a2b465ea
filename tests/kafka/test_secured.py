"""TLS and SASL, spoken with a real broker through both clients: librdkafka, and aiokafka under Faust."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from kafka.e2e.exposition import Exposition
from kafka.e2e.polling import eventually
from kafka.e2e.worker import Worker, environment
from kafkabroker import KafkaUnavailableError, LocalCluster, start_broker
from kafkabroker.fixtures import absent
from kafkabroker.security import Certificates, Security
from tiltmeter.cli.main import cli
from tiltmeter.kafka.admin import TopicAdmin
from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.kafka.errors import BrokerUnreachableError

pytestmark = pytest.mark.kafka

USER, PASSWORD = "watcher", "hush-hush"

_CONFIGURATION = """\
[kafka]
bootstrap_servers = "{bootstrap}"
topic_prefix = "{prefix}"
{kafka}

[topics]
partitions = 2

[watermark]
delay = "1s"
idle_after = "2s"

[processor]
group = "{prefix}"

[default]
pane = "1s"
"""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    try:
        return Certificates.make(tmp_path_factory.mktemp("certificates"))
    except KafkaUnavailableError as error:
        absent(error)
        raise


@pytest.fixture(scope="module")
def secured(certificates: Certificates) -> Iterator[LocalCluster]:
    try:
        started = start_broker(security=Security(certificates, {USER: PASSWORD}))
    except KafkaUnavailableError as error:
        absent(error)
        return
    assert isinstance(started, LocalCluster)
    with started:
        yield started


class Operator:
    """Types commands with one configuration; the password comes from the environment."""

    def __init__(
        self, folder: Path, bootstrap: str, prefix: str, password: str = PASSWORD, **kafka: object
    ) -> None:
        self.configuration = folder / "tiltmeter.toml"
        lines = "\n".join(f'{key} = "{value}"' for key, value in kafka.items())
        self.configuration.write_text(_CONFIGURATION.format(bootstrap=bootstrap, prefix=prefix, kafka=lines))
        self.variables = {"TILTMETER_KAFKA__SASL_PASSWORD": password} if "sasl_mechanism" in kafka else {}

    def types(self, *command: str, stdin: bytes = b"") -> Result:
        return CliRunner().invoke(cli, ["--config", str(self.configuration), *command], stdin, self.variables)

    def runs(self) -> tuple[int, str]:
        """`tiltmeter run` in a process of its own: exit code and everything printed."""
        done = subprocess.run(
            [sys.executable, "-m", "tiltmeter", "--config", str(self.configuration), "run", "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**environment(), **self.variables},
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout.decode()


def _settings(mode: str, secured: LocalCluster, certificates: Certificates) -> tuple[str, dict[str, object]]:
    authority = {"ssl_ca_location": certificates.path("ca.pem")}
    if mode == "mutual TLS":
        pair = {
            "ssl_certificate_location": certificates.path("client.pem"),
            "ssl_key_location": certificates.path("client.key"),
        }
        return secured.mutual_bootstrap, {"security_protocol": "SSL", **authority, **pair}
    sasl = {"security_protocol": "SASL_SSL", "sasl_mechanism": mode, "sasl_username": USER}
    return secured.sasl_bootstrap, {**sasl, **authority}


@pytest.mark.parametrize("mode", ["SCRAM-SHA-256", "PLAIN", "mutual TLS"])
def test_topics_events_and_a_whole_worker(
    mode: str, secured: LocalCluster, certificates: Certificates, topic_prefix: str, tmp_path: Path
) -> None:
    bootstrap, kafka = _settings(mode, secured, certificates)
    operator = Operator(tmp_path, bootstrap, topic_prefix, **kafka)
    assert operator.types("topics", "create").exit_code == 0
    with Worker(operator.configuration, tmp_path / "worker.log", **operator.variables) as worker:
        worker.await_ready()
        sent = operator.types("emit", stdin=_events(50))
        assert (sent.exit_code, sent.output) == (0, "50 predictions and 50 feedback events sent\n")

        def counted() -> bool:
            metrics = Exposition([(worker.get("/metrics") or b"").decode()])
            labels = metrics.total("tiltmeter_feedback_total", model="m", outcome="matched")
            return (metrics.total("tiltmeter_predictions_total", model="m"), labels) == (50.0, 50.0)

        eventually(counted, 30, worker.complaint)
        assert worker.stop() == 0, worker.complaint()
    assert PASSWORD not in worker.log.read_text()


def _events(count: int) -> bytes:
    """Within two panes of event time."""
    predictions = [
        {
            "prediction_id": str(i),
            "model": "m",
            "at": 1_700_000_000_000 + i * 20,
            "features": {},
            "prediction": i % 2,
        }
        for i in range(count)
    ]
    labels = [{"prediction_id": str(i), "label": 1, "at": 1_700_000_000_000 + i * 20} for i in range(count)]
    return b"\n".join(orjson.dumps(event) for event in predictions + labels)


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ("password", ("SASL authentication error", "kafka.sasl_username", "TILTMETER_KAFKA__SASL_PASSWORD")),
        ("authority", ("certificate verify failed", "kafka.ssl_ca_location")),
        ("no certificate", ("SSL alert", "kafka.ssl_certificate_location")),
    ],
)
def test_who_is_refused_reads_what_to_do(
    mistake: str,
    said: tuple[str, ...],
    secured: LocalCluster,
    certificates: Certificates,
    topic_prefix: str,
    tmp_path: Path,
) -> None:
    bootstrap, kafka = _settings("SCRAM-SHA-256", secured, certificates)
    password = PASSWORD
    if mistake == "password":
        password = "guessed-wrong"
    elif mistake == "authority":
        kafka["ssl_ca_location"] = certificates.path("stranger.pem")
    else:
        bootstrap = secured.mutual_bootstrap
        kafka = {"security_protocol": "SSL", "ssl_ca_location": certificates.path("ca.pem")}
    operator = Operator(tmp_path, bootstrap, topic_prefix, password, **kafka)
    checked = operator.types("check", "--show")
    for code, output in ((checked.exit_code, checked.output), operator.runs()):
        assert code == 1, output
        assert [part for part in said if part not in output] == [], output
        assert "Traceback" not in output
        assert PASSWORD not in output
        assert "guessed-wrong" not in output


def test_who_speaks_plainly_to_a_listener_with_tls_reads_which_setting_it_may_be(
    secured: LocalCluster,
) -> None:
    """Not what it is for certain: a broker that goes away looks the same."""
    with pytest.raises(BrokerUnreachableError, match=r"Check .*security_protocol"):
        TopicAdmin(KafkaConnection(secured.sasl_bootstrap), timeout_seconds=1).partition_counts(["any"])
