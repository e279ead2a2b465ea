"""The first contact with a broker: it answers, or it is said why not.

librdkafka goes on trying for ever and its requests only time out; why a connection fails (a name that does not
resolve, a wrong password, a certificate nobody trusts) it tells a callback in passing.
"""

from __future__ import annotations

import time
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

# confluent_kafka.admin offers this name at run time but does not re-export it to type checkers.
from confluent_kafka.admin._metadata import ClusterMetadata

from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.kafka.errors import (
    ConnectionSettingsError,
    CredentialsRefusedError,
    KafkaLogError,
    NotTrustedError,
    translate,
)

#: How long a broker that is just starting is waited for.
CONNECT_SECONDS = 15.0

_TRY_SECONDS = 0.5

#: No news beside what a single connection has said.
_EMPTY = (KafkaError._ALL_BROKERS_DOWN,)


class Reach:
    """``client`` is usable at any time; :meth:`metadata` waits until somebody answers.

    Raises ConnectionSettingsError for what librdkafka refuses, such as a certificate file that is not there.
    """

    def __init__(self, connection: KafkaConnection) -> None:
        self._servers = connection.bootstrap_servers
        self._heard: KafkaError | None = None
        try:
            settings: dict[str, Any] = {**connection.librdkafka(), "error_cb": self._hear}
            self.client = AdminClient(settings)
        except KafkaException as error:
            found = error.args[0]
            raise ConnectionSettingsError(
                "connect", found.str() if isinstance(found, KafkaError) else str(found)
            ) from error

    def metadata(self, connect_seconds: float = CONNECT_SECONDS) -> ClusterMetadata:
        """Brokers and all topics. Raises at once where we are refused, BrokerUnreachableError after a while."""
        deadline = time.monotonic() + connect_seconds
        while True:
            try:
                return self.client.list_topics(timeout=_TRY_SECONDS)
            except KafkaException as error:
                self.client.poll(0)
                trouble = self._trouble(error)
                if isinstance(trouble, CredentialsRefusedError | NotTrustedError):
                    raise trouble from error
                if time.monotonic() > deadline:
                    raise trouble from error

    def _hear(self, error: KafkaError) -> None:
        if error.code() not in _EMPTY:
            self._heard = error

    def _trouble(self, error: KafkaException) -> KafkaLogError:
        doing = f"connect to {self._servers}"
        heard = self._heard
        if heard is not None and heard.code() == KafkaError._TRANSPORT and "SSL alert" in heard.str():
            # The broker's side of a failed handshake; librdkafka takes it for a connection that was lost.
            return NotTrustedError(doing, heard.str(), code=heard.code(), name=heard.name())
        return translate(heard or error, doing)
