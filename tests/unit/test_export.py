"""``tiltmeter export`` and back, over the embedded broker (``tests/kafka/test_export.py`` has times and alerts)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from tiltmeter.archive.read import archived_partitions
from tiltmeter.cli.main import cli
from tiltmeter.kafka.blocking_producer import BlockingProducer
from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.kafka.embedded import EmbeddedBroker
from tiltmeter.kafka.topics import TopicNames

NAMES = TopicNames("t")
START = 1_767_225_600_000
SOURCES = {NAMES.predictions: 3, NAMES.feedback: 3, NAMES.references: 1}


@dataclass(frozen=True)
class Scene:
    connection: KafkaConnection
    folder: Path

    def run(self, *arguments: str) -> Result:
        path = self.folder / "tiltmeter.toml"
        path.write_text(
            f'[kafka]\nbootstrap_servers = "{self.connection.bootstrap_servers}"\ntopic_prefix = "t"\n'
        )
        return CliRunner().invoke(cli, ["--config", str(path), *arguments])

    def fill(self) -> None:
        """Partition 2 gets nothing; some events are unusable, some come with headers."""
        with BlockingProducer(self.connection) as producer:
            for n in range(600):
                at, key, partition = START + n * 1_000, b"p%d" % n, n % 2
                event = {"prediction_id": f"p{n}", "model": f"m{n % 3}", "at": at, "prediction": n % 2}
                event["features"] = {"x": n}
                headers = [("traceparent", b"00-1"), ("empty", b""), ("none", None)] if n % 5 == 0 else []
                value = b"not json" if n % 97 == 0 else orjson.dumps(event)
                producer.produce(NAMES.predictions, partition, key, value, headers, timestamp_ms=at)
                label = orjson.dumps({"prediction_id": f"p{n}", "at": at + 500, "label": 1})
                producer.produce(
                    NAMES.feedback, partition, key, None if n % 101 == 0 else label, timestamp_ms=at + 500
                )


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with EmbeddedBroker(SOURCES) as broker:
        yield Scene(KafkaConnection(broker.bootstrap_servers), tmp_path)


def test_a_backtest_over_the_archive_writes_the_bytes_of_one_over_the_topics(scene: Scene) -> None:
    scene.fill()
    exported = scene.run("export", "--to", str(scene.folder / "archive"), "--rows-per-file", "70")
    assert exported.exit_code == 0, exported.output
    assert "t.predictions: 600 records" in exported.stdout
    assert "t.feedback: 600 records" in exported.stdout
    topics = scene.run("backtest")
    archive = scene.run("backtest", "--archive", str(scene.folder / "archive"))
    assert topics.exit_code == archive.exit_code == 0, topics.output + archive.output
    assert archive.stdout_bytes == topics.stdout_bytes
    summary = orjson.loads(topics.stdout_bytes.splitlines()[-1])
    assert summary["records"] == 1_200
    assert summary["pane"] > 10
    assert summary["rejected"] == 7 + 6


def test_key_value_headers_and_time_are_the_producer_s(scene: Scene) -> None:
    scene.fill()
    assert scene.run("export", "--topic", "predictions", "--to", str(scene.folder / "a")).exit_code == 0
    parts = archived_partitions(scene.folder / "a", "predictions")
    assert [part.count for part in parts] == [300, 300, 0]
    first = next(parts[0].records())
    assert first == (0, START, b"p0", b"not json", (("traceparent", b"00-1"), ("empty", b""), ("none", None)))
    assert not (scene.folder / "a" / "feedback").exists()


def test_a_second_export_needs_to_be_told_to_overwrite(scene: Scene) -> None:
    target = str(scene.folder / "a")
    assert scene.run("export", "--to", target).exit_code == 0
    scene.fill()
    again = scene.run("export", "--to", target)
    assert again.exit_code == 2
    assert "--overwrite" in again.stderr
    assert sum(part.count for part in archived_partitions(Path(target), "feedback")) == 0
    assert scene.run("export", "--to", target, "--overwrite").exit_code == 0
    assert sum(part.count for part in archived_partitions(Path(target), "feedback")) == 600


def test_a_topic_that_does_not_exist_ends_with_its_name_and_code_1(scene: Scene) -> None:
    failed = scene.run("export", "--topic", "alerts", "--to", str(scene.folder / "a"))
    assert failed.exit_code == 1
    assert "t.alerts" in failed.stderr
    assert not (scene.folder / "a").exists()


def test_a_folder_that_cannot_be_written_ends_with_code_1(scene: Scene) -> None:
    (scene.folder / "file").touch()
    failed = scene.run("export", "--to", str(scene.folder / "file" / "a"))
    assert failed.exit_code == 1
    assert "cannot be written" in failed.stderr


@pytest.mark.parametrize("time", ["noon", "2026-01-01T00:00:00", "-1", "99999999999999"])
def test_a_time_that_is_none_ends_with_code_2(scene: Scene, time: str) -> None:
    failed = scene.run("export", "--since", time, "--to", str(scene.folder / "a"))
    assert failed.exit_code == 2
    assert "2026-01-01T00:00:00Z" in failed.stderr


def test_a_backtest_has_one_source(scene: Scene) -> None:
    (scene.folder / "p.jsonl").touch()
    archive, file = ("--archive", str(scene.folder)), ("--predictions", str(scene.folder / "p.jsonl"))
    for options in ((*archive, *file), (*archive, "--from", "0"), (*file, "--to", "5")):
        assert scene.run("backtest", *options).exit_code == 2
    missing = scene.run("backtest", *archive)
    assert missing.exit_code == 1
    assert "tiltmeter export" in missing.stderr
