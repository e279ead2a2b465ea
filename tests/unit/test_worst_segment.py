"""Which segment is worst: by what fires, then by evidence, then by the gap to the whole, then by name."""

from __future__ import annotations

import math
from itertools import permutations

import pytest

from tiltmeter.core.watch.leading_evidence import Leading, largest
from tiltmeter.processor.page.worst_segment import Gap, Standing, worst_first, worst_segment

WARNING = ("performance", "error_rate", "warning")
CRITICAL = ("performance", "error_rate", "critical")
INFO = ("feature_drift", "(features)", "info")


def behind(whole: float, here: float) -> Gap:
    return Gap("accuracy", "long", here, whole, whole - here)


def names(*standings: Standing) -> list[str]:
    """In order; the same from whatever order they come in."""
    found = {tuple(s.segment for s in worst_first(given)) for given in permutations(standings)}
    (order,) = found
    return list(order)


def test_the_most_severe_alert_comes_first_whatever_else_is_known() -> None:
    assert names(
        Standing("d", [INFO], Leading(900.0, "x"), behind(0.9, 0.1)),
        Standing("c", [WARNING], Leading(5.0, "x")),
        Standing("b", [INFO, CRITICAL]),
        Standing("a", (), Leading(0.99, "x"), behind(0.9, 0.1)),
    ) == ["b", "c", "d", "a"]


def test_among_equals_in_severity_the_largest_evidence_decides_and_then_the_gap() -> None:
    assert names(
        Standing("d", [WARNING], Leading(3.0, "x")),
        Standing("c", [WARNING], Leading(7.0, "x")),
        Standing("b", [WARNING], Leading(3.0, "x"), behind(0.9, 0.8)),
        Standing("a", [WARNING], None, behind(0.9, 0.1)),
    ) == ["c", "b", "d", "a"]


def test_evidence_below_half_an_alarm_does_not_hide_a_gap() -> None:
    quiet, poor = Standing("a", (), largest([("x", 0.4999)])), Standing("b", (), None, behind(0.93, 0.71))
    assert names(quiet, poor) == ["b", "a"]
    assert names(quiet._replace(leading=largest([("x", 0.5)])), poor) == ["a", "b"]


def test_what_nobody_could_tell_apart_is_ordered_by_name() -> None:
    assert names(
        Standing("b", (), Leading(0.7004, "x"), behind(0.9, 0.80004)),
        Standing("a", (), Leading(0.7001, "x"), behind(0.9, 0.80001)),
        Standing("c", (), Leading(0.7, "x"), behind(0.9, 0.8)),
    ) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("standing", "by", "reason"),
    [
        (Standing("s", [WARNING]), "alert", "error_rate warning fires"),
        (Standing("s", [INFO, WARNING, CRITICAL]), "alert", "error_rate critical fires, and 2 more"),
        (Standing("s", [INFO]), "alert", "feature drift info fires"),
        (
            Standing("s", [("data_quality", "(features)", "warning"), WARNING]),
            "alert",
            "error_rate warning fires, and 1 more",
        ),
        (
            Standing("s", (), Leading(0.6, "drift of tenure")),
            "evidence",
            "evidence 0.60 of an alarm on drift of tenure",
        ),
        (
            Standing("s", (), None, behind(0.931, 0.714)),
            "gap",
            "accuracy 0.714 against 0.931 of all, long window",
        ),
        (
            Standing("s", (), None, Gap("mean absolute error", "short", 1234.56, 800.0, 0.5432)),
            "gap",
            "mean absolute error 1235 against 800 of all, short window",
        ),
    ],
)
def test_the_reason_is_told_in_words(standing: Standing, by: str, reason: str) -> None:
    told = worst_segment([Standing("fine"), standing])
    assert told == {"segment": "s", "by": by, "reason": reason}


def test_without_a_reason_no_segment_is_worst() -> None:
    calm = Standing("a", (), largest([("x", 0.2)]), behind(0.9, 0.8999))
    assert worst_segment([calm]) == {"segment": None, "by": None, "reason": "none stands out"}
    unknown = Standing("b", compared=False)
    assert worst_segment([calm, unknown])["reason"] == "none stands out"
    assert worst_segment([unknown])["reason"] == "nothing to compare yet"


def test_no_number_is_no_evidence_and_infinite_evidence_is_bounded() -> None:
    assert largest([]) is None
    assert largest([("x", math.nan)]) is None
    assert largest([("x", math.nan), ("y", 0.6)]) == Leading(0.6, "y")
    assert largest([("x", math.inf), ("y", 5.0)]) == Leading(1e6, "x")
    assert largest([("x", -math.inf)]) is None
    assert largest([("b", 0.601), ("a", 0.6), ("c", 0.599)]) == Leading(0.6, "a")
