"""The reference of the simulated model, from rows that the fleet never sends."""

from __future__ import annotations

import numpy as np

from tiltmeter.core.reference.profile import ReferenceProfile
from tiltmeter.core.reference_building.builder import build_reference
from tiltmeter.demo.fleet import MODEL, VERSION, World, draw

ROWS = 40_000


def demo_reference() -> ReferenceProfile:
    """Of the world in good times."""
    random = np.random.default_rng(1)
    rows = [draw(random, World()) for _ in range(ROWS)]
    return build_reference(
        {name: [row.features[name] for row in rows] for name in rows[0].features},
        model=MODEL,
        version=VERSION,
        predictions=[row.prediction for row in rows],
        labels=[row.label for row in rows],
        scores=[row.score for row in rows],
    )
