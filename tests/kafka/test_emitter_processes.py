"""Forks, pools and exits: each process delivers what it accepted, once, and nothing of another's."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import orjson
import pytest
from confluent_kafka import Consumer, TopicPartition

from kafkabroker import Broker, create_topics

pytestmark = pytest.mark.kafka

PREAMBLE = """
import os, sys, threading
from tiltmeter.emitter import Emitter
emitter = Emitter(sys.argv[1], model="m", topic_prefix=sys.argv[2], exit_timeout=20)
"""


def run(script: str, bootstrap: str, prefix: str) -> str:
    # Scripts in processes of their own: forking pytest would fork everybody else's threads too.
    command = [sys.executable, "-c", PREAMBLE + script, bootstrap, prefix]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def delivered(bootstrap: str, prefix: str) -> Counter[str]:
    topic = TopicPartition(f"{prefix}.predictions", 0, 0)
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "processes", "log_level": 0})
    end = consumer.get_watermark_offsets(topic, timeout=30)[1]
    consumer.assign([topic])
    messages = consumer.consume(end, timeout=30) if end else []
    consumer.close()
    return Counter(orjson.loads(message.value() or b"")["prediction_id"] for message in messages)


@pytest.fixture
def prefix(broker: Broker, topic_prefix: str) -> str:
    create_topics(broker.bootstrap, f"{topic_prefix}.predictions", f"{topic_prefix}.feedback")
    return topic_prefix


def names(who: str, count: int) -> Counter[str]:
    return Counter(f"{who}-{number}" for number in range(count))


EMIT = """
def emit(who, count=200):
    for number in range(count):
        emitter.prediction({}, 1, prediction_id=f"{who}-{number}")
"""


def test_leaving_without_closing_delivers_everything(broker: Broker, prefix: str) -> None:
    run(EMIT + "emit('only')", broker.bootstrap, prefix)
    assert delivered(broker.bootstrap, prefix) == names("only", 200)


def test_parent_and_forked_child_deliver_their_own_exactly_once(broker: Broker, prefix: str) -> None:
    """Parent: queue 200, fork, queue 200 more. The child leaves through the interpreter's normal exit."""
    script = """
emit('before')
child = os.fork()
if child == 0:
    assert emitter.stats().accepted == 0
    emit('child')
    sys.exit(0)
emit('after')
assert os.waitpid(child, 0)[1] == 0
"""
    run(EMIT + script, broker.bootstrap, prefix)
    expected = names("before", 200) + names("child", 200) + names("after", 200)
    assert delivered(broker.bootstrap, prefix) == expected


def test_children_of_a_prefork_server_share_an_emitter_that_never_emitted_in_the_parent(
    broker: Broker, prefix: str
) -> None:
    script = """
children = []
for worker in range(3):
    child = os.fork()
    if child == 0:
        emit(f'w{worker}')
        sys.exit(0)
    children.append(child)
assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
assert emitter.stats().accepted == 0
assert threading.active_count() == 1
"""
    run(EMIT + script, broker.bootstrap, prefix)
    assert delivered(broker.bootstrap, prefix) == names("w0", 200) + names("w1", 200) + names("w2", 200)


def test_siblings_make_up_different_ids(broker: Broker, prefix: str) -> None:
    """Also when the generator was in use before the fork."""
    script = """
for _ in range(100):
    emitter.prediction({}, 1)
for worker in range(2):
    if os.fork() == 0:
        for _ in range(100):
            emitter.prediction({}, 1)
        sys.exit(0)
assert [os.wait()[1] for _ in range(2)] == [0, 0]
"""
    run(script, broker.bootstrap, prefix)
    assert len(delivered(broker.bootstrap, prefix)) == 300


def test_a_fork_while_other_threads_emit_leaves_a_child_that_works(broker: Broker, prefix: str) -> None:
    """The lock that another thread holds at the fork must not stay locked in the child."""
    script = """
stop = threading.Event()
def busy(thread):
    number = 0
    while not stop.is_set():
        number += 1
        emitter.feedback(f'busy-{thread}-{number}', 1)
threads = [threading.Thread(target=busy, args=(thread,)) for thread in range(4)]
for thread in threads:
    thread.start()
for fork in range(10):
    child = os.fork()
    if child == 0:
        emit(f'c{fork}', 10)
        os._exit(0 if emitter.close(20) else 1)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
for thread in threads:
    thread.join()
"""
    run(EMIT + script, broker.bootstrap, prefix)
    assert delivered(broker.bootstrap, prefix) == sum((names(f"c{n}", 10) for n in range(10)), Counter())


def test_grandchildren_work_too(broker: Broker, prefix: str) -> None:
    script = """
for generation in range(3):
    emit(f'g{generation}')
    child = os.fork()
    if child != 0:
        sys.exit(0 if os.waitpid(child, 0)[1] == 0 else 1)
"""
    run(EMIT + script, broker.bootstrap, prefix)
    assert delivered(broker.bootstrap, prefix) == names("g0", 200) + names("g1", 200) + names("g2", 200)


# A spawned child imports its target by name, so the target stands in a module of its own.
CHILD_MODULE = """
from tiltmeter.emitter import Emitter

def emit(bootstrap, prefix, inherited):
    emitter = inherited or Emitter(bootstrap, model="m", topic_prefix=prefix, exit_timeout=20)
    for number in range(200):
        emitter.prediction({}, 1, prediction_id=f"child-{number}")
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_multiprocessing_child_delivers_before_it_ends(
    broker: Broker, prefix: str, method: str, tmp_path: Path
) -> None:
    (tmp_path / "pool_child.py").write_text(CHILD_MODULE)
    script = f"""
import multiprocessing
sys.path.insert(0, {str(tmp_path)!r})
import pool_child
emit('parent', 5)
inherited = emitter if {method!r} == 'fork' else None
context = multiprocessing.get_context({method!r})
worker = context.Process(target=pool_child.emit, args=(*sys.argv[1:3], inherited))
worker.start()
worker.join()
assert worker.exitcode == 0
"""
    run(EMIT + script, broker.bootstrap, prefix)
    assert delivered(broker.bootstrap, prefix) == names("parent", 5) + names("child", 200)


def test_a_child_that_frees_an_abandoned_connection_does_not_wait_for_threads_it_has_not_got(
    broker: Broker, prefix: str
) -> None:
    script = """
from tiltmeter.emitter.producer_config import producer_config
from tiltmeter.kafka.emit_port import Outgoing
from tiltmeter.kafka.emit_transport import ConfluentTransport
transport = ConfluentTransport(producer_config(sys.argv[1], None, 100, 4096))
transport.send(Outgoing(sys.argv[2] + '.predictions', b'k', b'{"prediction_id": "k"}'))
while not transport.poll(1).delivered:
    pass
child = os.fork()
if child == 0:
    transport.abandon()
    del transport
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
    run(script, broker.bootstrap, prefix)


def test_an_exit_without_kafka_takes_no_longer_than_its_timeout(topic_prefix: str) -> None:
    script = """
import time, atexit
emitter.close()
start = time.monotonic()
atexit.register(lambda: print(time.monotonic() - start))  # runs last: registered first
lonely = Emitter("127.0.0.1:1", model="m", exit_timeout=0.5)
lonely.prediction({}, 1)
"""
    assert 0.5 <= float(run(script, "127.0.0.1:1", topic_prefix)) < 5
