"""What one version of a model has learned about its traffic, for the next version to begin with."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field


@dataclass(slots=True)
class Traffic:
    """Over-dispersion by feature, by measure of loss, and of the labels, of one segment of a model: as learned last
    by any version.

    Features are learned on the timeline of predictions, losses and labels on that of labels, and each is read on its
    own: so what a version begins with does not depend on which of the timelines is ahead.
    """

    features: dict[str, float] = field(default_factory=dict)
    losses: dict[str, float] = field(default_factory=dict)
    labels: dict[str, float] = field(default_factory=dict)

    def snapshot(self) -> dict[str, dict[str, float]]:
        return asdict(self)
