"""Hostile streams cannot grow what WATCH holds: neither by naming classes, nor features, nor versions."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tiltmeter.core.panes.bounded_classes import MOST_CLASSES
from tiltmeter.core.panes.feature_counts import OK, FeatureCounts
from tiltmeter.core.panes.kept_names import MOST_FEATURES, MOST_TEXTS
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.label_pane import LabelPane
from tiltmeter.core.panes.named_classes import NamedClasses
from tiltmeter.core.panes.outcomes import Outcomes
from tiltmeter.core.panes.prediction_pane import PredictionPane
from tiltmeter.core.panes.windows import Window
from tiltmeter.core.policy import MINUTE, ModelPolicy, Tolerances
from tiltmeter.core.reference.book import ReferenceBook
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.core.reference_building.learner import Learner
from tiltmeter.core.watch.drift_screen import DriftScreen, layout_of
from tiltmeter.core.watch.feature_watch import FeatureWatch
from tiltmeter.core.watch.version_watch import VersionWatch
from tiltmeter.core.watch.watcher import Watcher
from tiltmeter.events.alert import encode_alert

START = 1_700_000_040_000


def key(number: int, version: str = "1") -> PaneKey:
    return PaneKey(START + number * MINUTE, MINUTE, "m", version, "")


def label_pane(number: int, pairs: dict[tuple[str, str], int]) -> LabelPane:
    pane = LabelPane(key(number))
    pane.cells[pane.key.start_ms, 0] = Outcomes(n=sum(pairs.values()), confusion=pairs)
    return pane


def test_classes_that_never_end_do_not_grow_windows_or_totals() -> None:
    watch = VersionWatch(
        key(0), ModelPolicy(pane_ms=MINUTE, windows={"short": 6, "long": 360}), ReferenceBook()
    )
    sizes = []
    for number in range(400):
        pairs = {(f"{number}-{i}", f"{number}-{(i * 7) % 90}"): 1 for i in range(90)}
        pane = label_pane(number, pairs)
        if number > 20:
            change = {(f"{number - 20}-1", f"{number - 20}-7"): -1, (f"{number - 20}-1", f"new {number}"): 1}
            pane.corrections[key(number - 20).start_ms] = Outcomes(confusion=change)
        watch.on_pane(pane)
        sizes.append(sum(len(window.total.confusion) for window in watch.labelled.windows.values()))
    assert len(watch.labelled.classes.names) == MOST_CLASSES
    assert len({name for pair in watch.labelled.total.confusion for name in pair}) <= MOST_CLASSES + 2
    assert max(sizes[100:]) <= max(sizes[:100])
    held = watch.labelled.windows["long"].total
    assert held.n == held.classified == 360 * 90


def test_what_a_window_subtracts_is_what_it_has_added_whatever_classes_came_in_between() -> None:
    rng, classes = random.Random(0), NamedClasses()
    window = Window(5, MINUTE, Outcomes)
    for number in range(200):
        pairs = {(f"c{rng.randrange(400)}", f"c{rng.randrange(400)}"): rng.randint(1, 5) for _ in range(30)}
        outcomes = Outcomes(confusion=pairs)
        right = outcomes.correct
        classes.fold(outcomes)
        assert outcomes.correct == right
        window.add(number * MINUTE, outcomes)
    for number in range(200, 205):
        window.add(number * MINUTE, Outcomes())
    assert window.total.confusion == {}


def test_names_that_never_end_do_not_grow_a_learner() -> None:
    learner = Learner(10**9)
    for number in range(30):
        pane = PredictionPane(key(number), events=10)
        for i in range(60):
            pane.features[f"{number}-{i}"] = FeatureCounts(categories={"a": 1})
        pane.features["always"] = FeatureCounts(categories={f"{number}-{i}": 1 for i in range(90)})
        learner.on_pane(pane)
    wire = learner.snapshot()
    for half in (wire, wire["counting"]):
        assert len(half["features"]) == MOST_FEATURES
        assert all(len(counts["categories"]) <= MOST_TEXTS for counts in half["features"].values())


def test_the_screen_says_of_every_feature_what_its_distribution_says() -> None:
    rng = np.random.default_rng(3)
    columns = {
        "normal": rng.normal(size=3_000),
        "few": rng.integers(0, 5, size=3_000).astype(float),
        "constant": np.ones(3_000),
        "none": np.full(3_000, np.nan),
        "text": rng.choice(["a", "b"], size=3_000).tolist(),
    }
    predictions = rng.normal(size=3_000)
    reference = build_reference(columns, model="m", version="1", predictions=predictions, labels=predictions)
    watch = FeatureWatch(reference, ModelPolicy())
    layout = layout_of(reference)
    screen, watched = DriftScreen(watch._families.watched, layout), watch._families.watched
    for rows in (0, 1, 7, 500, 20_000):
        pane = PredictionPane(key(0), reference.reference_id, events=rows)
        for name, profile in {**reference.features, "(prediction)": reference.prediction}.items():
            counts = FeatureCounts()
            if hasattr(profile, "counts"):
                counts.bins = rng.multinomial(rows, rng.dirichlet(np.ones(profile.counts.size)))
            else:
                counts.categories = {"a": rows} if rows else {}
            counts.cells[OK] = rows
            if name == "(prediction)":
                pane.output = counts
            else:
                pane.features[name] = counts
        packed = layout.packed(pane)
        assert packed.to_wire() == pane.to_wire()
        for phi in (1.0, 3.7):
            of = dict.fromkeys(watched, phi)
            lows = {
                name: watched[name].drift(counts, phi).low
                for name, counts in {**pane.features, "(prediction)": pane.output}.items()
            }
            for tolerance in (0.05, *(low for low in lows.values() if low > 0)):
                exact = {name for name, low in lows.items() if low > tolerance}
                assert screen.beyond(packed, of, tolerance) == exact | {"text"}
                assert screen.beyond(pane, of, tolerance) == exact | {"text"}


HOSTILE = {"empty": "", "long": "n" * 300, "control": "\x00\n\x1b[2J", "quote": '"}{\\', "emoji": "🙂" * 200}


@pytest.mark.parametrize("kind", sorted(HOSTILE))
def test_alerts_about_hostile_names_have_a_wire_form(kind: str) -> None:
    """Every kind that can name a feature: they drift, come apart, go missing, lie far out."""
    name, rng = HOSTILE[kind], np.random.default_rng(5)
    x = rng.normal(size=20_000)
    columns = {
        name: x,
        name + "2": 0.9 * x + 0.4 * rng.normal(size=x.size),
        "(features)": rng.normal(size=x.size),
    }
    said = rng.choice([name or "-", "b"], size=x.size).tolist()
    reference = build_reference(columns, model="m", version="1", predictions=said, labels=said)
    policy = ModelPolicy(pane_ms=MINUTE, tolerances=Tolerances(learning_panes=0))
    watch = VersionWatch(key(0), policy, ReferenceBook([reference]))
    alerts = []
    for number in range(30):
        pane = PredictionPane(key(number), reference.reference_id, events=4_000)
        for feature, profile in reference.features.items():
            counts = FeatureCounts(bins=np.zeros(profile.counts.size, dtype=np.int64))
            counts.bins[-1] = counts.cells[OK] = 2_000  # the other half is missing, all in the outer bin
            pane.features[feature] = counts
        pane.output = FeatureCounts(categories={"b": 4_000})
        assert reference.joint is not None
        pane.joint = type(reference.joint.counts).empty(len(reference.joint.features))
        pane.joint.rows = pane.joint.outliers = 2_000
        pane.joint.products += 2_000 * 1_024 * rng.choice([-1, 1], size=pane.joint.products.size)
        alerts += watch.on_pane(pane)
        alerts += watch.on_pane(label_pane(number, {("b", name): 500}))
    alerts += watch.withdraw(watch.gone_at_ms, "withdrawn: " + name)
    found = {alert["kind"] for alert in alerts}
    assert found >= {"feature_drift", "prediction_drift", "data_quality", "outliers"}
    assert all(encode_alert(alert) for alert in alerts)


def test_a_version_that_is_gone_leaves_nothing_behind() -> None:
    watcher = Watcher("m", ModelPolicy(pane_ms=MINUTE), 0, ReferenceBook())
    empty = len(watcher.snapshot())
    for number in range(50):
        pane = PredictionPane(key(number, f"v{number}"), events=1).to_wire()
        watcher.on_message({"type": "io.tiltmeter.pane.v1", "partition": 0, "epoch": 0, "pane": pane})
    mark = {"partition": 0, "partitions": 1, "epoch": 0, "idle": False}
    for at in (key(60).start_ms, key(60).start_ms + ModelPolicy().forget_ms):
        watcher.on_message({"type": "io.tiltmeter.watermark.v1", "prediction": at, "label": at, **mark})
        held = len(watcher.versions)
    watcher.advance()
    assert held == 0
    assert len(watcher.snapshot()) < empty + 300
