"""/metrics, /healthz, /readyz, and the status page with its two documents, from the worker's own event loop."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any, Self

import orjson
from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from tiltmeter import __version__
from tiltmeter.core.join.decision import FEEDBACK, PREDICTIONS
from tiltmeter.metrics.collector import SnapshotCollector
from tiltmeter.metrics.join_samples import join_samples
from tiltmeter.metrics.model_samples import model_samples
from tiltmeter.metrics.sample import Sample
from tiltmeter.processor.config_reload import ConfigReload
from tiltmeter.processor.engine.intake import Source
from tiltmeter.processor.join_stage import JoinStage
from tiltmeter.processor.page.detail import detail
from tiltmeter.processor.page.document import document
from tiltmeter.processor.status import status
from tiltmeter.processor.watch_stage import WatchStage


class Web:
    """An async context manager; ``port`` 0 takes a free one (see :attr:`url`)."""

    def __init__(
        self, join: JoinStage, watch: WatchStage, reload: ConfigReload, host: str, port: int
    ) -> None:
        self._join = join
        self._watch = watch
        self._reload = reload
        self._host, self._port = host, port
        #: Whether the group's assignment has been taken up; the engine says so once it runs.
        self.settled: Callable[[], bool] = lambda: bool(self._join.owned or self._watch.owned)
        #: Records not yet processed, by source partition; the engine says so, too.
        self.lags: Callable[[], Mapping[Source, int]] = dict
        self._collector = SnapshotCollector(self._samples)
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        routes: dict[str, Callable[[web.Request], web.Response]] = {
            "/healthz": self._healthy,
            "/readyz": self._ready,
            "/status.json": self._status,
            "/model.json": self._model,
            "/": self._page,
        }
        for path, answer in routes.items():
            app.router.add_get(path, _handler(answer))
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _metrics(self, _: web.Request) -> web.StreamResponse:
        return web.Response(body=await self._collector.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    def _healthy(self, _: web.Request) -> web.Response:
        """That this is answered says that the event loop turns; also during rebalancing and restore."""
        return web.json_response({"status": "ok"})

    def _ready(self, _: web.Request) -> web.Response:
        """Ready when what it owns, which may be nothing, is restored and read to where the log stood at the start."""
        behind = self._catching_up()
        ready = self.settled() and not behind
        answer = {"ready": ready, "join": sorted(self._join.owned), "watch": sorted(self._watch.owned)}
        return web.json_response({**answer, "catching_up": behind}, status=200 if ready else 503)

    def _catching_up(self) -> list[int]:
        return sorted(q for q, owned in self._watch.owned.items() if not owned.caught_up)

    def _status(self, _: web.Request) -> web.Response:
        return _json(status(self._join, self._watch))

    def _model(self, request: web.Request) -> web.Response:
        """``?model=&version=&segment=&window=``: one model's pictures; by default of the window that alarms.
        ``measures=1``: with all measures of every feature, which cost half as much again."""
        asked = request.query
        name, version, segment = (asked.get(key, "") for key in ("model", "version", "segment"))
        for owned in self._watch.owned.values():
            watcher = owned.watchers.get(name) if owned.caught_up else None
            watch = watcher.versions.get((version, segment)) if watcher else None
            if watch is not None:
                window = asked.get("window", watch.policy.detection_window)
                if window not in watch.predictions:
                    return _json({"error": "no such window", "windows": sorted(watch.predictions)}, 404)
                alerts = owned.alerts.get(name, ())
                return _json(detail(watch, window, alerts, measured=asked.get("measures") == "1"))
        return _json({"error": "this worker does not watch that model, version and segment"}, 404)

    def _page(self, _: web.Request) -> web.Response:
        page = document()
        return web.Response(body=page.html, headers=page.headers)

    def _samples(self) -> Iterator[Iterable[Sample]]:
        """In parts; what is owned may change between two of them."""
        yield self._worker()
        topics = dict(zip((PREDICTIONS, FEEDBACK), self._join.topics, strict=True))
        for partition, owned in list(self._join.owned.items()):
            yield join_samples(partition, owned.joiner.state, topics, owned.misplaced, time.time())
        for watcher in list(self._watch.watchers()):
            yield from model_samples(watcher)

    def _worker(self) -> Iterator[Sample]:
        yield Sample("build_info", (__version__,), 1)
        yield Sample("config_last_reload_successful", (), float(self._reload.successful))
        yield Sample("config_last_reload_success_timestamp_seconds", (), self._reload.succeeded_at)
        yield Sample("assigned_partitions", ("join",), len(self._join.owned))
        yield Sample("assigned_partitions", ("watch",), len(self._watch.owned))
        yield Sample("source_partitions", ("join",), self._join.partitions)
        yield Sample("source_partitions", ("watch",), self._join.panes_partitions)
        yield Sample("recovering", (), float(not self.settled() or bool(self._catching_up())))
        for source, lag in self.lags().items():
            yield Sample("consumer_lag_records", (source.topic, str(source.partition)), lag)


def _json(answer: dict[str, Any], code: int = 200) -> web.Response:
    body = orjson.dumps(answer, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY)
    return web.Response(body=body, status=code, content_type="application/json")


def _handler(
    answer: Callable[[web.Request], web.Response],
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        return answer(request)

    return handle
