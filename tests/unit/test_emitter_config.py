"""What callers may choose about the producer, and what is refused before anything runs."""

from __future__ import annotations

from typing import Any

import pytest

from tiltmeter.emitter import Emitter
from tiltmeter.emitter.producer_config import producer_config


def config(**overrides: Any) -> dict[str, Any]:
    return producer_config(
        "b:1", {key.replace("_", "."): value for key, value in overrides.items()}, 10, 4096
    )


def test_the_promises_are_in_the_configuration() -> None:
    found = config()
    assert found["partitioner"] == "murmur2_random"
    assert found["enable.idempotence"] is True
    assert found["acks"] == "all"
    assert found["compression.type"] == "lz4"
    assert found["linger.ms"] == 20
    assert (found["queue.buffering.max.messages"], found["queue.buffering.max.kbytes"]) == (10, 5)


def test_a_caller_may_tune_and_authenticate() -> None:
    found = config(linger_ms=5, security_protocol="SASL_SSL", acks=-1)
    assert (found["linger.ms"], found["security.protocol"], found["acks"]) == (5, "SASL_SSL", "all")


@pytest.mark.parametrize("partitioner", ["consistent_random", "random", "murmur2", "fnv1a", None])
def test_another_partitioner_is_refused_at_construction(partitioner: str | None) -> None:
    with pytest.raises(ValueError, match=r"'partitioner'.*'murmur2_random'.*different partitions.*Remove it"):
        Emitter("b:1", model="m", config={"partitioner": partitioner})


def test_naming_the_partitioner_it_uses_anyway_is_allowed() -> None:
    Emitter("b:1", model="m", config={"partitioner": "murmur2_random"})


@pytest.mark.parametrize(
    ("key", "value"), [("acks", 1), ("request.required.acks", 0), ("enable.idempotence", False)]
)
def test_weaker_delivery_is_refused(key: str, value: object) -> None:
    with pytest.raises(ValueError, match="counts wrong"):
        Emitter("b:1", model="m", config={key: value})


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("bootstrap.servers", "bootstrap_servers"),
        ("metadata.broker.list", "bootstrap_servers"),
        ("queue.buffering.max.messages", "max_queue"),
        ("queue.buffering.max.kbytes", "max_queue_bytes"),
        ("on_delivery", "stats"),
        ("delivery.report.only.error", "stats"),
        ("transactional.id", "idempotent"),
        ("default.topic.config", "top level"),
    ],
)
def test_what_the_emitter_manages_itself_is_refused_with_the_right_name(key: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        Emitter("b:1", model="m", config={key: "x"})


@pytest.mark.parametrize(
    "options",
    [{"model": ""}, {"max_queue": 0}, {"max_queue_bytes": 0}, {"exit_timeout": -1}, {"sample_rate": 0.3}],
)
def test_impossible_options_are_refused_at_construction(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"model|max_queue|exit_timeout|sample_rate"):
        Emitter("b:1", **{"model": "m", **options})
