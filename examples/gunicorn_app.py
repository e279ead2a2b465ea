"""A model behind a prefork WSGI server: ``gunicorn --preload --workers 4 gunicorn_app:app``.

One emitter, made before the fork. Each worker gets its own connection with its first event, and delivers
what it still holds when gunicorn stops it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from typing import Any

from tiltmeter.emitter import Emitter

emitter = Emitter(os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "localhost:9092"), model="fraud", version="3")

StartResponse = Callable[[str, list[tuple[str, str]]], object]


def fraud_score(features: dict[str, Any]) -> float:
    """Where your model goes."""
    return min(1.0, float(features["amount"]) / 10_000)


def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    size = int(environ.get("CONTENT_LENGTH") or 0)
    features = json.loads(environ["wsgi.input"].read(size) or b"{}")
    with emitter.timed(features, request_id=environ.get("HTTP_X_REQUEST_ID")) as call:
        call.score = fraud_score(features)
        call.prediction = "fraud" if call.score > 0.9 else "genuine"
    answer = {"prediction_id": call.prediction_id, "prediction": call.prediction}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(answer).encode()]
