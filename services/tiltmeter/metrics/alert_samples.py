"""The alerts a model can raise: which are firing, and how often they have fired."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tiltmeter.core.watch.version_watch import VersionWatch
from tiltmeter.metrics.sample import Sample


def alert_samples(watch: VersionWatch) -> Iterator[Sample]:
    """Every alert that can fire is there, at 0 as long as it has not."""
    of = (watch.model, watch.version, watch.segment)
    fired: Counter[tuple[str, str]] = Counter()
    for alert in watch.alerts():
        kind, _, severity = alert.names
        fired[(kind, severity)] += alert.state.fired
        yield Sample("alert_active", (*of, *alert.names), float(alert.firing))
    for names, count in fired.items():
        yield Sample("alerts", (*of, *names), count)
