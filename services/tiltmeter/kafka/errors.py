"""What can go wrong between us and Kafka; librdkafka's own exceptions never leave this package.

::

    KafkaLogError
    ├── ConnectionSettingsError     refused before anything is sent
    ├── EmbeddedBrokerError         this installation has no embedded broker
    ├── BrokerUnreachableError      nobody answers, or nobody acknowledged in time
    ├── CredentialsRefusedError     the broker does not take this user or password
    ├── NotTrustedError             no TLS between us: one side does not trust the other's certificate
    ├── AccessDeniedError           a missing ACL
    ├── TopicMissingError           no such topic or partition
    ├── OffsetGoneError             the log does not hold the offset that was asked for
    ├── ReplicationError            more copies are wanted than there are brokers
    ├── RecordRefusedError          the broker will never take this record
    ├── ProducerFencedError         this producer can no longer keep its promise of exactly one copy
    └── KafkaRequestError           anything else

Every message ends with what to do. ``code`` and ``name`` are librdkafka's, None where it was not asked.
"""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException


class KafkaLogError(Exception):
    """``doing`` is what was attempted, ``cause`` what happened."""

    action = "Look at the broker's log for the same minute."

    def __init__(self, doing: str, cause: str, *, code: int | None = None, name: str | None = None) -> None:
        self.doing, self.cause, self.code, self.name = doing, cause, code, name
        super().__init__(f"{doing}: {cause.rstrip('.')}. {self.action}")


class ConnectionSettingsError(KafkaLogError):
    action = "Correct the [kafka] section of the configuration."


class EmbeddedBrokerError(KafkaLogError):
    action = "Install confluent-kafka from its binary wheel, or use a real broker."


class BrokerUnreachableError(KafkaLogError):
    action = "Check bootstrap_servers, security_protocol, the network, and that enough replicas are in sync."


class CredentialsRefusedError(KafkaLogError):
    action = (
        "Check kafka.sasl_username, sasl_mechanism and the password (TILTMETER_KAFKA__SASL_PASSWORD), and that the "
        "broker knows this user."
    )


class NotTrustedError(KafkaLogError):
    action = (
        "Check kafka.ssl_ca_location (who signed the broker's certificate) and that the certificate names the host "
        "in bootstrap_servers; a broker that asks for ours needs kafka.ssl_certificate_location and ssl_key_location."
    )


class AccessDeniedError(KafkaLogError):
    action = "Grant this user the ACL."


class TopicMissingError(KafkaLogError):
    action = "Run `tiltmeter topics create`, or check the topic prefix."


class OffsetGoneError(KafkaLogError):
    action = "Restart from the earliest offset that is left, or restore the topic; check its retention."


class ReplicationError(KafkaLogError):
    action = "Ask for no more copies than there are brokers: --replication 1, or topics.replication."


class RecordRefusedError(KafkaLogError):
    action = (
        "Compare the record's size and timestamp with the topic's max.message.bytes and timestamp limits."
    )


class ProducerFencedError(KafkaLogError):
    action = "Restart this worker: it resumes from its last acknowledged state."


class KafkaRequestError(KafkaLogError):
    pass


_KINDS: dict[int, type[KafkaLogError]] = {
    code: kind
    for kind, codes in {
        BrokerUnreachableError: (
            KafkaError._TRANSPORT,
            KafkaError._ALL_BROKERS_DOWN,
            KafkaError._RESOLVE,
            KafkaError._TIMED_OUT,
            KafkaError._TIMED_OUT_QUEUE,
            KafkaError._MSG_TIMED_OUT,
            KafkaError.REQUEST_TIMED_OUT,
            KafkaError.LEADER_NOT_AVAILABLE,
            KafkaError.NOT_ENOUGH_REPLICAS,
            KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        ),
        CredentialsRefusedError: (
            KafkaError._AUTHENTICATION,
            KafkaError.SASL_AUTHENTICATION_FAILED,
            KafkaError.UNSUPPORTED_SASL_MECHANISM,
        ),
        NotTrustedError: (KafkaError._SSL,),
        ReplicationError: (KafkaError.INVALID_REPLICATION_FACTOR,),
        AccessDeniedError: (
            KafkaError.TOPIC_AUTHORIZATION_FAILED,
            KafkaError.GROUP_AUTHORIZATION_FAILED,
            KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        ),
        TopicMissingError: (
            KafkaError._UNKNOWN_TOPIC,
            KafkaError._UNKNOWN_PARTITION,
            KafkaError.UNKNOWN_TOPIC_OR_PART,
            KafkaError.UNKNOWN_TOPIC_ID,
        ),
        OffsetGoneError: (
            KafkaError.OFFSET_OUT_OF_RANGE,
            KafkaError._AUTO_OFFSET_RESET,
            KafkaError._LOG_TRUNCATION,
        ),
        RecordRefusedError: (
            KafkaError.MSG_SIZE_TOO_LARGE,
            KafkaError.RECORD_LIST_TOO_LARGE,
            KafkaError.INVALID_TIMESTAMP,
            KafkaError.INVALID_RECORD,
        ),
        ProducerFencedError: (
            KafkaError._FATAL,
            KafkaError._FENCED,
            KafkaError._GAPLESS_GUARANTEE,
            KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER,
            KafkaError.UNKNOWN_PRODUCER_ID,
            KafkaError.INVALID_PRODUCER_EPOCH,
            KafkaError.PRODUCER_FENCED,
        ),
    }.items()
    for code in codes
}


def translate(error: KafkaError | KafkaException, doing: str) -> KafkaLogError:
    """Our exception for one of librdkafka's. Raise it ``from error`` where there is a traceback to keep."""
    found = error.args[0] if isinstance(error, KafkaException) else error
    if not isinstance(found, KafkaError):
        return KafkaRequestError(doing, str(found))
    kind = ProducerFencedError if found.fatal() else _KINDS.get(found.code(), KafkaRequestError)
    return kind(doing, found.str(), code=found.code(), name=found.name())
