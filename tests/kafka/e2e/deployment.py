"""One Tiltmeter on the broker: topics of its own, a configuration file, commands and workers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from kafka.e2e.exposition import Exposition
from kafka.e2e.polling import eventually
from kafka.e2e.worker import Worker, environment
from tiltmeter.emitter import Emitter
from tiltmeter.events.columns import LogRecord
from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.kafka.reader import PartitionReader, TopicPartition
from tiltmeter.kafka.topics import TopicNames

_CONFIGURATION = """\
[kafka]
bootstrap_servers = "{bootstrap}"
topic_prefix = "{prefix}"

[topics]
partitions = {partitions}

[processor]
group = "{prefix}"
{processor}
{rest}
"""


class Deployment:
    """A context manager: workers it started are gone at its end. ``rest`` is TOML after the [processor] table."""

    def __init__(
        self,
        folder: Path,
        bootstrap: str,
        prefix: str,
        *,
        partitions: int = 4,
        processor: str = 'session_timeout = "6s"',
        rest: str = "",
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.names = TopicNames(prefix)
        self.connection = KafkaConnection(bootstrap)
        self.workers: list[Worker] = []
        self._prefix = prefix
        self._partitions = partitions
        self._processor = processor
        self._rest = rest
        self._stack = ExitStack()
        self._configurations = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def configuration(self, state_dir: Path | None = None) -> Path:
        """A new file; state kept in ``state_dir``, or in memory."""
        self._configurations += 1
        state = "" if state_dir is None else f'\nstate_dir = "{state_dir}"'
        path = self.folder / f"tiltmeter-{self._configurations}.toml"
        text = _CONFIGURATION.format(
            bootstrap=self.connection.bootstrap_servers,
            prefix=self._prefix,
            partitions=self._partitions,
            processor=self._processor + state,
            rest=self._rest,
        )
        path.write_text(text)
        return path

    def command(self, *arguments: str) -> str:
        """Run `tiltmeter ...`; returns standard output, fails the test unless it exits with 0."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `tiltmeter ...` to its end, whatever that is."""
        return subprocess.run(
            [sys.executable, "-m", "tiltmeter", "--config", str(self.configuration()), *arguments],
            capture_output=True,
            text=True,
            env=environment(),
            timeout=120,
            check=False,
        )

    def worker(self, state_dir: Path | None = None) -> Worker:
        log = self.folder / f"worker-{len(self.workers) + 1}.log"
        worker = self._stack.enter_context(Worker(self.configuration(state_dir), log))
        self.workers.append(worker)
        return worker

    def emitter(self, model: str, version: str) -> Emitter:
        """With room for everything a test sends at once."""
        bootstrap = self.connection.bootstrap_servers
        prefix = self.names.prefix
        emitter = Emitter(bootstrap, model=model, version=version, topic_prefix=prefix, max_queue=1_000_000)
        self._stack.callback(emitter.close)
        return emitter

    def records(self, topic: str) -> list[tuple[int, LogRecord]]:
        """(partition, record) of a whole topic, each partition in log order."""
        return list(self._read(topic))

    def _read(self, topic: str) -> Iterator[tuple[int, LogRecord]]:
        partitions = {self.names.alerts: 1, self.names.references: 1}.get(topic, self._partitions)
        with PartitionReader(self.connection) as reader:
            start = {TopicPartition(topic, p): None for p in range(partitions)}
            for where, records in reader.read_many_to_end(start):
                yield from ((where.partition, record) for record in records)

    def model_status(self, model: str) -> dict[str, Any] | None:
        """Of the worker that watches the model (one version), None while there is none."""
        for worker in self.workers:
            for entry in (worker.status() or {"models": []})["models"] if not worker.killed else ():
                if entry["model"] == model:
                    found: dict[str, Any] = entry
                    return found
        return None

    def await_status(
        self, model: str, condition: Callable[[dict[str, Any]], bool], seconds: float = 120.0
    ) -> dict[str, Any]:
        """The model's status once it meets the condition."""

        def look() -> dict[str, Any] | None:
            status = self.model_status(model)
            return status if status is not None and condition(status) else None

        def what() -> str:
            return f"Status: {self.model_status(model)}\n" + "\n".join(w.complaint() for w in self.workers)

        found = eventually(look, seconds, what)
        assert found is not None
        return found

    def metrics(self) -> Exposition:
        """Of all workers that run, together."""
        texts = [worker.get("/metrics") for worker in self.workers if not worker.killed]
        return Exposition(text.decode() for text in texts if text is not None)
