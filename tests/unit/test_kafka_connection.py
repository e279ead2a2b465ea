"""Impossible connections are refused before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from tiltmeter.kafka.connection import PROMISED, KafkaConnection
from tiltmeter.kafka.errors import ConnectionSettingsError


def test_a_plain_connection_says_where_and_who() -> None:
    assert KafkaConnection("one:9092,two:9092").librdkafka() == {
        "bootstrap.servers": "one:9092,two:9092",
        "security.protocol": "plaintext",
        "client.id": "tiltmeter",
        "log_level": 2,
    }


def test_credentials_reach_librdkafka_but_no_log() -> None:
    connection = KafkaConnection(
        "one:9093",
        security_protocol="SASL_SSL",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_username="watcher",
        sasl_password="hush",
        ssl_ca_location="/etc/ca.pem",
        extra={"client.rack": "b"},
    )
    properties = connection.librdkafka()
    assert properties["security.protocol"] == "sasl_ssl"
    assert properties["sasl.password"] == "hush"
    assert properties["ssl.ca.location"] == "/etc/ca.pem"
    assert properties["client.rack"] == "b"
    assert "hush" not in repr(connection)


@pytest.mark.parametrize(
    ("settings", "subject"),
    [
        ({"bootstrap_servers": " "}, "bootstrap_servers"),
        ({"security_protocol": "tls"}, "security_protocol"),
        ({"security_protocol": "sasl_ssl"}, "sasl_mechanism"),
        ({"sasl_username": "watcher"}, "sasl_"),
        ({"security_protocol": "sasl_ssl", "sasl_mechanism": "PLAIN", "sasl_username": "u"}, "sasl_username"),
        ({"ssl_ca_location": "/etc/ca.pem"}, r"ssl_\*"),
        ({"security_protocol": "ssl", "ssl_key_location": "/etc/key.pem"}, "ssl_certificate_location"),
        ({"extra": {"acks": "1"}}, "extra"),
    ],
)
def test_what_cannot_work_is_refused_with_the_name_of_the_setting(settings: Any, subject: str) -> None:
    with pytest.raises(ConnectionSettingsError, match=f"^{subject}"):
        KafkaConnection(**{"bootstrap_servers": "one:9092", **settings})


@pytest.mark.parametrize("name", sorted(PROMISED))
def test_no_promise_can_be_tuned_away(name: str) -> None:
    with pytest.raises(ConnectionSettingsError, match=name):
        KafkaConnection("one:9092", extra={name: "anything"})
