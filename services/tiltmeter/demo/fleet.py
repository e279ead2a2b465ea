"""A simulated serving fleet: a credit model, its requests, and labels that come late and out of order."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from tiltmeter.emitter import Emitter

MODEL, VERSION = "credit-risk", "7"
#: The feature that drifts: the model hardly listens to it, so accuracy stays as it is.
DRIFTING = "basket_value"
CHANNELS = ("web", "app", "branch")
#: Share of answers 0, and 1, that are wrong: in good times 6 %, and 30 % of all when the model is broken. As many
#: labels are 1 then as before: the model has changed, not the world.
GOOD, BROKEN = (0.06, 0.06), (0.23, 0.46)


@dataclass(slots=True)
class World:
    """What the fleet lives in. Setting a field changes the next request."""

    basket_shift: float = 0.0  # in standard deviations
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    features: dict[str, float | str]
    prediction: int
    score: float
    label: int
    latency_ms: float


def draw(random: Generator, world: World) -> Request:
    """One request, what the model answers, and what will turn out to be true."""
    income = float(np.round(random.lognormal(10.4, 0.5)))
    debt_ratio = float(random.beta(2, 5))
    basket = float(np.exp(random.normal(3.5 + 0.8 * world.basket_shift, 0.8)))
    age = int(random.integers(18, 85))
    features: dict[str, float | str] = {
        "income": income,
        "debt_ratio": debt_ratio,
        DRIFTING: basket,
        "age": age,
        "channel": CHANNELS[int(random.choice(3, p=(0.5, 0.35, 0.15)))],
    }
    score = float(1 / (1 + np.exp(-(6 * debt_ratio - 2.2 - 0.4 * np.log(income / 33_000)))))
    prediction = int(score > 0.5)
    wrong = random.random() < (BROKEN if world.broken else GOOD)[prediction]
    label = 1 - prediction if wrong else prediction
    return Request(features, prediction, score, label, float(random.gamma(4, 3)))


@dataclass(slots=True)
class Fleet:
    """Sends ``rate`` predictions a second from a thread of its own until :meth:`stop`."""

    emitter: Emitter
    world: World
    rate: float
    seed: int = 7
    sent: int = 0
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._serve, name="fleet", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _serve(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        random = np.random.default_rng(self.seed)
        labels: list[tuple[float, str, int]] = []
        begin = monotonic()
        while not self._stopping.is_set():
            now = monotonic()
            while self.sent < (now - begin) * self.rate:
                request = draw(random, self.world)
                identity = self.emitter.prediction(
                    request.features, request.prediction, score=request.score, latency_ms=request.latency_ms
                )
                heapq.heappush(labels, (now + float(random.uniform(0.3, 3.0)), identity, request.label))
                self.sent += 1
            while labels and labels[0][0] <= now:
                _, identity, label = heapq.heappop(labels)
                self.emitter.feedback(identity, label)
            self._stopping.wait(0.01)
