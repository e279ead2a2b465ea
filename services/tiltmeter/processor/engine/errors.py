"""What stops a worker.

EngineError
├── StageError          a stage raised: the batch is not processed and must not be skipped
├── LogWentBackError          the log ends before the offset the state says: truncated, or topic recreated
├── CoPartitioningError one worker does not own all topics of a partition number
├── TopicMissingError         a source topic does not exist
└── PartitionCountError    a topic's partition count differs from its sisters' or from what it was
"""

from __future__ import annotations


class EngineError(Exception):
    """The worker cannot go on; the message ends with what to do."""


class StageError(EngineError):
    def __init__(self, stage: str, partition: int, doing: str, cause: BaseException) -> None:
        self.stage, self.partition, self.doing = stage, partition, doing
        super().__init__(
            f"{stage}, partition {partition}: {doing} failed: {type(cause).__name__}: {cause}. "
            "Operator action: fix the cause and restart; the batch is processed again from durable state."
        )


class LogWentBackError(EngineError):
    def __init__(self, topic: str, partition: int, expected: int, found: int) -> None:
        self.topic, self.partition, self.expected, self.found = topic, partition, expected, found
        super().__init__(
            f"{topic}[{partition}] continues at offset {found}, but the state contains everything below "
            f"{expected}: the topic was truncated or recreated. Operator action: start over under a new "
            "topic prefix, or restore the topic."
        )


class CoPartitioningError(EngineError):
    def __init__(self, stage: str, partition: int, missing: list[str]) -> None:
        self.stage, self.partition, self.missing = stage, partition, missing
        super().__init__(
            f"{stage}, partition {partition}: {', '.join(missing)} is assigned to another worker. "
            "Operator action: make all workers of the group run the same version and settings."
        )


class TopicMissingError(EngineError):
    def __init__(self, topic: str) -> None:
        self.topic = topic
        super().__init__(
            f"topic {topic} does not exist. Operator action: create it (`tiltmeter topics create`), restart."
        )


class PartitionCountError(EngineError):
    def __init__(self, counts: dict[str, int]) -> None:
        self.counts = counts
        listed = ", ".join(f"{topic} has {count}" for topic, count in sorted(counts.items()))
        super().__init__(
            f"partition counts do not fit: {listed}. Keys are spread by that count, so state "
            "cannot follow a change. Operator action: migrate to a new topic prefix with equal counts."
        )
