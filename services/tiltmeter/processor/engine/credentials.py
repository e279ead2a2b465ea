"""The connection's security, as Faust wants to hear it. librdkafka hears the same from `KafkaConnection`."""

from __future__ import annotations

import ssl

from faust.auth import SASLCredentials, SSLCredentials
from faust.types.auth import CredentialsT

from tiltmeter.kafka.connection import KafkaConnection


def credentials(connection: KafkaConnection) -> CredentialsT | None:
    """None for a plaintext connection without a user."""
    protocol = connection.security_protocol.lower()
    context = _context(connection) if protocol.endswith("ssl") else None
    if protocol.startswith("sasl"):
        return SASLCredentials(
            username=connection.sasl_username,
            password=connection.sasl_password,
            mechanism=connection.sasl_mechanism,
            ssl_context=context,
        )
    return SSLCredentials(context) if context is not None else None


def _context(connection: KafkaConnection) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=connection.ssl_ca_location)
    if connection.ssl_certificate_location is not None:
        context.load_cert_chain(connection.ssl_certificate_location, connection.ssl_key_location)
    return context
