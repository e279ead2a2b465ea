"""Prometheus text as a mapping, read by Prometheus' own parser."""

from __future__ import annotations

import math
from collections.abc import Iterable

from prometheus_client.parser import text_string_to_metric_families


class Exposition:
    """``exposition("tiltmeter_x", model="m")`` is the one sample with these labels (others may be there too)."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._samples = [
            (sample.name, sample.labels, sample.value)
            for text in texts
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        ]

    def all(self, name: str, **labels: str) -> list[tuple[dict[str, str], float]]:
        return [(own, v) for n, own, v in self._samples if n == name and labels.items() <= own.items()]

    def total(self, name: str, **labels: str) -> float:
        return math.fsum(value for _, value in self.all(name, **labels))

    def __call__(self, name: str, **labels: str) -> float:
        found = self.all(name, **labels)
        assert len(found) == 1, f"{name}{labels}: {len(found)} samples"
        return found[0][1]
