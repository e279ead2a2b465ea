"""What an operator may set about the engine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tiltmeter.kafka.connection import KafkaConnection


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Times are seconds."""

    connection: KafkaConnection
    group_id: str
    #: Faust insists on a directory; nothing is kept there.
    data_dir: Path
    #: Set it to a stable name (the pod's) to keep partitions over a restart shorter than the session timeout.
    member_id: str | None = None
    #: A dead worker's partitions move after this.
    session_timeout: float = 30.0
    heartbeat_interval: float = 3.0
    #: How long the group waits for a member to let go of its partitions.
    rebalance_timeout: float = 60.0
    request_timeout: float = 40.0
    commit_interval: float = 1.0
    #: Records of one micro-batch at most; also bounds a stage's changelog record.
    batch_records: int = 4096
    idle_interval: float = 1.0
    #: Stopping takes at most this long, then the process ends anyway: state is safe at every instant.
    stop_grace: float = 25.0
    #: Port of Faust's own web server, None for none.
    web_port: int | None = None

    @property
    def revoke_grace(self) -> float:
        """A batch in flight gets half of what the group waits; the rest is for closing and rejoining."""
        return self.rebalance_timeout / 2
