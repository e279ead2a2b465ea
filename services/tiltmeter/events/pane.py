"""What crosses the border between join and watch: ``io.tiltmeter.pane.v1``.

The processor reads and writes panes as plain JSON (``core.panes``); this model is their published description,
and a test holds the two together.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from tiltmeter.events.wire import Name, WireModel

Count = Annotated[int, Field(ge=0)]
Milliseconds = Annotated[int, Field(description="Epoch milliseconds, UTC.")]

_PACKED = r"^[1-9][0-9]* [mp][0-9]+ -?[0-9]+ [A-Za-z0-9+/]+$"
_COUNTS = {"cells": [98, 2, 0, 0, 1, 0], "bins": [40, 30, 28]}
_EXAMPLE: dict[str, Any] = {
    "type": "io.tiltmeter.pane.v1",
    "form": 1,
    "partition": 3,
    "epoch": 7,
    "pane": {
        "kind": "prediction",
        "model": "credit-risk",
        "version": "7",
        "segment": "",
        "start": 1767787200000,
        "width": 10000,
        "reference_id": "ref-0123456789ab",
        "events": 101,
        "weight": 101,
        "errors": 1,
        "unknown_features": 0,
        "features": {"income": _COUNTS},
        "output": {"cells": [100, 0, 0, 0, 0, 0], "categories": {"0": 70, "1": 30}},
        "scores": [10] * 10,
        "latencies": [0] * 14,
        "latency_us": 0,
        "lifted": False,
    },
}


class FeatureCounts(WireModel):
    """Of one feature. ``bins`` lie over the edges of the reference; ``sparse`` is the same, as size and (index,
    count) pairs, and so is ``packed``, as a text: one of the three is there. ``categories`` are those of the
    reference and "(unseen)". While a reference is being learned, numbers are in ``log_bins``, (bin, count) pairs of a
    log-linear histogram, and texts in ``categories``."""

    cells: list[int] = Field(
        min_length=6,
        max_length=6,
        description="ok, missing (filled in at closing), type_error, nonfinite; of ok: out_of_range, unseen.",
    )
    bins: list[Count] | None = None
    sparse: list[Count] | None = None
    packed: str | None = Field(
        None,
        pattern=_PACKED,
        description="Four parts with a space between: the number of bins n; m or p, and a number k; a number b; and "
        "bits as Base64 (RFC 4648, without padding), the highest bit of a byte first. The bits are n times: g zeros "
        "and a one; then n times the lower k + g bits, the highest first, of a number y whose highest bit is bit "
        "k + g; then zeros up to the end of the byte. From each y follows z = y - 2^k, and from z the difference d = "
        "z / 2 if z is even, -(z + 1) / 2 if it is odd. The count of the first bin is b + d. Of any other bin it is "
        "b + d after an m, and the count of the bin before + d after a p. All of it fits 64-bit integers. "
        "Example: '4 p0 10 pkA' is 10, 9, 11, 11.",
    )
    categories: dict[str, Count] | None = None
    log_bins: list[tuple[int, Count]] | None = None


class Answers(WireModel):
    """What a classifier answered, known before any label."""

    classes: dict[str, Count] = Field(
        description='Answers per class; beyond 20 classes the rest in "(other)".'
    )
    scores: list[tuple[Count, Count, Count, Count, Count]] | None = Field(
        None,
        description="Per bin of 256 on the logit scale in [-12, 12]: the bin, how many answered 0, the sum of their "
        "scores with 20 fraction bits, how many answered 1, the sum of theirs.",
    )


class JointCounts(WireModel):
    """How the d features of the reference's joint profile go together, over the rows that have a number in each.
    ``sums`` of d scores, ``products`` of two scores: the d (d+1) / 2 of the upper triangle, row by row. Or both,
    one after the other, ``packed`` as a feature's counts are: n is then d (d+3) / 2."""

    rows: Count
    outliers: Count = Field(description="Rows farther out than 99.9 % of the reference's.")
    sums: list[int] | None = None
    products: list[int] | None = None
    packed: str | None = Field(None, pattern=_PACKED)


class EmbeddingCounts(WireModel):
    """The mean embedding of a sample of those rows. ``sums`` with 14 fraction bits: of the cosines of 128 random
    projections of a row's scores, then of the sines. Which projections, the reference says."""

    rows: Count
    sums: list[int] = Field(min_length=256, max_length=256)


