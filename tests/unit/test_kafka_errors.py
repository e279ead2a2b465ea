"""librdkafka's errors become ours, and each says what to do."""

from __future__ import annotations

import inspect

import pytest
from confluent_kafka import KafkaError, KafkaException

from tiltmeter.kafka import errors
from tiltmeter.kafka.errors import (
    AccessDeniedError,
    BrokerUnreachableError,
    CredentialsRefusedError,
    KafkaLogError,
    KafkaRequestError,
    NotTrustedError,
    OffsetGoneError,
    ProducerFencedError,
    RecordRefusedError,
    ReplicationError,
    TopicMissingError,
    translate,
)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (KafkaError._MSG_TIMED_OUT, BrokerUnreachableError),
        (KafkaError.NOT_ENOUGH_REPLICAS, BrokerUnreachableError),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, AccessDeniedError),
        (KafkaError.SASL_AUTHENTICATION_FAILED, CredentialsRefusedError),
        (KafkaError._SSL, NotTrustedError),
        (KafkaError.INVALID_REPLICATION_FACTOR, ReplicationError),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, TopicMissingError),
        (KafkaError.OFFSET_OUT_OF_RANGE, OffsetGoneError),
        (KafkaError.MSG_SIZE_TOO_LARGE, RecordRefusedError),
        (KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, ProducerFencedError),
        (KafkaError.POLICY_VIOLATION, KafkaRequestError),
    ],
)
def test_a_code_has_its_kind(code: int, kind: type[KafkaLogError]) -> None:
    ours = translate(KafkaException(KafkaError(code)), "write to panes")
    assert type(ours) is kind
    assert ours.code == code
    assert str(ours).startswith("write to panes: ")
    assert str(ours).endswith(ours.action)


def test_a_fatal_error_ends_the_producer_whatever_its_code() -> None:
    assert (
        type(translate(KafkaError(KafkaError.POLICY_VIOLATION, fatal=True), "write")) is ProducerFencedError
    )


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    kinds = [
        kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, KafkaLogError)
    ]
    assert all(kind.__name__ in (errors.__doc__ or "") for kind in kinds)
    assert all(kind.action.endswith(".") for kind in kinds)
