"""The published description of the wire: JSON Schema per event and AsyncAPI for the topics.

Generated from the models, committed under ``schemas/``, compared by a test: what is documented is what is read.
"""

from __future__ import annotations

import json
from typing import Any

from tiltmeter.events.alert import Alert
from tiltmeter.events.asyncapi import asyncapi
from tiltmeter.events.feedback import Feedback
from tiltmeter.events.pane import Pane
from tiltmeter.events.prediction import Prediction
from tiltmeter.events.wire import WireModel
from tiltmeter.events.yaml_text import to_yaml

#: Every event on the wire. Its title names its type and version: ``io.tiltmeter.prediction.v1``.
MODELS: tuple[type[WireModel], ...] = (Prediction, Feedback, Pane, Alert)

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def render() -> dict[str, str]:
    """File name below ``schemas/`` -> text."""
    files = {schema_file(model): _json_text(json_schema(model)) for model in MODELS}
    files["asyncapi.yaml"] = to_yaml(asyncapi({_type(model)[0]: schema_file(model) for model in MODELS}))
    return files


def schema_file(model: type[WireModel]) -> str:
    name, version = _type(model)
    return f"{name}.{version}.schema.json"


def json_schema(model: type[WireModel]) -> dict[str, Any]:
    """What readers accept. The identifier is a URN: it names the schema and promises no address."""
    name, version = _type(model)
    schema = _without_titles(model.model_json_schema())
    return {
        "$schema": _DIALECT,
        "$id": f"urn:tiltmeter:schema:{name}:{version}",
        "title": model.model_config.get("title"),
        **schema,
    }


def _type(model: type[WireModel]) -> tuple[str, str]:
    _, _, name, version = (model.model_config.get("title") or model.__name__).split(".")
    return name, version


def _without_titles(schema: dict[str, Any]) -> dict[str, Any]:
    """Without the titles pydantic makes from field names, which say nothing new, and without null defaults."""
    return {
        key: {name: _field(field) for name, field in value.items()} if key == "properties" else value
        for key, value in schema.items()
        if key != "title"
    }


def _field(field: dict[str, Any]) -> dict[str, Any]:
    drop = {"title", "default"} if field.get("default", "") is None else {"title"}
    return {key: value for key, value in field.items() if key not in drop}


def _json_text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
