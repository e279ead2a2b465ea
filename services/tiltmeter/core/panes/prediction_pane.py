"""A prediction pane: what the predictions of one (model, version, segment, time bucket) looked like."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tiltmeter.core.panes.answers import Answers
from tiltmeter.core.panes.counts_wire import counts_from_wire, counts_to_wire, counts_to_wire_unpacked
from tiltmeter.core.panes.embedding_counts import EmbeddingCounts
from tiltmeter.core.panes.feature_counts import FeatureCounts
from tiltmeter.core.panes.joint_counts import JointCounts
from tiltmeter.core.panes.kept_names import MOST_FEATURES, MOST_TEXTS, only_kept
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.events.columns import Int64

#: Scores fall into ten equal bins of [0, 1]; what lies outside goes to the outer bins.
SCORE_BINS = 10
#: Upper limits of the latency buckets, seconds; the last bucket is open.
LATENCY_LIMITS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LATENCY_LIMITS_US = tuple(int(limit * 1e6) for limit in LATENCY_LIMITS_SECONDS)


def _zeros(n: int) -> Int64:
    return np.zeros(n, dtype=np.int64)


@dataclass(slots=True)
class PredictionPane:
    """All fields are integers and merge by ``+``; ``output`` holds the predictions themselves, counted like a
    feature (bins for numbers, categories for classes). ``expectations`` counts, per feature of which a user
    expects something, the cells that broke it (:data:`tiltmeter.core.expectations.VIOLATIONS`); it needs no
    reference. ``lifted``: closed or filled under a lifted watermark (semantics 5), so a replay may place events
    differently. ``joint`` is absent where the reference has no joint profile, or the model's policy asks for
    none; ``embedding``, too, and where no row was sampled."""

    key: PaneKey
    reference_id: str = ""
    events: int = 0
    weight: int = 0
    errors: int = 0
    unknown_features: int = 0
    features: dict[str, FeatureCounts] = field(default_factory=dict)
    output: FeatureCounts = field(default_factory=FeatureCounts)
    scores: Int64 = field(default_factory=lambda: _zeros(SCORE_BINS))
    latencies: Int64 = field(default_factory=lambda: _zeros(len(LATENCY_LIMITS_SECONDS) + 1))
    latency_us: int = 0
    expectations: dict[str, Int64] = field(default_factory=dict)
    answers: Answers = field(default_factory=Answers)
    lifted: bool = False
    joint: JointCounts | None = None
    embedding: EmbeddingCounts | None = None

    def add(self, other: PredictionPane, sign: int = 1) -> None:
        """Merge a pane of the same reference; ``sign=-1`` takes one out of a window again."""
        if other.reference_id != self.reference_id:
            raise ValueError(f"panes of different references: {self.reference_id!r}, {other.reference_id!r}")
        self.events += sign * other.events
        self.weight += sign * other.weight
        self.errors += sign * other.errors
        self.unknown_features += sign * other.unknown_features
        self._add_features(other, sign)
        if sign == 1:
            self.scores, self.latencies = self.scores + other.scores, self.latencies + other.latencies
        else:
            self.scores, self.latencies = self.scores - other.scores, self.latencies - other.latencies
        self.latency_us += sign * other.latency_us
        for name, broken in other.expectations.items():
            known = self.expectations.get(name)
            self.expectations[name] = sign * broken if known is None else known + sign * broken
        self.answers.add(other.answers, sign)
        self.lifted = self.lifted or other.lifted
        if other.joint is not None:
            if self.joint is None:
                self.joint = JointCounts.empty(other.joint.sums.size)
            self.joint.add(other.joint, sign)
        if other.embedding is not None:
            if self.embedding is None:
                self.embedding = EmbeddingCounts.empty()
            self.embedding.add(other.embedding, sign)

    def _add_features(self, other: PredictionPane, sign: int) -> None:
        for name, counts in other.features.items():
            mine = self.features.get(name)
            if mine is None:
                mine = self.features[name] = FeatureCounts()
            mine.add(counts, sign)
        self.output.add(other.output, sign)
        if not self.reference_id:
            self._keep_within_bounds()

    def _keep_within_bounds(self) -> None:
        """Without a reference names come from the stream, and panes that each keep to the bounds may not together."""
        self.features = only_kept(self.features, MOST_FEATURES)
        for counts in (*self.features.values(), self.output):
            if counts.categories is not None:
                counts.categories = only_kept(counts.categories, MOST_TEXTS)

    def to_wire(self, packed: bool = True) -> dict[str, Any]:
        """JSON-able; features in name order, so equal panes give equal bytes. ``packed=False``: longer and faster,
        for what is read by its own partition only."""
        names = sorted(self.features)
        spell = counts_to_wire if packed else counts_to_wire_unpacked
        (*features, output), joint = spell([*map(self.features.__getitem__, names), self.output], self.joint)
        wire: dict[str, Any] = {
            "kind": "prediction",
            "model": self.key.model,
            "version": self.key.version,
            "segment": self.key.segment,
            "start": self.key.start_ms,
            "width": self.key.width_ms,
            "reference_id": self.reference_id,
            "events": self.events,
            "weight": self.weight,
            "errors": self.errors,
            "unknown_features": self.unknown_features,
            "features": dict(zip(names, features, strict=True)),
            "output": output,
            "scores": self.scores.tolist(),
            "latencies": self.latencies.tolist(),
            "latency_us": self.latency_us,
            "lifted": self.lifted,
        }
        if self.expectations:
            wire["expectations"] = {
                name: self.expectations[name].tolist() for name in sorted(self.expectations)
            }
        if self.answers:
            wire["answers"] = self.answers.to_wire()
        if joint is not None:
            wire["joint"] = joint
        if self.embedding is not None and self.embedding.rows:
            wire["embedding"] = self.embedding.to_wire()
        return wire

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> PredictionPane:
        key = PaneKey(wire["start"], wire["width"], wire["model"], wire["version"], wire["segment"])
        by_name = wire["features"]
        (*features, output), joint = counts_from_wire([*by_name.values(), wire["output"]], wire.get("joint"))
        return cls(
            key=key,
            reference_id=wire["reference_id"],
            events=wire["events"],
            weight=wire["weight"],
            errors=wire["errors"],
            unknown_features=wire["unknown_features"],
            features=dict(zip(by_name, features, strict=True)),
            output=output,
            scores=np.array(wire["scores"], dtype=np.int64),
            latencies=np.array(wire["latencies"], dtype=np.int64),
            latency_us=wire["latency_us"],
            expectations={
                name: np.array(broken, dtype=np.int64)
                for name, broken in wire.get("expectations", {}).items()
            },
            answers=Answers.from_wire(wire["answers"]) if "answers" in wire else Answers(),
            lifted=wire["lifted"],
            joint=joint,
            embedding=EmbeddingCounts.from_wire(wire["embedding"]) if "embedding" in wire else None,
        )
