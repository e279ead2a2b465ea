"""What is kept of a model's recent outcomes, to be drawn."""

from __future__ import annotations

import orjson

from tiltmeter.core.panes.outcomes import SUMS, Outcomes
from tiltmeter.core.watch.history import History


def classified(right: int, wrong: int) -> Outcomes:
    return Outcomes(right + wrong, right + wrong, {("cat", "cat"): right, ("cat", "dog"): wrong})


def kept(history: History) -> list[tuple[int, int, int]]:
    return [(start, outcomes.classified, outcomes.correct) for start, outcomes in history]


def test_only_the_newest_panes_are_kept() -> None:
    history = History(kept=3)
    for pane in range(5):
        history.add(pane * 10, classified(pane + 1, 0))
    assert kept(history) == [(20, 3, 3), (30, 4, 4), (40, 5, 5)]


def test_a_pane_without_labels_leaves_no_point() -> None:
    history = History()
    history.add(10, Outcomes())
    assert len(history) == 0


def test_a_correction_changes_its_pane_and_one_of_a_forgotten_pane_changes_nothing() -> None:
    history = History(kept=1)
    history.add(10, classified(5, 0))
    history.add(20, classified(7, 1))
    change = classified(0, 1)
    change.add(classified(1, 0), -1)  # one that counted as right is wrong
    history.amend(20, change)
    history.amend(10, change)
    assert kept(history) == [(20, 8, 6)]


def test_what_is_kept_does_not_grow_with_the_number_of_classes() -> None:
    history = History()
    cells = {(str(said), str(actual)): 1 for said in range(40) for actual in range(40)}
    history.add(10, Outcomes(1600, 1600, cells))
    ((_, outcomes),) = history
    assert (outcomes.classified, outcomes.correct, len(outcomes.confusion)) == (1600, 40, 2)


def test_a_restored_history_is_the_same_also_with_sums_beyond_64_bits() -> None:
    history = History()
    history.add(10, Outcomes(3, 3, {}, [1 << 80] * len(SUMS)))
    history.add(20, classified(2, 2))
    successor = History()
    successor.restore(orjson.loads(orjson.dumps(history.snapshot())))
    assert list(successor) == list(history)
