"""SIGKILL between any two steps of the commit order, then a restart.

(1) decide  (2) changelog  (3) local write  (4) output  (5) ack  (6) commit
         ^ 1-2     ^ 2  ^ 2-3           ^ 3-4       ^ 4-5    ^ 5-6      ^ 6-
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from kafka.engine_worker_process import wait_until
from kafka.engine_worker_scene import Scene
from kafkabroker import Broker

pytestmark = pytest.mark.kafka

NEVER, OFTEN = 3600.0, 0.1


@pytest.mark.parametrize(
    ("place", "commit_interval"),
    [
        ("1-2", OFTEN),
        ("2", OFTEN),
        ("2-3", OFTEN),
        ("3-4", OFTEN),
        ("4-5", OFTEN),
        ("5-6", NEVER),
        ("6-", OFTEN),
    ],
)
def test_a_crash_there_neither_loses_nor_repeats_a_record(
    broker: Broker, topic_prefix: str, tmp_path: Path, place: str, commit_interval: float
) -> None:
    scene = Scene(broker.bootstrap, topic_prefix, tmp_path, partitions=2)
    scene.produce(300)
    # A stable member id: the restarted worker need not wait for its old session to end.
    options = {"member_id": "one", "commit_interval": commit_interval}
    with scene.worker("w", signals={place: "5:SIGKILL"}, options=options) as victim:
        assert victim.wait() == -signal.SIGKILL
        assert victim.saw("signal", place=place)
    committed = scene.committed()
    assert committed == {} if commit_interval == NEVER else all(committed.values())

    scene.produce(100)
    with scene.worker("w", options=options) as heir:
        wait_until(lambda: scene.done(victim, heir))
        assert heir.stop() == 0
    scene.assert_exactly_once()
    scene.assert_local_state("w")
    scene.assert_output_complete()
    assert scene.committed() == scene.produced
