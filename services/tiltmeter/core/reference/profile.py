"""The profile a model version is compared with: what its inputs, outputs and errors looked like when it was
good.

Made by ``reference_building`` from held-out rows; stored and sent as one canonical JSON document.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
import orjson

from tiltmeter.core.panes.score_counts import BINS
from tiltmeter.core.reference.feature_profile import (
    CategoricalFeature,
    NumericFeature,
    Profile,
    ReferenceFormatError,
    profile_from_wire,
    profile_to_wire,
    without_none,
)
from tiltmeter.core.reference.joint_profile import JointProfile

__all__ = [
    "LABEL",
    "OUTPUT",
    "SCHEMA",
    "CategoricalFeature",
    "NumericFeature",
    "Performance",
    "Profile",
    "ReferenceFormatError",
    "ReferenceProfile",
    "Task",
]

SCHEMA = 1
#: What predictions and labels are watched under, beside the features; no feature may have these names.
OUTPUT, LABEL = "(prediction)", "(label)"
Task = Literal["classification", "regression"]


@dataclass(frozen=True, slots=True)
class Performance:
    """How good the model was on ``labelled`` rows.

    Classification: ``errors`` of them, and ``classes``, canonical class keys in ascending order: the 100 most
    frequent in one half of the rows and, where that leaves room, ``unchosen_classes`` of the other half. In that
    other half ``class_counts`` rows had each as their label, ``other_classes`` a class that is not named. So a rare
    class has its name in what panes count; but the counted rows have named the unchosen ones themselves, so drift
    of labels counts those with the other classes (see :class:`CategoricalFeature`).
    Regression: the loss of a row is min(|error|, cap) / cap, in [0, 1]; ``loss_sum`` and ``loss_squares`` sum it
    and its square over fixed-point terms, as panes do. ``cap`` is twice the 99.9 % quantile of |error|: normal
    errors never reach it, and one absurd row counts as 1. ``scale`` is the smallest power of two ≥ the labels'
    standard deviation: the unit of fixed-point sums.
    ``absolute_error_sum`` and ``label_mean`` are in units of the label; ``capped_error_sum`` sums the signed
    errors, capped, as shares of the cap. ``residual_counts`` are the signed errors over ``residual_edges``,
    ``label_counts`` the labels over ``label_edges``. ``phi``: as of a feature, of the losses.

    A binary model with scores, over ``scored`` rows: the sums of the squared distance between score and label and
    of its square, of the capped log loss as a share of its cap and of its square, and of score - label.
    ``calibration``: per bin of a score's logit (score_counts.py) that held rows, (bin, rows, rows of class 1).
    What a reference lacks is not written, so that references of before keep their id.
    """

    task: Task
    labelled: int = 0
    errors: int = 0
    classes: tuple[str, ...] = ()
    loss_sum: float = 0.0
    loss_squares: float = 0.0
    cap: float = 1.0
    scale: float = 1.0
    absolute_error_sum: float = 0.0
    label_mean: float = 0.0
    phi: float | None = None
    scored: int = 0
    brier_sum: float = 0.0
    brier_squares: float = 0.0
    log_loss_sum: float = 0.0
    log_loss_squares: float = 0.0
    score_error_sum: float = 0.0
    capped_error_sum: float | None = None
    residual_edges: tuple[float, ...] = ()
    residual_counts: tuple[int, ...] = ()
    calibration: tuple[tuple[int, int, int], ...] = ()
    label_edges: tuple[float, ...] = ()
    label_counts: tuple[int, ...] = ()
    class_counts: tuple[int, ...] = ()
    other_classes: int = 0
    unchosen_classes: tuple[str, ...] = ()

    def comparable_with(self, first: Performance | None) -> bool:
        """Can outcomes that are counted in the units of the version's ``first`` reference be compared with this one?
        Capped errors are shares of a cap: as shares of another they would look better or worse than they are."""
        return self.task != "regression" or (first is not None and first.cap == self.cap)

    def counts_like(self, other: Performance) -> bool:
        """Do panes that are counted by either mean the same? Of a regression: cap and bins; classes are names."""
        mine = (self.task, self.cap, self.residual_edges, self.label_edges)
        return mine == (other.task, other.cap, other.residual_edges, other.label_edges)

    def label_profile(self) -> NumericFeature | CategoricalFeature | None:
        """How the labels were distributed; None where they were not counted. What panes count of labels lies over the
        same bins and classes. The outer labels are not kept: the outermost edges stand for them."""
        if self.task == "regression" and self.label_counts:
            edges = np.array(self.label_edges, dtype=np.float64)
            low, high = (self.label_edges[0], self.label_edges[-1]) if edges.size else (-math.inf, math.inf)
            return NumericFeature(edges, np.array(self.label_counts, dtype=np.int64), 0, 0, low, high)
        if self.class_counts:
            counts = dict(zip(self.classes, self.class_counts, strict=True))
            unchosen = sum(counts.pop(name, 0) for name in self.unchosen_classes)
            return CategoricalFeature(counts, other=self.other_classes + unchosen, missing=0)
        return None

    def to_wire(self) -> dict[str, Any]:
        lacking: set[str] = set() if self.scored else set(_OF_SCORES)
        lacking |= set() if self.calibration else {"calibration"}
        lacking |= set() if self.residual_counts else {"residual_edges", "residual_counts"}
        lacking |= set() if self.label_counts else {"label_edges", "label_counts"}
        lacking |= set() if self.class_counts else {"class_counts", "other_classes"}
        lacking |= set() if self.unchosen_classes else {"unchosen_classes"}
        return without_none({name: value for name, value in asdict(self).items() if name not in lacking})

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Performance:
        """Raises :class:`ReferenceFormatError` where fields do not fit together."""
        if wire["task"] not in ("classification", "regression"):
            raise ReferenceFormatError(f"performance: unknown task {wire['task']!r}")
        known = {name: wire[name] for name in cls.__dataclass_fields__ if name in wire}
        found = cls(**{**known, **{name: tuple(known.get(name, ())) for name in _TUPLES}})
        found = replace(found, calibration=tuple((b, n, ones) for b, n, ones in found.calibration))
        places = [place for place, *_ in found.calibration]
        if places != sorted(set(places)) or any(
            not (0 <= place < BINS and 0 <= ones <= n > 0) for place, n, ones in found.calibration
        ):
            raise ReferenceFormatError(
                "performance: calibration is not (bin, rows, rows of class 1), ascending"
            )
        _check_bins("residual", found.residual_edges, found.residual_counts)
        _check_bins("label", found.label_edges, found.label_counts)
        rows = (*found.class_counts, found.other_classes)
        if found.class_counts and (len(rows) != len(found.classes) + 1 or min(rows) < 0):
            raise ReferenceFormatError(
                f"performance: {len(rows) - 1} counts do not fit {len(found.classes)} classes"
            )
        return found


_OF_SCORES = (
    "scored", "brier_sum", "brier_squares", "log_loss_sum", "log_loss_squares", "score_error_sum",
)  # fmt: skip
_TUPLES = (
    "classes", "calibration", "residual_edges", "residual_counts", "label_edges", "label_counts", "class_counts",
    "unchosen_classes",
)  # fmt: skip


def _check_bins(what: str, edges: Sequence[float], counts: Sequence[int]) -> None:
    if counts and (len(counts) != len(edges) + 1 or list(edges) != sorted(set(edges)) or min(counts) < 0):
        raise ReferenceFormatError(f"performance: {len(counts)} counts do not fit {len(edges)} {what} edges")


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceProfile:
    """``reference_id`` is "ref-" and 12 hex digits of the BLAKE2b hash of everything else: equal references
    have equal ids wherever they were built. In force from ``effective_from_ms`` (event time, epoch
    milliseconds)."""

    model: str
    version: str
    effective_from_ms: int
    rows: int
    features: Mapping[str, Profile]
    prediction: Profile | None = None
    score: NumericFeature | None = None
    performance: Performance | None = None
    joint: JointProfile | None = None
    reference_id: str = field(default="")
    segment: str = ""  # empty: of all predictions of the version

    def __post_init__(self) -> None:
        if not self.reference_id:
            object.__setattr__(self, "reference_id", _id_of(_to_wire(self)))

    def to_json(self) -> bytes:
        """Canonical: keys sorted, shortest floats. About 130 KB gzipped for 50 continuous features at 256
        bins, 10 of them for the joint profile."""
        return _canonical({**_to_wire(self), "reference_id": self.reference_id})

    @classmethod
    def from_json(cls, document: bytes | str) -> ReferenceProfile:
        """Inverse of :meth:`to_json`; fields it does not know are ignored. Raises
        :class:`ReferenceFormatError`, also when the content does not match the id."""
        try:
            wire = orjson.loads(document)
        except orjson.JSONDecodeError as error:
            raise ReferenceFormatError(f"not JSON: {error}") from error
        if not isinstance(wire, dict) or wire.get("schema") != SCHEMA:
            raise ReferenceFormatError(f"not a reference of schema {SCHEMA}")
        claimed = wire.pop("reference_id", None)
        if claimed != _id_of(wire):
            raise ReferenceFormatError(f"content does not match its id {claimed!r}: damaged or edited")
        try:
            return _from_wire(wire, claimed)
        except ReferenceFormatError:
            raise
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ReferenceFormatError(f"incomplete: {error!r}") from error


def _canonical(wire: Mapping[str, Any]) -> bytes:
    return orjson.dumps(wire, option=orjson.OPT_SORT_KEYS)


def _id_of(wire: Mapping[str, Any]) -> str:
    return "ref-" + hashlib.blake2b(_canonical(wire), digest_size=6).hexdigest()


def _to_wire(profile: ReferenceProfile) -> dict[str, Any]:
    """What is absent is not named: references of before there were joint profiles or segments keep their ids."""
    joint = {"joint": profile.joint.to_wire()} if profile.joint else {}
    segment = {"segment": profile.segment} if profile.segment else {}
    return {
        **joint,
        "schema": SCHEMA,
        **segment,
        "model": profile.model,
        "version": profile.version,
        "effective_from_ms": profile.effective_from_ms,
        "rows": profile.rows,
        "features": {name: profile_to_wire(feature) for name, feature in profile.features.items()},
        "prediction": profile_to_wire(profile.prediction),
        "score": profile_to_wire(profile.score),
        "performance": profile.performance.to_wire() if profile.performance else None,
    }


def _from_wire(wire: Mapping[str, Any], reference_id: str) -> ReferenceProfile:
    for name in (OUTPUT, LABEL):
        if name in wire["features"]:
            raise ReferenceFormatError(
                f"a feature is named {name}: rename it, something else is watched as that"
            )
    features = {name: profile_from_wire(name, feature) for name, feature in wire["features"].items()}
    score = profile_from_wire("score", wire["score"]) if wire["score"] else None
    if isinstance(score, CategoricalFeature):
        raise ReferenceFormatError("score is not numeric")
    return ReferenceProfile(
        model=wire["model"],
        version=wire["version"],
        effective_from_ms=wire["effective_from_ms"],
        rows=wire["rows"],
        features=features,
        prediction=profile_from_wire("prediction", wire["prediction"]) if wire["prediction"] else None,
        score=score,
        performance=Performance.from_wire(wire["performance"]) if wire["performance"] else None,
        joint=_joint(wire["joint"], features) if wire.get("joint") else None,
        reference_id=reference_id,
        segment=wire.get("segment", ""),
    )


def _joint(wire: Mapping[str, Any], features: Mapping[str, Profile]) -> JointProfile:
    joint = JointProfile.from_wire(wire)
    for name, table in zip(joint.features, joint.scores, strict=True):
        profile = features[name]
        if not isinstance(profile, NumericFeature) or table.size != profile.counts.size:
            raise ReferenceFormatError(f"joint: the scores of {name} do not fit its bins")
    return joint
