"""What an emitter did in this process."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EmitterStats:
    """Counts since the emitter's first event in this process; a forked child starts at zero.

    ``accepted = delivered + failed_delivery + queue_depth`` in every snapshot. Export them as counters of
    the serving process: what the emitter drops, the monitor cannot see.
    """

    accepted: int = 0
    delivered: int = 0  # acknowledged by all in-sync replicas
    failed_delivery: int = 0
    queue_depth: int = 0  # accepted, not yet settled
    queue_bytes: int = 0
    dropped_queue_full: int = 0
    dropped_unserialisable: int = 0
    dropped_closed: int = 0
    sampled_out: int = 0
    nulled_features: int = 0  # cells that were no scalar and went as null
