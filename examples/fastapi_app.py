"""A model behind FastAPI. With fastapi and uvicorn installed: ``uvicorn fastapi_app:app``.

POST /score answers with a prediction and its id; POST /outcome takes the id back when the truth is known.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from pydantic import BaseModel

from tiltmeter.emitter import Emitter

emitter = Emitter(os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "localhost:9092"), model="churn", version="7")


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    yield
    emitter.close()  # what is still queued is delivered before the worker ends


app = FastAPI(lifespan=lifespan)


class Customer(BaseModel):
    tenure_months: float
    monthly_charge: float
    region: str


class Outcome(BaseModel):
    prediction_id: str
    churned: bool


def churn_probability(customer: Customer) -> float:
    """Where your model goes."""
    return min(1.0, customer.monthly_charge / (100 + customer.tenure_months))


@app.post("/score")
def score(customer: Customer) -> dict[str, object]:
    with emitter.timed(customer, segments={"region": customer.region}) as call:
        probability = churn_probability(customer)
        call.prediction, call.score = probability > 0.5, probability
    return {"prediction_id": call.prediction_id, "churn": call.prediction, "probability": probability}


@app.post("/outcome")
def outcome(truth: Outcome) -> dict[str, bool]:
    return {"queued": emitter.feedback(truth.prediction_id, truth.churned, source="crm")}


@app.get("/emitter")
def emitter_stats() -> dict[str, int]:
    """Export these as counters of this service: what the emitter drops, the monitor cannot see."""
    stats = emitter.stats()
    return {"delivered": stats.delivered, "queued": stats.queue_depth, "dropped": stats.dropped_queue_full}
