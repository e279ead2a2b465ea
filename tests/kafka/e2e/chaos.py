"""Workers that are killed at random moments while a stream runs past them."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from pathlib import Path

from data_sets.schedule import Send
from kafka.e2e.deployment import Deployment
from kafka.e2e.serving import Server
from kafka.e2e.worker import Worker

#: Half of the kills wait until the worker is at work, then this long at most; the others hit it while it starts,
#: joins the group, restores or works.
WORKING_SECONDS, ANYWHERE_SECONDS = 2.0, 5.0


class Chaos:
    """One worker in the first third of the kills, two in the second, one again in the third."""

    def __init__(self, live: Deployment, server: Server, seed: int, states: Path | None) -> None:
        self._live, self._server = live, server
        self._random = random.Random(seed)
        self._states = states
        self._running: list[tuple[int, Worker]] = []

    def run(self, sends: Sequence[Send], kills: int) -> None:
        """Before each kill another part of the stream is sent; the last part follows the last kill."""
        self._start(0)
        share = -(-len(sends) // (kills + 1))
        for kill in range(kills):
            self._server.send(sends[kill * share : (kill + 1) * share])
            if kill == kills // 3:
                self._start(1)
            self._wait()
            place = self._random.randrange(len(self._running))
            number, victim = self._running.pop(place)
            assert victim.process.poll() is None, victim.complaint()
            victim.kill()
            if len(self._running) == 0 or kill != 2 * kills // 3:
                self._start(number)
        self._server.send(sends[kills * share :])

    def _start(self, number: int) -> None:
        """A replacement takes over its predecessor's local state, as a pod does its volume."""
        state = None if self._states is None else self._states / f"worker-{number}"
        self._running.append((number, self._live.worker(state)))

    def _wait(self) -> None:
        if self._random.random() < 0.5:
            self._running[-1][1].await_ready()
            time.sleep(self._random.uniform(0, WORKING_SECONDS))
        else:
            time.sleep(self._random.uniform(0, ANYWHERE_SECONDS))
