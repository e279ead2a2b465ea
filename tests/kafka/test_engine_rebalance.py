"""Partitions move between workers while batches are in flight."""

from __future__ import annotations

import itertools
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from kafka.engine_worker_process import WorkerProcess, wait_until
from kafka.engine_worker_scene import QUICK, Scene
from kafkabroker import Broker, create_topics

pytestmark = pytest.mark.kafka


def test_workers_come_and_go_while_records_flow(broker: Broker, topic_prefix: str, tmp_path: Path) -> None:
    """
    one    |==========|=====          =|=========   in flight at each border
    two               |=====|  leaves =|
    """
    scene = Scene(broker.bootstrap, topic_prefix, tmp_path, partitions=4)
    scene.produce(300)
    busy = {"batch_seconds": 0.05, "options": {"batch_records": 10}}
    with scene.worker("one", **busy) as one:
        wait_until(lambda: len(one.saw("batch")) >= 10)
        with scene.worker("two", **busy) as two:
            wait_until(lambda: len(one.owned()) == len(two.owned()) == 4)
            scene.produce(100)
            wait_until(lambda: len(two.saw("batch")) >= 10)
            assert two.stop() == 0
            wait_until(lambda: len(one.owned()) == 8)
            scene.produce(100)
            wait_until(lambda: scene.done(one, two))
            assert one.stop() == 0
            assert one.saw("fenced") == two.saw("fenced") == []
    scene.assert_exactly_once()
    scene.assert_output_complete()
    assert scene.committed() == scene.produced


@pytest.mark.parametrize("leaver", ["leader", "follower"])
def test_a_named_worker_comes_back_to_its_partitions_and_the_other_notices_nothing(
    broker: Broker, topic_prefix: str, tmp_path: Path, leaver: str
) -> None:
    """
    stayer    |======================================   opens its partitions once
    leaver    |======|  stops  |=====================   the same partitions as before
                      ^ within the session timeout
    """
    scene = Scene(broker.bootstrap, topic_prefix, tmp_path, partitions=4)

    def worker(name: str) -> WorkerProcess:
        return scene.worker(name, options={"member_id": name, "session_timeout": 30.0})

    with ExitStack() as stack:
        workers = {}
        for name in ("leader", "follower"):  # the first to come leads the group
            workers[name] = stack.enter_context(worker(name))
            wait_until(lambda: sum(len(w.owned()) for w in workers.values()) == 8)
        wait_until(lambda: {len(w.owned()) for w in workers.values()} == {4})
        left = workers.pop(leaver)
        (stayer,) = workers.values()
        theirs, opened, closed = left.owned(), len(stayer.saw("open")), len(stayer.saw("close"))
        scene.produce(50)
        wait_until(lambda: scene.done(stayer, left))
        assert left.stop() == 0
        scene.produce(50)
        again = stack.enter_context(worker(leaver))
        wait_until(lambda: scene.done(stayer, again))
        assert again.owned() == theirs
        assert (len(stayer.saw("open")), len(stayer.saw("close"))) == (opened, closed)
        assert [again.stop(), stayer.stop()] == [0, 0]
    scene.assert_exactly_once()


def test_a_zombie_s_late_writes_are_void(broker: Broker, topic_prefix: str, tmp_path: Path) -> None:
    """
    zombie  claim 1 ... decides | frozen                              | thawed: writes, is fenced, dies
    heir                              session ends, claim 2, goes on ...................
    """
    scene = Scene(broker.bootstrap, topic_prefix, tmp_path, partitions=1)
    scene.produce(300)
    with scene.worker("zombie", signals={"1-2": "4:SIGSTOP"}) as zombie:
        wait_until(lambda: zombie.saw("signal"))
        with scene.worker("heir") as heir:
            wait_until(lambda: scene.done(zombie, heir))
            zombie.send(signal.SIGCONT)
            assert zombie.wait() == 1
            assert zombie.saw("fenced")
            scene.produce(100)
            wait_until(lambda: scene.done(zombie, heir))
            assert heir.stop() == 0
    scene.assert_exactly_once()
    scene.assert_output_complete()


def test_partition_p_of_both_topics_is_always_on_one_worker(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    """1 -> 2 -> 1 (a crash) -> 3 -> 1 workers, beside a topic with another and one with the same partition count."""
    predictions, feedback, panes, same = names = [
        f"{topic_prefix}.{n}" for n in ("pred", "fb", "panes", "same")
    ]
    create_topics(broker.bootstrap, predictions, feedback, same, partitions=6)
    create_topics(broker.bootstrap, panes, partitions=4)
    everything = {(name, p) for name in names for p in range(4 if name == panes else 6)}

    def worker(name: str) -> WorkerProcess:
        config: dict[str, Any] = {
            "bootstrap": broker.bootstrap,
            "group": topic_prefix,
            "dir": str(tmp_path / name),
            "counting": [[predictions, feedback], [panes], [same]],
            "options": QUICK,
        }
        return WorkerProcess(config)

    def shared_fairly(*workers: WorkerProcess) -> bool:
        owned = [w.owned() for w in workers]
        apart = all(not a & b for a, b in itertools.combinations(owned, 2))
        return apart and set.union(*owned) == everything and all(owned)

    with worker("a") as a:
        wait_until(lambda: shared_fairly(a))
        with worker("b") as b:
            wait_until(lambda: shared_fairly(a, b))
        with worker("b") as b, worker("c") as c:
            wait_until(lambda: shared_fairly(a, b, c))
            for w in (a, b, c):
                joined = {topic: {p for t, p in w.owned() if t == topic} for topic in (predictions, feedback)}
                assert joined[predictions] == joined[feedback]
                assert len(joined[predictions]) == 2
            assert [b.stop(), c.stop()] == [0, 0]
            wait_until(lambda: shared_fairly(a))
        assert a.stop() == 0
