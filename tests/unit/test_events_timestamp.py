"""Times: what is one, what is not, and that the fast way agrees with the slow one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltmeter.events.timestamp import MAX_MS, BadTimeError, format_timestamp, parse_timestamp
from tiltmeter.events.timestamp_column import BAD, parse_timestamps

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INSTANTS = st.datetimes(datetime(1970, 1, 2), datetime(2199, 12, 30))  # noqa: DTZ001  (the zone is drawn beside it)
OFFSETS = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(INSTANTS, OFFSETS, st.sampled_from(["auto", "seconds", "milliseconds", "microseconds"]))
def test_any_instant_in_any_zone_is_what_datetime_says(
    instant: datetime, zone: timezone, precision: str
) -> None:
    text = instant.replace(tzinfo=zone).isoformat(timespec=precision)
    assert parse_timestamp(text) == (datetime.fromisoformat(text) - EPOCH) // timedelta(milliseconds=1)


@given(st.integers(0, MAX_MS - 1))
def test_what_is_written_is_read(milliseconds: int) -> None:
    assert parse_timestamp(format_timestamp(milliseconds)) == milliseconds
    assert parse_timestamp(milliseconds) == parse_timestamp(float(milliseconds)) == milliseconds


FORMS = [
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%dT%H:%M:%S.123Z",
    "%Y-%m-%dT%H:%M:%S.%fZ",
    "%Y-%m-%dT%H:%M:%S.9Z",
    "%Y-%m-%dT%H:%M:%S.123456789Z",
    "%Y-%m-%dT%H:%M:%S+00:00",
    "%Y-%m-%dT%H:%M:%S.%f+00:00",
    "%Y-%m-%dt%H:%M:%S.12z",
    "%Y-%m-%d %H:%M:%S.123+05:30",
    "%Y-%m-%dT%H:%M:%S.Z",
    "%Y-%m-%dT%H:%M:%S",
]


@given(st.lists(INSTANTS, min_size=5, max_size=5), st.sampled_from(FORMS), st.integers(0, 79), st.data())
def test_a_column_is_parsed_as_each_value_is(
    instants: list[datetime], form: str, damaged: int, data: st.DataObject
) -> None:
    texts = [instant.strftime(form) for instant in instants] * 16
    place = data.draw(st.integers(0, len(texts[damaged]) - 1))
    character = data.draw(st.characters(max_codepoint=300))
    texts[damaged] = texts[damaged][:place] + character + texts[damaged][place + 1 :]
    assert parse_timestamps(texts).tolist() == [_parse(text) for text in texts]


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-29T00:00:00.000Z",
        "2200-01-01T00:00:00.000Z",
        "1969-12-31T23:59:59.999Z",
        "2026-01-01T24:00:00.000Z",
        "2026-01-01T00:00:60.000Z",
        "2026-00-01T00:00:00.000Z",
    ],
)
def test_a_column_refuses_what_the_calendar_does_not_have(text: str) -> None:
    texts = ["2024-02-29T23:59:59.999Z"] * 99 + [text]
    assert parse_timestamps(texts).tolist() == [1_709_251_199_999] * 99 + [BAD]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("2026-01-01T00:00:00", "no time zone"),
        ("2026-01-01", "no time zone"),
        ("20260101T000000Z", "not an RFC 3339"),
        ("2026-01-01T00:00:00Z\n", "not an RFC 3339"),
        ("٢٠٢٦-01-01T00:00:00Z", "not an RFC 3339"),
        ("2026-02-30T00:00:00Z", "no such time"),
        ("1970-01-01T00:00:00+01:00", "outside"),
        (MAX_MS, "outside"),
        (-1, "outside"),
        (1.5, "whole milliseconds"),
        (float("nan"), "whole milliseconds"),
        (float("inf"), "whole milliseconds"),
        (True, "a string or an integer"),
        (None, "a string or an integer"),
        ([], "a string or an integer"),
    ],
)
def test_what_is_not_a_time_is_refused_with_the_reason(value: object, reason: str) -> None:
    with pytest.raises(BadTimeError, match=reason):
        parse_timestamp(value)
    assert parse_timestamps([value]).tolist() == [BAD]


@pytest.mark.parametrize(
    "values", [[], [0, MAX_MS - 1], [0, MAX_MS], [0, 2**64 - 1], [0, "x", None, True, 1.0]]
)
def test_mixed_columns(values: list[object]) -> None:
    assert parse_timestamps(values).tolist() == [_parse(value) for value in values]


def _parse(value: object) -> int:
    try:
        return parse_timestamp(value)
    except BadTimeError:
        return BAD
