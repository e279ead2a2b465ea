"""Models in every state the page knows, brought there by events through the real join and the real watchers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import orjson
from numpy.random import Generator

from tiltmeter.core.join.joiner import Joiner
from tiltmeter.core.join.memory_store import MemoryStore
from tiltmeter.core.panes.messages import pane_message, watermark_message
from tiltmeter.core.policy import JoinPolicy, ModelPolicy, Tolerances
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.events.columns import LogRecord
from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.kafka.producer import LogProducer
from tiltmeter.kafka.topics import TopicNames
from tiltmeter.processor.join_partition import JoinPartition
from tiltmeter.processor.join_stage import JoinStage
from tiltmeter.processor.stage import Batch
from tiltmeter.processor.watch_partition import WatchPartition
from tiltmeter.processor.watch_stage import WatchStage

START, SECOND = 1_767_786_000_000, 1_000
EVIL = '<img src=x onerror="document.title=1337"><script>document.title=1337</script>'
CONNECTION, NAMES = KafkaConnection("nowhere:9092"), TopicNames()
POLICY = JoinPolicy(
    delay_ms=SECOND,
    default=ModelPolicy(
        pane_ms=SECOND, windows={"short": 10, "medium": 60}, tolerances=Tolerances(learning_panes=0)
    ),
    models={
        "churn": ModelPolicy(
            pane_ms=SECOND,
            windows={"short": 10, "medium": 60},
            tolerances=Tolerances(learning_panes=0),
            segments={"channel": ("web", "branch")},
        ),
        "still-learning": ModelPolicy(pane_ms=SECOND, windows={"short": 10, "medium": 60}),
        **{
            name: ModelPolicy(
                pane_ms=SECOND,
                windows={"short": 10, "medium": 60},
                tolerances=Tolerances(learning_panes=0),
                segments={"channel": ("web", "app")},
                from_first=from_first,
            )
            for name, from_first in (("fails-in-one", 0), ("learns-and-fails", 400))
        },
        "soon-mature": ModelPolicy(
            pane_ms=SECOND,
            windows={"short": 10, "medium": 60},
            tolerances=Tolerances(learning_panes=0),
            maturities=(60 * SECOND,),
        ),
    },
)
#: In the order the page must list them.
ORDER = ["credit-risk", EVIL, "churn", "house-prices", "no-labels", "no-reference"]


@dataclass(frozen=True)
class Model:
    """``drifts`` and ``breaks``: from which second on, and in which channel ``only``. ``more``: further features, of
    noise."""

    name: str
    drifts: int = 1_000
    breaks: int = 1_000
    only: str = ""
    labels: bool = True
    reference: bool = True
    feature: str = "basket_value"
    category: str = "web"
    regression: bool = False
    more: int = 0

    def row(self, random: Generator, second: int) -> tuple[dict[str, float | str], Any, Any]:
        """(features, prediction, label)"""
        shift = 1.0 * (second >= self.drifts)
        score = float(random.beta(2, 3))
        features: dict[str, float | str] = {
            self.feature: float(np.exp(random.normal(3.5 + 0.8 * shift, 0.8))),
            "age": int(random.integers(18, 85)),
            "income": float(random.lognormal(10.4, 1.2)),
            "visits": int(random.poisson(2)),
            "new_customer": int(random.random() < 0.3),
            "channel": str(random.choice([self.category, "app", "branch"], p=(0.5, 0.35, 0.15))),
        }
        features.update({f"noise_{i:02}": float(random.normal()) for i in range(self.more)})
        if self.regression:
            return features, 100 * score, 100 * score + float(random.normal(0, 5))
        broken = second >= self.breaks and self.only in ("", features["channel"])
        error_rate = 0.3 if broken else 0.06
        prediction = int(score > 0.5)
        return features, prediction, prediction if random.random() >= error_rate else 1 - prediction


MODELS = [
    Model("churn"),
    Model("credit-risk", drifts=25, breaks=40),
    Model("house-prices", regression=True),
    Model("no-labels", labels=False),
    Model("no-reference", reference=False),
    Model(EVIL, drifts=30, feature=EVIL, category=EVIL),
]


class Acknowledging:
    """Takes the place of the producer at its port: everything is delivered at once."""

    async def produce(self, *_: object) -> asyncio.Future[int]:
        delivered: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        delivered.set_result(0)
        return delivered


@dataclass
class Worker:
    """A worker's two stages, without the engine that would run them. ``seconds`` have been played."""

    models: list[Model] = field(default_factory=lambda: list(MODELS))
    rate: int = 150
    seconds: int = 0

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(7)
        references = ReferenceBook(map(_reference, (m for m in self.models if m.reference)))
        self.join = JoinStage(
            connection=CONNECTION,
            names=NAMES,
            partitions=1,
            panes_partitions=1,
            policy=POLICY,
            references=references,
            open_store=lambda _: MemoryStore(),
            idle_after_ms=SECOND,
        )
        self.watch = WatchStage(
            connection=CONNECTION, names=NAMES, policy=POLICY, references=references, snapshot_seconds=1e9
        )
        producer = cast(LogProducer, Acknowledging())
        self._joiner = Joiner(0, MemoryStore(), POLICY, references)
        self.join.owned[0] = JoinPartition(self._joiner, CONNECTION, NAMES, producer, 1, 1)
        self.watch.owned[0] = WatchPartition(0, NAMES, producer, POLICY, references, 1e9)
        self.watch.owned[0].caught_up = True
        self._offset = 0

    async def play(self, seconds: int) -> None:
        """Let time pass."""
        for second in range(self.seconds, self.seconds + seconds):
            await self._fold(list(self._second(second)))
        self.seconds += seconds

    async def _fold(self, messages: list[bytes]) -> None:
        records = [LogRecord(self._offset + i, 0, None, value) for i, value in enumerate(messages)]
        start, self._offset = self._offset, self._offset + len(records)
        await self.watch.owned[0].process(Batch(NAMES.panes, 0, start, self._offset, records))

    def _second(self, second: int) -> Iterator[bytes]:
        """The events of one second through the join; what it says to WATCH."""
        sides: dict[str, list[tuple[int, bytes]]] = {"predictions": [], "feedback": []}
        for model in self.models:
            for i in range(self.rate):
                at = START + second * SECOND + i * SECOND // self.rate
                features, prediction, label = model.row(self._random, second)
                about = {"prediction_id": f"{model.name[:20]}-{second}-{i}", "at": at}
                event = {**about, "model": model.name, "version": "7", "features": features}
                event["segments"] = {"channel": features["channel"]}
                sides["predictions"].append((at, orjson.dumps({**event, "prediction": prediction})))
                if model.labels:
                    sides["feedback"].append((at, orjson.dumps({**about, "label": label})))
        if not any(model.labels for model in self.models):  # labels' time must pass, too
            stranger = orjson.dumps({"prediction_id": f"stranger-{second}", "at": at, "label": 1})
            sides["feedback"].append((at, stranger))
        for side, events in sides.items():
            first = self._joiner.positions()[side] or 0
            records = [LogRecord(first + i, at, None, value) for i, (at, value) in enumerate(sorted(events))]
            decision, rejected = self._joiner.decide(side, first, first + len(records), records)
            assert not rejected
            self._joiner.apply(decision, self._joiner.state.log_next)
        yield from (pane_message(pane, 0, 0) for pane in self._joiner.outbox())
        self._joiner.confirm(self._joiner.watermarks())
        yield watermark_message(0, 1, 0, self._joiner.watermarks())


def _reference(model: Model) -> Any:
    random = np.random.default_rng(1)
    rows = [model.row(random, 0) for _ in range(8_000)]
    return build_reference(
        {name: [row[0][name] for row in rows] for name in rows[0][0]},
        model=model.name,
        version="7",
        predictions=[row[1] for row in rows],
        labels=[row[2] for row in rows],
    )
