"""Sampling is a function of the id, and every kept event says how many it stands for."""

from __future__ import annotations

import os
from typing import Any

import orjson
import pytest

from tiltmeter.emitter import Emitter
from tiltmeter.emitter.memory import MemoryTransport
from tiltmeter.emitter.sampling import Sampler


def sampled(rate: float) -> tuple[Emitter, MemoryTransport]:
    transport = MemoryTransport()
    return Emitter("unused:1", model="m", sample_rate=rate, open_transport=lambda: transport), transport


def test_a_kept_event_carries_its_weight_and_an_unsampled_one_none() -> None:
    for rate, weight in ((1.0, None), (0.25, 4), (1 / 3, 3)):
        emitter, transport = sampled(rate)
        for number in range(50):
            emitter.prediction({}, 1, prediction_id=f"p{number}")
        emitter.close()
        events: list[dict[str, Any]] = [
            orjson.loads(value) for value in transport.values("tiltmeter.predictions")
        ]
        assert {event.get("weight") for event in events} == {weight}
        stats = emitter.stats()
        assert stats.accepted + stats.sampled_out == 50


def test_prediction_and_feedback_of_one_id_share_their_fate_in_any_process() -> None:
    serving, predictions = sampled(0.1)
    labelling, feedback = sampled(0.1)
    identities = [f"order-{number}" for number in range(1000)]
    for identity in identities:
        assert serving.prediction({}, 1, prediction_id=identity) == identity
    kept = [identity for identity in identities if labelling.feedback(identity, 1)]
    serving.close()
    labelling.close()
    assert [event.key.decode() for event in predictions.delivered] == kept
    assert [event.key.decode() for event in feedback.delivered] == kept
    assert labelling.stats().sampled_out == 1000 - len(kept)


@pytest.mark.parametrize("weight", [2, 3, 10, 16, 100])
@pytest.mark.parametrize("name", ["order-%d", "%032x", "random"])
def test_one_in_n_ids_is_kept_whatever_they_look_like(weight: int, name: str) -> None:
    count = 100_000
    sampler = Sampler(1 / weight)
    names = (os.urandom(16).hex() if name == "random" else name % number for number in range(count))
    kept = sum(sampler.keeps(identity.encode()) for identity in names)
    deviation = (count / weight * (1 - 1 / weight)) ** 0.5
    assert abs(kept - count / weight) < 5 * deviation


def test_a_rate_without_an_integer_weight_is_refused_with_the_nearest_usable_ones() -> None:
    with pytest.raises(
        ValueError, match=r"nearest usable rates are 0\.25 \(one in 4\) and 0\.333\d+ \(one in 3\)"
    ):
        Sampler(0.3)


@pytest.mark.parametrize("rate", [0.0, -0.5, 1.5, float("nan"), float("inf")])
def test_a_rate_outside_its_range_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="lies in"):
        Sampler(rate)
