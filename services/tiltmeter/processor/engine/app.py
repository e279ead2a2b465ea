"""Builds the Faust app: settings, one agent per stage, nothing else."""

from __future__ import annotations

from typing import Any, cast

import faust
from faust.app.base import BootStrategy
from faust.streams import Stream
from faust.types import StreamT

from tiltmeter.processor.engine.assignor import CoPartitioningAssignor
from tiltmeter.processor.engine.batch_schema import BatchSchema
from tiltmeter.processor.engine.credentials import credentials
from tiltmeter.processor.engine.options import EngineOptions
from tiltmeter.processor.engine.owner import Engine
from tiltmeter.processor.stage import Stage


class _ConsumeOnly(BootStrategy):
    """Stages produce through `tiltmeter.kafka`; Faust's producer would be an idle connection."""

    enable_kafka_producer = False


class EngineApp(faust.App):
    """Faust app whose partitions belong to an `Engine`. Use `build_app`."""

    BootStrategy = _ConsumeOnly
    partition_owner: Engine

    async def on_stop(self) -> None:
        # While the consumer still runs, so that the last offsets can be committed before it leaves the group.
        await self.partition_owner.on_revoked()
        await super().on_stop()


def build_app(options: EngineOptions, engine: Engine) -> EngineApp:
    """Connects to nothing; run it with `worker.run`."""
    app = EngineApp(
        options.group_id,
        broker=f"tiltmeter://{options.connection.bootstrap_servers.replace(',', ';')}",
        broker_credentials=credentials(options.connection),
        datadir=str(options.data_dir),
        store="memory://",
        PartitionAssignor=CoPartitioningAssignor,
        table_standby_replicas=1,  # makes Faust use the assignor, see there
        consumer_group_instance_id=options.member_id,
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=options.session_timeout,
        broker_heartbeat_interval=options.heartbeat_interval,
        broker_rebalance_timeout=options.rebalance_timeout,
        broker_request_timeout=max(options.request_timeout, options.session_timeout),
        # aiokafka leaves the group when nothing was polled for this long; restoring state may take longer
        # than any bound on polling, and a stuck worker is what health checks are for.
        broker_max_poll_interval=86_400.0,
        broker_max_poll_records=options.batch_records,
        broker_commit_interval=options.commit_interval,
        stream_buffer_maxsize=4,  # batches, not records
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=options.web_port is not None,
        web_port=options.web_port or 6066,
    )
    app.partition_owner = engine
    for stage in engine.stages:
        _add_agent(app, engine, stage)
    return app


def _add_agent(app: EngineApp, engine: Engine, stage: Stage) -> None:
    source = app.topic(*stage.topics, schema=BatchSchema(), acks=False)

    async def feed(stream: StreamT[Any]) -> None:
        try:
            async for event in cast(Stream[Any], stream).noack().events():
                await engine.offer(event.value)
        except Exception as error:
            # Faust restarts a failed agent and forgets the message it held.
            engine.fail(error)
            raise

    # Faust silently replaces an agent by another of the same name.
    app.agent(source, name="feed." + "+".join(stage.topics))(feed)