class PredictionPane(WireModel):
    """Predictions whose ``at`` lies in ``[start, start + width)``. All numbers merge by addition."""

    kind: Literal["prediction"]
    model: Name
    version: Name
    segment: str
    start: Milliseconds
    width: Count
    reference_id: str = Field(description="Empty: no reference was in force.")
    events: Count
    weight: Count
    errors: Count
    unknown_features: Count
    features: dict[str, FeatureCounts]
    output: FeatureCounts
    scores: list[Count]
    latencies: list[Count]
    latency_us: Count
    expectations: dict[str, list[Count]] | None = Field(
        None,
        description="Per feature of which something is expected: cells that are missing, of a wrong type, below, "
        "above, not allowed.",
    )
    answers: Answers | None = None
    lifted: bool = Field(description="Closed or filled under a lifted watermark: a replay may differ here.")
    joint: JointCounts | None = Field(None, description="Absent: the reference has no joint profile.")
    embedding: EmbeddingCounts | None = Field(
        None, description="Absent: no row was sampled; the model's mmd_share may be 0."
    )


class Scores(WireModel):
    """Scores of a binary model by label, only bins that are not empty. ``negatives`` and ``positives``: bin, count,
    bin, count, ... over 256 bins that are uniform in the logit from -12 to 12. ``reliability``: bin, labels, sum of
    scores with 20 fraction bits, positives, ... over 15 equal-width bins."""

    negatives: list[int]
    positives: list[int]
    reliability: list[int]


class Outcomes(WireModel):
    """Labelled predictions. A correction's numbers may be negative: they are differences."""

    n: int
    weight: int
    unit: float = Field(description="Power of two in which errors and labels of a regression were quantised.")
    confusion: list[tuple[str, str, int]] = Field(
        description="(predicted, actual, count) per pair of classes; beyond 100 classes, or those of the reference, "
        "they are (other), and two different ones (other), (another)."
    )
    sums: list[int] = Field(
        description="Fixed-point sums with 20 fraction bits; the first is a plain count. Missing at the end: 0."
    )
    scores: Scores | None = None
    residuals: list[tuple[int, int]] | None = Field(
        None, description="(bin, count): errors over the residual bins of the version's first reference."
    )
    targets: list[tuple[int, int]] | None = Field(
        None, description="(bin, count): labels over the label bins of the version's first reference."
    )


class Cell(Outcomes):
    """Outcomes of one cohort of predictions at one age of the label."""

    cohort: Milliseconds
    age: Count = Field(
        description="Bucket: 1 min, 5 min, 1 h, 6 h, 1 d, 3 d, 7 d, 14 d, 30 d, 60 d, 90 d, more."
    )


class Correction(Outcomes):
    """What corrected labels change in the pane that counted them first."""

    pane: Milliseconds


class Weighted(WireModel):
    """First labels that came with the probability that they would: weights are its inverse. Sums have 20 fraction
    bits."""

    n: Count
    weight: Count = Field(description="Sum of the weights.")
    right: Count = Field(description="Sum of the weights of right answers.")
    squares: Count = Field(description="Sum of the squares of the weights.")
    refused: Count = Field(description="Labels whose probability was below .01.")


class LabelPane(WireModel):
    """Labels that became known in ``[start, start + width)``."""

    kind: Literal["label"]
    model: Name
    version: Name
    segment: str
    start: Milliseconds
    width: Count
    feedback: dict[str, Count]
    cells: list[Cell]
    corrections: list[Correction]
    weighted: Weighted | None = None
    lifted: bool


class Pane(WireModel):
    """A closed pane of one source partition, under the epoch of its owner. The record's key is ``model``.

    Watermarks (``io.tiltmeter.watermark.v1``) travel in the same topic and are internal.
    """

    model_config = ConfigDict(title="io.tiltmeter.pane.v1", json_schema_extra={"examples": [_EXAMPLE]})

    type: Literal["io.tiltmeter.pane.v1"] = Field(description="Other records of the topic are watermarks.")
    form: Literal[1] = Field(description="Of the numbers inside.")
    partition: Count = Field(description="Source partition that was counted.")
    epoch: Count = Field(description="Of the partition's owner; lower ones after a claim are void.")
    pane: Annotated[PredictionPane | LabelPane, Field(discriminator="kind", description="What was counted.")]
