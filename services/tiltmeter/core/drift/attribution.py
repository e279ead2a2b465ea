"""Which of several streams have evidence enough: e-d-BH.

Source: Dandapanthula & Ramdas, "Multiple testing in multi-stream sequential change detection" (2025), after e-BH
(Wang & Ramdas, 2022).
"""

from __future__ import annotations

import math
from collections.abc import Mapping


def declared(log_evidence: Mapping[str, float], log_threshold: float, streams: int) -> list[str]:
    """The top k* streams, k* the largest k with M_(k) ≥ c K / k, by falling evidence; ties by name.

    ``log_evidence``: ln M by stream, of the K = ``streams`` streams of a family at least those with M ≥ c: no other
    can be declared. ``log_threshold``: ln c of the family. If anything is
    declared, the mean of all M is at least c, so a family that alarms on the first declaration has an ARL of at
    least c, whatever the dependence between its streams; a single stream is declared alone from M ≥ c K on.
    """
    ranked = sorted(log_evidence.items(), key=lambda item: (-item[1], item[0]))
    for k in range(len(ranked), 0, -1):
        if ranked[k - 1][1] >= log_threshold + math.log(streams / k):
            return [name for name, _ in ranked[:k]]
    return []
