"""The programs in examples/ do what the documentation says of them."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path
from types import ModuleType
from typing import Any
from wsgiref.util import setup_testing_defaults

import orjson
import pytest

from tiltmeter.emitter import Emitter
from tiltmeter.emitter.memory import MemoryTransport
from tiltmeter.kafka.connection import KafkaConnection
from tiltmeter.kafka.embedded import EmbeddedBroker
from tiltmeter.kafka.reader import PartitionReader, TopicPartition

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name: str) -> ModuleType:
    """Imported anew; what it would connect to is up to the test."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def transport() -> MemoryTransport:
    return MemoryTransport()


def emitter(transport: MemoryTransport) -> Emitter:
    return Emitter("unused:9092", model="churn", version="7", open_transport=lambda: transport)


def events(transport: MemoryTransport, kind: str) -> list[dict[str, Any]]:
    return [orjson.loads(value) for value in transport.values(f"tiltmeter.{kind}")]


def test_fastapi_answers_with_an_id_that_its_outcome_takes_back(
    transport: MemoryTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    testclient = pytest.importorskip("fastapi.testclient")
    module = example("fastapi_app")
    monkeypatch.setattr(module, "emitter", emitter(transport))
    with testclient.TestClient(module.app) as client:
        customer = {"tenure_months": 3, "monthly_charge": 90.0, "region": "north"}
        answer = client.post("/score", json=customer).json()
        outcome = {"prediction_id": answer["prediction_id"], "churned": False}
        assert client.post("/outcome", json=outcome).json() == {"queued": True}
        assert client.get("/emitter").json()["dropped"] == 0
        assert client.post("/score", json={"region": "north"}).status_code == 422
    # The end of the client is the end of the application: what was queued has been delivered.
    (prediction,), (feedback,) = events(transport, "predictions"), events(transport, "feedback")
    assert prediction["features"] == customer
    assert (prediction["prediction"], prediction["score"]) == (answer["churn"], answer["probability"])
    assert prediction["segments"] == {"region": "north"}
    assert feedback["prediction_id"] == prediction["prediction_id"] == answer["prediction_id"]
    assert feedback["label"] is False


def test_the_wsgi_application_answers_and_emits(
    transport: MemoryTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = example("gunicorn_app")
    monkeypatch.setattr(module, "emitter", emitter(transport))
    body = orjson.dumps({"amount": 9_500.0})
    environ: dict[str, Any] = {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    setup_testing_defaults(environ)
    statuses: list[str] = []
    answer = orjson.loads(b"".join(module.app(environ, lambda status, _: statuses.append(status))))
    assert module.emitter.close()
    assert statuses == ["200 OK"]
    (prediction,) = events(transport, "predictions")
    assert prediction["prediction_id"] == answer["prediction_id"]
    assert (prediction["prediction"], prediction["score"]) == (answer["prediction"], 0.95) == ("fraud", 0.95)


def test_the_batch_job_delivers_every_row_under_its_own_time(tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("id,at,temperature,wind\na,2024-01-01T00:00:00Z,1.5,2\nb,2024-01-01T01:00:00Z,-3,0\n")
    with EmbeddedBroker({"tiltmeter.predictions": 1, "tiltmeter.feedback": 1}) as broker:
        assert example("batch_scorer").main(str(rows), broker.bootstrap_servers) == 0
        with PartitionReader(KafkaConnection(broker.bootstrap_servers)) as reader:
            records = [
                r for batch in reader.read_to_end(TopicPartition("tiltmeter.predictions", 0)) for r in batch
            ]
    sent = [orjson.loads(record.value or b"") for record in records]
    assert [(event["prediction_id"], event["prediction"]) for event in sent] == [("a", 23.5), ("b", 17.0)]
    assert sent[0]["features"] == {"temperature": 1.5, "wind": 2.0}
