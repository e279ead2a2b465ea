"""The Python of the documentation runs, over the embedded broker, and what it sends is what the processor reads."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tiltmeter.emitter import Emitter
from tiltmeter.events.columns import LogRecord
from tiltmeter.events.decode import decode_feedback, decode_predictions
from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.kafka.embedded import EmbeddedBroker
from tiltmeter.kafka.reader import PartitionReader, TopicPartition

REPO = Path(__file__).parents[2]
PAGES = ["README.md", "docs/emitter.md", "docs/events.md", "docs/backtesting.md"]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
SERVERS = re.compile(r'"(?:kafka|broker):9092"')


class Model:
    """What a page calls ``model``."""

    def predict(self, features: dict[str, float]) -> bool:
        return sum(features.values()) > 0


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker({"tiltmeter.predictions": 1, "tiltmeter.feedback": 1}) as broker:
        yield broker


def run(page: str, broker: EmbeddedBroker) -> list[Emitter]:
    """All blocks of a page, one after the other in one namespace, as a reader would type them; the emitters made."""
    emitters: list[Emitter] = []
    names: dict[str, Any] = {"features": {"tenure": 3.0}, "model": Model()}
    for number, block in enumerate(BLOCK.findall((REPO / page).read_text())):
        code = SERVERS.sub(repr(broker.bootstrap_servers), textwrap.dedent(block))
        exec(compile(code, f"{page}, block {number}", "exec"), names)
        emitters += [v for v in names.values() if isinstance(v, Emitter) and v not in emitters]
    return emitters


def records(broker: EmbeddedBroker, topic: str) -> list[LogRecord]:
    with PartitionReader(KafkaConnection(broker.bootstrap_servers)) as reader:
        return [r for batch in reader.read_to_end(TopicPartition(topic, 0)) for r in batch]


@pytest.mark.parametrize("page", [page for page in PAGES if BLOCK.search((REPO / page).read_text())])
def test_the_python_of_a_page_runs_and_what_it_sends_is_accepted(page: str, broker: EmbeddedBroker) -> None:
    for emitter in run(page, broker):
        assert emitter.close(30)
    for decode, topic in (
        (decode_predictions, "tiltmeter.predictions"),
        (decode_feedback, "tiltmeter.feedback"),
    ):
        sent = records(broker, topic)
        columns, rejected = decode(sent)
        assert sent
        assert rejected == []
        assert (len(columns), columns.imperfect) == (len(sent), {})


def test_the_pages_that_show_python_are_run() -> None:
    assert {page for page in PAGES if BLOCK.search((REPO / page).read_text())} >= {
        "README.md",
        "docs/emitter.md",
    }
