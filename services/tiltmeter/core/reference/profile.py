"""The profile a model version is compared with: what its inputs, outputs and errors looked like when it was
good.

Made by ``reference_builder`` from held-out rows; stored and sent as one canonical JSON document.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
import orjson

from tiltmeter.core.panes.score_counts import BINS
from tiltmeter.core.reference.joint_profile import JointProfile
from tiltmeter.events.columns import Float64, Int64

SCHEMA = 1
#: What predictions are watched under, beside the features; no feature may have this name.
OUTPUT = "(prediction)"
Task = Literal["classification", "regression"]


class ReferenceFormatError(ValueError):
    """A document that is not a reference. Operator action: build it again with ``tiltmeter reference
    build``."""


@dataclass(frozen=True, slots=True, eq=False)
class NumericFeature:
    """``edges`` float64[E] and ``counts`` int64[E+1] over the finite values (see ``core.histogram``).
    ``minimum`` and ``maximum`` bound them; without a finite value they are inf and -inf, so that nothing is
    in range. ``phi``: over-dispersion of panes, ≥ 1; None: to be learned from live panes."""

    edges: Float64
    counts: Int64
    missing: int
    nonfinite: int
    minimum: float
    maximum: float
    phi: float | None = None


@dataclass(frozen=True, slots=True)
class CategoricalFeature:
    """The most frequent categories, at most 100; ``other`` counts the rows of all the rest."""

    categories: Mapping[str, int]
    other: int
    missing: int
    phi: float | None = None


@dataclass(frozen=True, slots=True)
class Performance:
    """How good the model was on ``labelled`` rows.

    Classification: ``errors`` of them, and ``classes``, canonical class keys in ascending order (the 100 most
    frequent). Regression: the loss of a row is min(|error|, cap) / cap, in [0, 1]; ``loss_sum`` and
    ``loss_squares`` sum it and its square over fixed-point terms, as panes do. ``cap`` is twice the 99.9 %
    quantile of |error|: normal errors never reach it, and one absurd row counts as 1. ``scale`` is the
    smallest power of two ≥ the labels' standard deviation: the unit of fixed-point sums.
    ``absolute_error_sum`` and ``label_mean`` are in units of the label; ``capped_error_sum`` sums the signed
    errors, capped, as shares of the cap. ``residual_counts`` are the signed errors over ``residual_edges``.
    ``phi``: as of a feature, of the losses.

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

    def to_wire(self) -> dict[str, Any]:
        lacking: set[str] = set() if self.scored else set(_OF_SCORES)
        lacking |= set() if self.calibration else {"calibration"}
        lacking |= set() if self.residual_counts else {"residual_edges", "residual_counts"}
        return _without_none({name: value for name, value in asdict(self).items() if name not in lacking})

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
        edges, counts = found.residual_edges, found.residual_counts
        if counts and (len(counts) != len(edges) + 1 or list(edges) != sorted(set(edges))):
            raise ReferenceFormatError(
                f"performance: {len(counts)} counts do not fit {len(edges)} residual edges"
            )
        return found


_OF_SCORES = (
    "scored", "brier_sum", "brier_squares", "log_loss_sum", "log_loss_squares", "score_error_sum",
)  # fmt: skip
_TUPLES = ("classes", "calibration", "residual_edges", "residual_counts")


Profile = NumericFeature | CategoricalFeature


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
        "features": {name: _profile_to_wire(feature) for name, feature in profile.features.items()},
        "prediction": _profile_to_wire(profile.prediction),
        "score": _profile_to_wire(profile.score),
        "performance": profile.performance.to_wire() if profile.performance else None,
    }


def _without_none(wire: dict[str, Any]) -> dict[str, Any]:
    """Optional fields that are not there leave no trace: the ids of references without them stay what they were."""
    return {name: value for name, value in wire.items() if value is not None}


def _profile_to_wire(profile: Profile | None) -> dict[str, Any] | None:
    if isinstance(profile, NumericFeature):
        return {
            "kind": "numeric",
            "edges": profile.edges.tolist(),
            "counts": profile.counts.tolist(),
            "missing": profile.missing,
            "nonfinite": profile.nonfinite,
            "minimum": profile.minimum if math.isfinite(profile.minimum) else None,
            "maximum": profile.maximum if math.isfinite(profile.maximum) else None,
            **({} if profile.phi is None else {"phi": profile.phi}),
        }
    return {"kind": "categorical", **_without_none(asdict(profile))} if profile else None


def _from_wire(wire: Mapping[str, Any], reference_id: str) -> ReferenceProfile:
    if OUTPUT in wire["features"]:
        raise ReferenceFormatError(f"a feature is named {OUTPUT}, under which predictions are watched")
    features = {name: _profile(name, feature) for name, feature in wire["features"].items()}
    score = _profile("score", wire["score"]) if wire["score"] else None
    if isinstance(score, CategoricalFeature):
        raise ReferenceFormatError("score is not numeric")
    return ReferenceProfile(
        model=wire["model"],
        version=wire["version"],
        effective_from_ms=wire["effective_from_ms"],
        rows=wire["rows"],
        features=features,
        prediction=_profile("prediction", wire["prediction"]) if wire["prediction"] else None,
        score=score,
        performance=Performance.from_wire(wire["performance"]) if wire["performance"] else None,
        joint=_joint(wire["joint"], features) if wire.get("joint") else None,
        reference_id=reference_id,
        segment=wire.get("segment", ""),
    )


def _profile(name: str, wire: Mapping[str, Any]) -> Profile:
    if wire["kind"] == "categorical":
        return CategoricalFeature(wire["categories"], wire["other"], wire["missing"], wire.get("phi"))
    if wire["kind"] != "numeric":
        raise ReferenceFormatError(f"{name}: unknown kind {wire['kind']!r}")
    edges = np.array(wire["edges"], dtype=np.float64)
    counts = np.array(wire["counts"], dtype=np.int64)
    if counts.size != edges.size + 1 or (counts < 0).any() or not (edges[1:] > edges[:-1]).all():
        raise ReferenceFormatError(f"{name}: {counts.size} counts do not fit {edges.size} ascending edges")
    low = math.inf if wire["minimum"] is None else wire["minimum"]
    high = -math.inf if wire["maximum"] is None else wire["maximum"]
    return NumericFeature(edges, counts, wire["missing"], wire["nonfinite"], low, high, wire.get("phi"))


def _joint(wire: Mapping[str, Any], features: Mapping[str, Profile]) -> JointProfile:
    joint = JointProfile.from_wire(wire)
    for name, table in zip(joint.features, joint.scores, strict=True):
        profile = features[name]
        if not isinstance(profile, NumericFeature) or table.size != profile.counts.size:
            raise ReferenceFormatError(f"joint: the scores of {name} do not fit its bins")
    return joint
