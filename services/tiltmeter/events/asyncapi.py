"""The topics as an AsyncAPI 3.0 document: who sends what where, with which key, and how the topic is set up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

_KAFKA_BINDING = "0.5.0"


class Topic(NamedTuple):
    """A topic by its default name. ``action``: what Tiltmeter does with it."""

    address: str
    event: str  # prediction, feedback, ...
    action: str  # receive | send
    key: str
    summary: str
    cleanup: str


TOPICS = (
    Topic(
        "tiltmeter.predictions",
        "prediction",
        "receive",
        "prediction_id in UTF-8",
        "Every answer of a model, as it is given.",
        "delete",
    ),
    Topic(
        "tiltmeter.feedback",
        "feedback",
        "receive",
        "prediction_id in UTF-8; the topic has as many partitions as tiltmeter.predictions",
        "What turned out to be true, whenever that becomes known.",
        "delete",
    ),
    Topic(
        "tiltmeter.panes",
        "pane",
        "send",
        "model in UTF-8",
        "Closed panes: what the join counted. For archives and other consumers.",
        "delete",
    ),
    Topic(
        "tiltmeter.alerts",
        "alert",
        "send",
        "model in UTF-8",
        "Alerts that fire and alerts that resolve.",
        "delete",
    ),
)


def asyncapi(schemas: Mapping[str, str]) -> dict[str, Any]:
    """``schemas``: event -> its JSON Schema file beside the document. Topics of other events are left out."""
    topics = [topic for topic in TOPICS if topic.event in schemas]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Tiltmeter",
            "version": "1.0.0",
            "description": "Events of a streaming monitor for models in production. Values are JSON in UTF-8; "
            "readers ignore unknown fields. The prefix of the topic names is configurable.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.event: _channel(topic) for topic in topics},
        "operations": {f"{topic.action}_{topic.event}": _operation(topic) for topic in topics},
        "components": {"messages": {topic.event: _message(topic, schemas[topic.event]) for topic in topics}},
    }


def _channel(topic: Topic) -> dict[str, Any]:
    return {
        "address": topic.address,
        "description": topic.summary,
        "messages": {topic.event: {"$ref": f"#/components/messages/{topic.event}"}},
        "bindings": {
            "kafka": {
                "topic": topic.address,
                "topicConfiguration": {"cleanup.policy": [topic.cleanup]},
                "bindingVersion": _KAFKA_BINDING,
            }
        },
    }


def _operation(topic: Topic) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "action": topic.action,
        "channel": {"$ref": f"#/channels/{topic.event}"},
        "summary": topic.summary,
        "messages": [{"$ref": f"#/channels/{topic.event}/messages/{topic.event}"}],
    }
    if topic.action == "receive":
        group = {"type": "string", "enum": ["tiltmeter"]}
        operation["bindings"] = {"kafka": {"groupId": group, "bindingVersion": _KAFKA_BINDING}}
    return operation


def _message(topic: Topic, schema_file: str) -> dict[str, Any]:
    return {
        "name": f"io.tiltmeter.{topic.event}.v1",
        "title": f"io.tiltmeter.{topic.event}.v1",
        "summary": topic.summary,
        "contentType": "application/json",
        "payload": {"$ref": f"./{schema_file}"},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": topic.key},
                "bindingVersion": _KAFKA_BINDING,
            }
        },
    }
