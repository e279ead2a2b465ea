"""What the labels of one version are measured by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tiltmeter.core.counting.fill_outcomes import unit_of
from tiltmeter.core.reference.profile import Performance


@dataclass(frozen=True, slots=True)
class Yardstick:
    """Of a version's policy and its first reference, whatever the row, ready to be used label by label.

    ``task``: classification, regression or, by the event, auto. ``unit``: the power of two in which errors are
    quantised. ``cap``: of their size, 0.0 where the reference has none. Edges are None where nothing is counted over
    them, ``classes`` where the reference names none.
    """

    task: str
    unit: float
    cap: float
    residual_edges: Sequence[float] | None
    label_edges: Sequence[float] | None
    classes: frozenset[str] | None

    @classmethod
    def of(cls, task: str, reference: Performance | None, loss_scale: float) -> Yardstick:
        numbers = reference if reference is not None and reference.task == "regression" else None
        cap = max(numbers.cap, 0.0) if numbers else 0.0
        return cls(
            task,
            unit_of(reference, loss_scale),
            cap,
            residual_edges=numbers.residual_edges if numbers and numbers.residual_counts and cap else None,
            label_edges=numbers.label_edges if numbers and numbers.label_counts else None,
            classes=frozenset(reference.classes) if reference and reference.classes else None,
        )
