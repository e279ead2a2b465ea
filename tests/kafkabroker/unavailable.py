"""Why there is no Kafka on this machine."""

from __future__ import annotations


class KafkaUnavailableError(Exception):
    """No way to a broker. ``tried`` holds one reason per way."""

    def __init__(self, *tried: str) -> None:
        self.tried = tried
        super().__init__(
            "no Kafka broker: "
            + "; ".join(tried)
            + ". Set KAFKA_BOOTSTRAP_SERVERS, or install Java 17+ and Maven, or start Docker."
        )
