"""One value as JSON can carry it: number, string, boolean or null."""

from __future__ import annotations

import sys
from math import isfinite, isnan
from typing import Any

import orjson

Scalar = bool | int | float | str | None

_INT64_MIN, _UINT64_MAX = -(1 << 63), (1 << 64) - 1
_PANDAS_MISSING = {"NAType", "NaTType"}


def to_json(document: object) -> bytes:
    """Raises TypeError for what has no JSON form."""
    # With this option orjson imports numpy itself, in the middle of a caller's first request.
    option = orjson.OPT_SERIALIZE_NUMPY if "numpy" in sys.modules else 0
    return orjson.dumps(document, _foreign, option)


def scalar(value: object) -> Scalar:
    """``value`` as a plain Python scalar; may be a non-finite float.

    numpy scalars, arrays and tensors of one element, Decimals, enums, dates, pandas' missing values.
    Raises TypeError, ValueError or OverflowError for everything else.
    """
    if isinstance(value, str):
        text = str.__str__(value)
        text.encode()  # raises for a lone surrogate, which has no UTF-8
        return text
    if value is None or isinstance(value, bool) or type(value) is float:
        return value
    if isinstance(value, int):
        return int(value) if _INT64_MIN <= value <= _UINT64_MAX else float(value)
    return _foreign_scalar(value)


def _foreign_scalar(value: Any) -> Scalar:
    kind = type(value)
    if callable(item := getattr(value, "item", None)):
        single = item()
        # numpy.longdouble gives itself.
        return float(single) if type(single) is kind else scalar(single)
    if isinstance(value, float):
        return float(value)
    written = orjson.loads(to_json(value))
    if isinstance(written, dict | list):
        raise TypeError(f"a {kind.__name__} is not one value")
    return scalar(written)


def nonfinite_name(value: Scalar) -> str | None:
    """``nan``, ``inf`` or ``-inf`` as the wire names them; None for every usable value."""
    if type(value) is not float or isfinite(value):
        return None
    return "nan" if isnan(value) else "inf" if value > 0 else "-inf"


def _foreign(value: object) -> object:
    """What orjson does not know."""
    if type(value).__name__ in _PANDAS_MISSING:
        return None
    if callable(item := getattr(value, "item", None)):
        return item()
    if callable(isoformat := getattr(value, "isoformat", None)):
        return isoformat()  # pandas.Timestamp
    if hasattr(value, "__float__"):
        return float(value)  # Decimal, Fraction, subclasses of float
    raise TypeError(f"a {type(value).__name__} has no JSON form")
