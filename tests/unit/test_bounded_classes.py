"""Hostile classes cannot grow a pane, and folding loses neither a right nor a wrong prediction."""

from __future__ import annotations

import random
from collections import Counter

import orjson
import pytest

from tiltmeter.core.panes.bounded_classes import ANOTHER, MOST_CLASSES, OTHER, bounded, folded
from tiltmeter.core.panes.key import PaneKey
from tiltmeter.core.panes.label_pane import LabelPane
from tiltmeter.core.panes.outcomes import Outcomes

Pair = tuple[str, str]


def pairs(rng: random.Random, classes: int, n: int) -> list[Pair]:
    names = [f"class-{i}" for i in range(classes)]
    return [(said, said if rng.random() < 0.3 else rng.choice(names)) for said in rng.choices(names, k=n)]


def right(confusion: dict[Pair, int]) -> int:
    return sum(n for (said, true), n in confusion.items() if said == true)


def test_a_wrong_prediction_never_becomes_right() -> None:
    for seed in range(50):
        rng = random.Random(seed)
        made = dict(Counter(pairs(rng, 12, 200)))
        for keep in (set(), {"class-1"}, {"class-1", "class-2", OTHER, ANOTHER}):
            small = folded(made, keep)
            assert (sum(small.values()), right(small)) == (sum(made.values()), right(made))
            assert folded(small, keep | {OTHER, ANOTHER}) == small
            assert len({name for pair in small for name in pair}) <= len(keep) + 2


def test_few_classes_stay_as_they_are() -> None:
    made = dict(Counter(pairs(random.Random(0), MOST_CLASSES, 3_000)))
    assert bounded(made) is made


@pytest.mark.parametrize("seed", range(10))
def test_bounding_parts_before_adding_gives_what_bounding_the_sum_gives(seed: int) -> None:
    rng = random.Random(seed)
    seen = pairs(rng, 30, 400)
    whole = bounded(dict(Counter(seen)), most=8)
    total: dict[Pair, int] = {}
    while seen:
        cut = rng.randint(1, 60)
        part, seen = bounded(dict(Counter(seen[:cut])), most=8), seen[cut:]
        for pair, n in part.items():
            total[pair] = total.get(pair, 0) + n
        total = bounded(total, most=8)
    assert total == whole


@pytest.mark.parametrize("seed", range(5))
def test_a_pane_of_hostile_labels_and_corrections_is_the_same_bytes_for_every_cut(seed: int) -> None:
    """A correction may take a class out again; which classes are kept must not depend on when."""
    rng = random.Random(seed)
    key = PaneKey(0, 10_000, "m", "1", "")
    panes = []
    for old, new, later in zip(*(pairs(rng, 400, 500) for _ in range(3)), strict=True):
        pane = LabelPane(key)
        pane.cells[(0, 0)] = Outcomes(1, 1, {old: 1})
        for before, after in ((old, new), (new, later)):
            change = Outcomes(0, 0, {after: 1})
            change.amend(Outcomes(0, 0, {before: 1}), sign=-1)
            pane.correct(0, change)
        panes.append(pane)
    one_by_one, in_parts = LabelPane(key), LabelPane(key)
    for pane in panes:
        one_by_one.add(pane)
    rng.shuffle(panes)
    while panes:
        part = LabelPane(key)
        for pane in panes[: (cut := rng.randint(1, 99))]:
            part.add(pane)
        in_parts.add(part)
        panes = panes[cut:]
    assert orjson.dumps(in_parts.to_wire()) == orjson.dumps(one_by_one.to_wire())
    for made in (in_parts.cells[(0, 0)], in_parts.corrections[0]):
        assert len({name for pair in made.confusion for name in pair} - {OTHER, ANOTHER}) <= MOST_CLASSES
