"""One class, one key, however it was written."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltmeter.events.class_key import class_key
from tiltmeter.events.columns import CLASS_BYTES

VALUES = st.one_of(st.booleans(), st.integers(-(10**30), 10**30), st.floats(), st.text(max_size=60))


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (1, b"1"),
        (1.0, b"1"),
        (True, b"1"),
        ("1", b"1"),
        (False, b"0"),
        (-0.0, b"0"),
        (0.5, b"0.5"),
        ("", b"(empty)"),
        ("x" * 24, b"x" * 24),
        ("é" * 12, "é".encode() * 12),
        (1e22, b"10000000000000000000000"),
    ],
)
def test_known_keys(value: bool | float | str, key: bytes) -> None:
    assert class_key(value) == key


def test_a_long_label_keeps_its_beginning_cut_at_a_character() -> None:
    key = class_key("é" * 13)
    assert key.startswith("é".encode() * 7 + b"~")
    assert len(key) == 14 + 1 + 8


def test_a_label_with_nul_is_not_confused_with_one_without() -> None:
    assert class_key("a\0") != class_key("a")


@given(VALUES)
def test_a_key_survives_a_fixed_width_column(value: bool | float | str) -> None:
    key = class_key(value)
    assert 1 <= len(key) <= CLASS_BYTES
    assert np.array([key], dtype=f"S{CLASS_BYTES}")[0] == key
    key.decode("utf-8")


@given(st.one_of(st.integers(-(10**30), 10**30), st.floats(allow_nan=False, allow_infinity=False)))
def test_equal_numbers_have_equal_keys(value: float) -> None:
    assert class_key(value) == class_key(json.loads(json.dumps(value)))
    if value == int(value):
        assert class_key(value) == class_key(int(value)) == class_key(str(int(value)))


@given(VALUES, VALUES)
def test_different_labels_of_one_type_have_different_keys(
    one: bool | float | str, other: bool | float | str
) -> None:
    if type(one) is type(other) and "(empty)" not in {one, other} and "nan" not in {str(one), str(other)}:
        assert (one == other) == (class_key(one) == class_key(other))
