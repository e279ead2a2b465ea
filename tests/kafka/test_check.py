"""`tiltmeter check` and `tiltmeter topics` against a real broker: what an operator reads before the first start."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kafkabroker import Broker
from tiltmeter.cli.main import cli
from tiltmeter.kafka.admin import TopicAdmin
from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.kafka.topics import TopicNames, topic_specs

pytestmark = pytest.mark.kafka


class Operator:
    """Types commands against one broker and prefix."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self._env = {
            "TILTMETER_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
            "TILTMETER_KAFKA__TOPIC_PREFIX": prefix,
        }

    def types(self, *command: str, **more: str) -> Result:
        return CliRunner().invoke(cli, command, env={**self._env, **more})


@pytest.fixture
def operator(broker: Broker, topic_prefix: str) -> Operator:
    return Operator(broker.bootstrap, topic_prefix)


def test_before_the_topics_exist_check_fails_and_says_which_command_makes_them(operator: Operator) -> None:
    result = operator.types("check")
    assert result.exit_code == 1
    assert "tiltmeter topics create" in result.output


def test_after_topics_create_check_passes(operator: Operator) -> None:
    assert operator.types("topics", "create", "--partitions", "2").exit_code == 0
    result = operator.types("check")
    assert result.exit_code == 0, result.output
    assert "FAIL" not in result.output


def test_topics_create_twice_changes_nothing_and_another_count_is_a_visible_mismatch(
    operator: Operator,
) -> None:
    operator.types("topics", "create", "--partitions", "2")
    again = operator.types("topics", "create", "--partitions", "2")
    assert again.exit_code == 0
    assert "created" not in again.output
    other = operator.types("topics", "create", "--partitions", "3")
    assert other.exit_code == 1
    assert "partitions is 2, should be 3" in other.output


def test_emit_reads_gzipped_files_and_counts_what_is_no_event(operator: Operator, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl.gz"
    events = b'{"prediction_id": "a", "model": "m", "at": 1, "prediction": 1, "features": {}}\nbroken\n'
    path.write_bytes(gzip.compress(events))
    early = operator.types("emit", str(path))
    assert (early.exit_code, "tiltmeter topics create" in early.output) == (1, True)
    operator.types("topics", "create", "--partitions", "2")
    result = operator.types("emit", str(path))
    assert result.exit_code == 1
    assert "line 2: not JSON" in result.output
    assert "1 predictions and 0 feedback events sent" in result.output
    assert "1 line is no event" in result.output


def test_a_log_that_forgets_before_the_join_does_fails_the_check(operator: Operator) -> None:
    operator.types("topics", "create", "--partitions", "1")
    result = operator.types("check", TILTMETER_JOIN__RETENTION="90d")
    assert result.exit_code == 1
    assert "raise retention.ms" in result.output


def test_without_a_broker_check_says_so_and_ends() -> None:
    result = Operator("127.0.0.1:1", "nowhere").types("check")
    assert result.exit_code == 1
    assert "bootstrap_servers" in result.output


def test_an_unknown_key_exits_with_2_and_names_its_path(operator: Operator) -> None:
    result = operator.types("check", TILTMETER_WATERMARK__DELAY="soon")
    assert result.exit_code == 2
    assert "watermark.delay" in result.output


def test_secrets_are_masked(operator: Operator) -> None:
    result = operator.types(
        "check",
        "--show",
        TILTMETER_KAFKA__SASL_PASSWORD="hunter2",
        TILTMETER_KAFKA__SASL_MECHANISM="PLAIN",
        TILTMETER_KAFKA__SASL_USERNAME="u",
        TILTMETER_KAFKA__SECURITY_PROTOCOL="SASL_PLAINTEXT",
        TILTMETER_KAFKA__BOOTSTRAP_SERVERS="127.0.0.1:1",
    )
    assert "hunter2" not in result.output
    assert "**********" in result.output


def test_a_topic_made_by_hand_that_takes_too_small_records_is_named(
    operator: Operator, broker: Broker, topic_prefix: str
) -> None:
    names = TopicNames(topic_prefix)
    specs = topic_specs(names, source_partitions=1)
    small = [replace(s, config={}) if s.name == names.joinlog else s for s in specs]
    TopicAdmin(KafkaConnection(broker.bootstrap)).create(small)
    result = operator.types("check")
    assert result.exit_code == 1
    assert f"{names.joinlog} takes 1,048,588 bytes" in result.output
    assert "raise max.message.bytes" in result.output
