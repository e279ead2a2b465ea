"""Drift of labels: the world changes, whether or not the model follows."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest

from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.label_pane import LabelPane
from tiltmeter.core.panes.outcomes import SUMS, Outcomes
from tiltmeter.core.policy import ModelPolicy, Tolerances
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.reference.profile import LABEL, Performance, ReferenceProfile
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.core.watch.label_watch import LabelWatch
from tiltmeter.core.watch.version_watch import VersionWatch
from tiltmeter.events.alert import encode_alert

WIDTH = 10_000
ROWS = 1_000


def _policy(**changes: Any) -> ModelPolicy:
    tolerances = Tolerances(learning_panes=0, feature_ks=0.05, feature_ks_large=0.2)
    return ModelPolicy(windows={"short": 5}, detection_window="short", tolerances=tolerances, **changes)


def _classifier(positives: int = 20_000, wrong: int = 5_000) -> ReferenceProfile:
    """A reference of 100,000 rows, of which every twentieth answer is wrong."""
    labels = np.repeat(["1", "0"], [positives, 100_000 - positives])
    answers = labels.copy()
    answers[: wrong // 2], answers[-(wrong - wrong // 2) :] = "0", "1"
    return build_reference({}, model="m", version="1", predictions=answers.tolist(), labels=labels.tolist())


def _regressor(labels: np.ndarray, version: str = "1") -> ReferenceProfile:
    return build_reference({}, model="m", version=version, predictions=labels + 0.1, labels=labels)


class Version:
    """Feeds label panes into the watch of one version."""

    def __init__(self, *references: ReferenceProfile, policy: ModelPolicy | None = None) -> None:
        self.book = ReferenceBook()
        for reference in references:
            self.book.add(reference)
        self.policy = policy or _policy()
        self.watch = VersionWatch(PaneKey(0, WIDTH, "m", "1", ""), self.policy, self.book)
        self.number = 0

    def pane(self, outcomes: Outcomes, **corrections: Outcomes) -> list[dict[str, Any]]:
        pane = LabelPane(PaneKey(self.number * WIDTH, WIDTH, "m", "1", ""))
        pane.cells[pane.key.start_ms, 0] = outcomes
        pane.corrections.update({int(start): change for start, change in corrections.items()})
        self.number += 1
        alerts = self.watch.on_pane(pane)
        for alert in alerts:
            encode_alert(alert)
        return alerts

    def classes(self, panes: int, positives: float, error: float = 0.05) -> list[dict[str, Any]]:
        """Panes in which each class has its share of errors: what drifts is what the labels say."""
        told = []
        for _ in range(panes):
            ones = round(ROWS * positives)
            wrong_ones, wrong_zeros = round(ones * error), round((ROWS - ones) * error)
            told += self.pane(
                Outcomes(
                    n=ROWS,
                    confusion={
                        ("1", "1"): ones - wrong_ones,
                        ("0", "1"): wrong_ones,
                        ("0", "0"): ROWS - ones - wrong_zeros,
                        ("1", "0"): wrong_zeros,
                    },
                )
            )
        return told

    def numbers(self, panes: int, labels: np.ndarray) -> list[dict[str, Any]]:
        first = self.watch.labelled.first_performance
        assert first is not None
        bins = np.searchsorted(np.array(first.label_edges), labels, side="left")
        places, counts = np.unique(bins, return_counts=True)
        sums = [0] * len(SUMS)
        sums[SUMS.index("scored")] = labels.size
        targets = dict(zip(places.tolist(), counts.tolist(), strict=True))
        told = []
        for _ in range(panes):
            told += self.pane(Outcomes(n=labels.size, sums=list(sums), targets=dict(targets)))
        return told


def _said(alerts: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(a["kind"], a["severity"], a["transition"]) for a in alerts]


def test_more_positives_are_told_although_the_model_is_as_good_as_it_was() -> None:
    version = Version(_classifier())
    assert version.classes(60, 0.2) == []
    alerts = version.classes(20, 0.32)
    assert _said(alerts) == [("label_drift", "info", "firing")]
    assert alerts[0]["subject"] == LABEL
    assert "the labels have drifted" in alerts[0]["summary"]
    assert "at most one false alarm in 300 days" in alerts[0]["guarantee"]
    assert version.watch.labelled.drift is not None
    assert version.watch.labelled.drift.drifted() == {LABEL: 1}


def test_a_change_within_tolerance_is_silent_and_a_large_one_warns() -> None:
    assert Version(_classifier()).classes(300, 0.24) == []
    version = Version(_classifier())
    assert ("label_drift", "warning", "firing") in _said(version.classes(20, 0.6))


def test_a_worse_model_with_the_same_labels_is_not_drift_of_labels() -> None:
    version = Version(_classifier())
    kinds = {kind for kind, *_ in _said(version.classes(60, 0.2, error=0.4))}
    assert "performance" in kinds
    assert "label_drift" not in kinds


def test_it_resolves_when_the_labels_are_as_they_were() -> None:
    version = Version(_classifier())
    version.classes(10, 0.2)
    version.classes(10, 0.32)
    assert ("label_drift", "info", "resolved") in _said(version.classes(60, 0.2))


def test_classes_that_no_reference_names_count_together() -> None:
    """A spelling that nobody knew is a label like any other: "yes" instead of "1"."""
    version = Version(_classifier())
    told = [
        alert
        for _ in range(10)
        for alert in version.pane(Outcomes(n=ROWS, confusion={("0", "0"): 800, ("1", "yes"): 200}))
    ]
    assert "label_drift" in {kind for kind, *_ in _said(told)}


def test_labels_that_are_numbers_are_compared_by_their_distribution() -> None:
    random = np.random.default_rng(5)
    version = Version(_regressor(random.normal(size=100_000)))
    assert version.numbers(60, random.normal(size=ROWS)) == []
    assert "label_drift" in {kind for kind, *_ in _said(version.numbers(20, random.normal(0.5, 1.0, ROWS)))}


def test_a_reference_over_other_bins_than_panes_count_compares_no_labels() -> None:
    random = np.random.default_rng(6)
    first = _regressor(random.normal(size=50_000)).performance
    second = _regressor(random.normal(3.0, 1.0, size=50_000)).performance
    assert first is not None
    assert second is not None
    assert LabelWatch.of(first, first, _policy(), WIDTH) is not None
    assert LabelWatch.of(second, first, _policy(), WIDTH) is None
    assert LabelWatch.of(first, None, _policy(), WIDTH) is None


def test_a_reference_without_labels_compares_none() -> None:
    old = Performance("classification", labelled=20_000, errors=1_000)
    assert LabelWatch.of(old, old, _policy(), WIDTH) is None


def test_classes_of_a_later_reference_that_panes_do_not_name_are_among_the_others() -> None:
    first = Performance("classification", labelled=100, classes=("0", "1"), class_counts=(50, 50))
    later = Performance("classification", labelled=100, classes=("0", "1", "2"), class_counts=(40, 40, 20))
    watch = LabelWatch.of(later, first, _policy(), WIDTH)
    assert watch is not None
    (drift,) = dict(
        watch.drifts(Outcomes(confusion={("0", "0"): 40, ("1", "1"): 40, ("0", "(other)"): 20}))
    ).values()
    assert drift.estimate == pytest.approx(0.0)


def test_where_delays_depend_on_the_label_it_is_shown_and_alarms_nothing() -> None:
    version = Version(_classifier(), policy=_policy(labels="maturity"))
    assert "label_drift" not in {kind for kind, *_ in _said(version.classes(60, 0.6))}
    assert version.watch.labelled.drift is not None
    assert version.watch.labelled.drift.drifted() == {LABEL: 2}
    assert not any(a.firing for a in version.watch.labelled.drift.alerts())


def test_corrections_do_not_reach_what_has_been_judged() -> None:
    """Every pane makes 400 zeros of the pane before into ones."""
    version = Version(_classifier())
    pane = Outcomes(n=ROWS, confusion={("1", "1"): 200, ("0", "0"): 800})
    change = Outcomes(confusion={("0", "0"): -400, ("0", "1"): 400})
    told = []
    for number in range(60):
        told += version.pane(pane, **({str((number - 1) * WIDTH): change} if number else {}))
    assert "label_drift" not in {kind for kind, *_ in _said(told)}
    assert version.watch.labelled.drift is not None
    shown = dict(version.watch.labelled.drift.drifts(version.watch.labelled.windows["short"].total))[LABEL]
    assert shown.estimate > 0.25


def test_first_labels_are_learned_with_what_they_say() -> None:
    version = Version(policy=_policy(from_first=5_000))
    version.classes(20, 0.2)
    assert version.watch.labelled.drift is not None
    assert _said(version.classes(30, 0.5))[0][0] == "label_drift"


def test_another_policy_ends_what_it_does_not_ask() -> None:
    version = Version(_classifier())
    version.classes(10, 0.2)
    assert _said(version.classes(10, 0.32)) == [("label_drift", "info", "firing")]
    calm = VersionWatch(PaneKey(0, WIDTH, "m", "1", ""), _policy(labels="maturity"), version.book)
    calm.restore(orjson.loads(orjson.dumps(version.watch.snapshot(), option=orjson.OPT_SERIALIZE_NUMPY)))
    version.watch = calm
    assert ("label_drift", "info", "resolved") in _said(version.classes(1, 0.32))


@pytest.mark.parametrize("cut", [1, 7, 12, 25])
def test_a_restored_watch_goes_on_as_if_nothing_had_happened(cut: int) -> None:
    shares = [0.2] * 10 + [0.32] * 10 + [0.2] * 30
    whole, parts = Version(_classifier()), Version(_classifier())
    expected = [alert for share in shares for alert in whole.classes(1, share)]
    found = [alert for share in shares[:cut] for alert in parts.classes(1, share)]
    successor = VersionWatch(PaneKey(0, WIDTH, "m", "1", ""), parts.policy, parts.book)
    option = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    successor.restore(orjson.loads(orjson.dumps(parts.watch.snapshot(), option=option)))
    parts.watch = successor
    found += [alert for share in shares[cut:] for alert in parts.classes(1, share)]
    assert found == expected
