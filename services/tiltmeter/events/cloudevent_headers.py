"""The envelope of a CloudEvent in binary mode: headers around a value that stays what it is (see ``cloudevent``)."""

from __future__ import annotations


def binary_headers(event_type: str, source: str, identity: str, time: str) -> list[tuple[str, bytes]]:
    """``source`` is a URI reference and ``identity`` unique within it; ``time`` is RFC 3339. None may be empty."""
    return [
        ("ce_specversion", b"1.0"),
        ("ce_type", event_type.encode()),
        ("ce_source", source.encode()),
        ("ce_id", identity.encode()),
        ("ce_time", time.encode()),
        ("content-type", b"application/json"),
    ]
