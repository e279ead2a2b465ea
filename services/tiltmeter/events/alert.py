"""What the monitor says when evidence passes a threshold, and when it clears: ``io.tiltmeter.alert.v1``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from tiltmeter.events.cloudevent_headers import binary_headers
from tiltmeter.events.event_types import ALERT_TYPE
from tiltmeter.events.timestamp import format_timestamp, parse_timestamp
from tiltmeter.events.wire import EventTime, Finite, Name, WireModel

#: Kinds this version knows. Not an enumeration of the wire: a newer worker may say more.
KINDS = (
    "feature_drift",
    "prediction_drift",
    "label_drift",
    "joint_drift",
    "performance",
    "adwin_gate",
    "drift_and_performance",
    "data_quality",
    "outliers",
    "label_coverage",
    "concept_drift",
    "estimated_performance",
    "monitor",
)
Severity = Literal["info", "warning", "critical"]

_EXAMPLE: JsonDict = {
    "id": "b4c1f0a29d3e4f56",
    "fingerprint": "0d9f3c2b1a807766",
    "transition": "firing",
    "kind": "feature_drift",
    "subject": "(features)",
    "severity": "warning",
    "model": "credit-risk",
    "version": "2026-01-07",
    "segment": "",
    "pane_start": "2026-01-07T12:00:00.000Z",
    "pane_end": "2026-01-07T12:00:10.000Z",
    "first_at": "2026-01-07T12:00:10.000Z",
    "last_at": "2026-01-07T12:00:10.000Z",
    "evidence": {"at_least": 0.112, "estimate": 0.14, "tolerance": 0.1, "drifted": 1.0, "of": 5.0},
    "guarantee": "on average at most one false alarm in 200 days while every true KS distance stays within 0.05",
    "summary": "income has drifted: KS distance about 0.140, proved beyond 0.1 by ks_window",
    "detector": "ks_window+e_sr",
    "subjects": [
        {
            "name": "income",
            "state": "largely_drifted",
            "decided_by": "ks_window",
            "at_least": 0.112,
            "estimate": 0.14,
            "tolerance": 0.1,
            "evidence_ratio": 0.93,
            "rows": 12000.0,
        }
    ],
}


class AlertSubject(WireModel):
    """One of the things an alert is about, as of the last pane in which it looked bad."""

    name: Name = Field(description="The feature, or the measure of performance.")
    state: Name = Field(
        description="What is wrong: drifted, largely_drifted, the state of its cells; above or below what is allowed."
    )
    decided_by: Name = Field(description="Detectors that found it: ks_window, e_sr, ks_window+e_sr.")
    at_least: Finite | None = Field(None, description="The true distance is at least this.")
    estimate: Finite | None = Field(None, description="Distance of the window's sample, or rate of the pane.")
    tolerance: Finite | None = Field(None, description="What would still be accepted.")
    evidence_ratio: Finite | None = Field(
        None, description="Log evidence over log threshold; 1 alone alarms."
    )
    rows: Finite | None = Field(None, description="Values that the numbers rest on.")


class Alert(WireModel):
    """A transition of one alert. Every time is event time, so a replay publishes the same bytes.

    ``id`` is a hash of fingerprint, pane and transition: a repeated publication is recognisable. The record's
    key is ``model``, its headers are those of a CloudEvent in binary mode.
    """

    model_config = ConfigDict(title=ALERT_TYPE, json_schema_extra={"examples": [_EXAMPLE]})

    id: Name = Field(description="Identity of this transition; equal for a repeated publication.")
    fingerprint: Name = Field(description="Identity of the alert: kind, subject, model, version and segment.")
    transition: Literal["firing", "resolved"] = Field(description="What the alert does now.")
    kind: Name = Field(
        description=f"What kind of change was found: {', '.join(KINDS)}; newer versions may know more."
    )
    subject: Name = Field(description="The feature, metric or part of the monitor it is about.")
    severity: Severity = Field(
        description="Performance and proved detectors may be critical; a heuristic never."
    )
    model: Name = Field(description="The model it is about; of the monitor itself: tiltmeter.")
    version: Name = Field(description="The version it is about.")
    segment: Annotated[str, Field(max_length=256)] = Field("", description="Empty: all predictions.")
    pane_start: EventTime = Field(description="Start of the pane that decided, inclusive.")
    pane_end: EventTime = Field(description="Its end, exclusive.")
    first_at: EventTime = Field(description="End of the pane in which the alert fired first.")
    last_at: EventTime = Field(description="End of the last pane that upheld it.")
    resolved_at: EventTime | None = Field(None, description="Present once resolved.")
    evidence: dict[str, Finite] = Field(description="The numbers behind the decision, by name.")
    guarantee: str = Field(description="What is promised about false alarms, or that nothing is.")
    summary: str = Field(description="One sentence for a human.")
    detector: Name = Field(description="What decided, by its name in the code.")
    subjects: Annotated[list[AlertSubject], Field(max_length=50)] | None = Field(
        None,
        description="Of an alert about several features or measures: which, the worst or first first, at most 50.",
    )


def encode_alert(fields: Mapping[str, Any]) -> bytes:
    """The wire form of an alert from its plain fields. Raises pydantic's ValidationError: a bug in a detector."""
    return Alert.model_validate(fields).model_dump_json(exclude_none=True).encode()


def alert_headers(fields: Mapping[str, Any], source: str) -> list[tuple[str, bytes]]:
    """The envelope of an alert, from its plain fields; its time is the end of the pane that decided."""
    time = format_timestamp(parse_timestamp(fields["pane_end"]))
    return binary_headers(ALERT_TYPE, source, fields["id"], time)
