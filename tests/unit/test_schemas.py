"""The committed schemas are the models, and the examples are the contract."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tiltmeter.events.columns import LogRecord, Record
from tiltmeter.events.decode import decode_feedback, decode_predictions
from tiltmeter.events.prediction import Prediction
from tiltmeter.events.reasons import Reason
from tiltmeter.events.schema_files import MODELS, json_schema, render, schema_file
from tiltmeter.events.timestamp import parse_timestamp

SCHEMAS = Path(__file__).parents[2] / "schemas"
EXAMPLES = SCHEMAS / "examples"
KAFKA_MS = parse_timestamp("2026-01-31T00:00:00Z")
Decode = Callable[[Sequence[Record]], tuple[Any, list[Any]]]
DECODE: dict[str, Decode] = {"prediction": decode_predictions, "feedback": decode_feedback}
#: What JSON Schema cannot see: the log's clock, and the calendar.
BEYOND_SCHEMA = {"future_time--a-year-ahead", "bad_time--no-such-day", "bad_time--after-2200"}
#: What one file of reasonable size cannot show; ``test_events_decode`` and ``test_rejected_record`` do.
WITHOUT_EXAMPLE = {Reason.TOO_LARGE, Reason.CONFLICTING_DUPLICATE}
#: What is no JSON document, or only to a lenient parser.
NOT_JSON = (
    "malformed_json",
    "empty_value",
    "schema_registry_framing",
    "nonfinite_label",
    "bad_prediction--nan",
)


def examples(kind: str, *events: str) -> list[Any]:
    paths = sorted(path for event in events for path in (EXAMPLES / kind / event).glob("*.json"))
    return [pytest.param(path, id=f"{path.parent.name}/{path.stem}") for path in paths]


def schema_examples() -> list[Any]:
    examples_and_stems = [
        (it, it.values[0].stem) for it in examples("invalid", "prediction", "feedback", "alert", "pane")
    ]
    return [
        it for it, stem in examples_and_stems if stem not in BEYOND_SCHEMA and not stem.startswith(NOT_JSON)
    ]


def decode(path: Path) -> tuple[Any, list[Any]]:
    return DECODE[path.parent.name]([LogRecord(7, KAFKA_MS, b"key", path.read_bytes())])


def validator(event: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{event}.v1.schema.json").read_text())
    return jsonschema.Draft202012Validator(schema)


def test_the_committed_files_are_what_the_models_say() -> None:
    committed = {
        path.name: path.read_text() for path in SCHEMAS.iterdir() if path.suffix in {".json", ".yaml"}
    }
    assert committed == render()


@pytest.mark.parametrize("model", MODELS)
def test_every_schema_is_a_valid_schema_and_its_own_examples_validate(model: Any) -> None:
    schema = json_schema(model)
    jsonschema.Draft202012Validator.check_schema(schema)
    for example in schema["examples"]:
        validator(schema["$id"].split(":")[3]).validate(example)
        assert model.model_validate(json.loads(model.model_validate(example).to_json()))
    assert [name for name, field in schema["properties"].items() if "description" not in field] == []


@pytest.mark.parametrize("path", examples("valid", "prediction", "feedback", "alert", "pane"))
def test_a_valid_example_validates(path: Path) -> None:
    validator(path.parent.name).validate(json.loads(path.read_bytes()))


@pytest.mark.parametrize("path", examples("valid", "prediction", "feedback"))
def test_a_valid_example_decodes_without_reservation(path: Path) -> None:
    columns, rejected = decode(path)
    assert (len(columns), rejected, columns.imperfect) == (1, [], {})


@pytest.mark.parametrize("path", examples("invalid", "prediction", "feedback"))
def test_an_invalid_example_is_rejected_for_its_reason(path: Path) -> None:
    columns, rejected = decode(path)
    assert len(columns) == 0
    assert [item.reason for item in rejected] == [path.stem.split("--")[0]]
    assert (rejected[0].offset, rejected[0].key, rejected[0].value) == (7, b"key", path.read_bytes())
    assert len(rejected[0].detail) < 400


@pytest.mark.parametrize("path", schema_examples())
def test_the_schema_refuses_an_invalid_example_too(path: Path) -> None:
    document = json.loads(path.read_bytes())
    assert not validator(path.parent.name).is_valid(document)


@pytest.mark.parametrize("event", ["prediction", "feedback"])
def test_there_are_examples_enough(event: str) -> None:
    assert len(examples("valid", event)) >= 8
    assert len(examples("invalid", event)) >= 12


def test_every_reason_has_an_example() -> None:
    shown = {path.values[0].stem.split("--")[0] for path in examples("invalid", "prediction", "feedback")}
    assert {Reason(reason) for reason in shown} == set(Reason) - WITHOUT_EXAMPLE


def test_asyncapi_refers_to_schemas_that_exist() -> None:
    document = yaml.safe_load((SCHEMAS / "asyncapi.yaml").read_text())
    payloads = {message["payload"]["$ref"] for message in document["components"]["messages"].values()}
    assert payloads == {f"./{schema_file(model)}" for model in MODELS}
    for channel in document["channels"].values():
        assert channel["address"] == channel["bindings"]["kafka"]["topic"]


def test_an_event_is_written_without_absent_fields_and_with_one_form_of_time() -> None:
    event = Prediction(prediction_id="p", model="m", at=0, prediction=1, features={"a": None})
    assert json.loads(event.to_json()) == {
        "prediction_id": "p",
        "model": "m",
        "at": "1970-01-01T00:00:00.000Z",
        "prediction": 1,
        "features": {"a": None},
    }
