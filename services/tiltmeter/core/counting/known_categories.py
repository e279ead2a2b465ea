"""Texts by what a reference knows of them."""

from __future__ import annotations

from collections.abc import Mapping

from tiltmeter.core.reference.profile import CategoricalFeature

#: Categories a reference does not know are counted together: a stream cannot grow a pane by naming things.
OTHER = "(unseen)"


def by_known(profile: CategoricalFeature, seen: Mapping[str, int]) -> dict[str, int]:
    """How many of each category of ``profile``, and of all others together."""
    known: dict[str, int] = {}
    for text, n in seen.items():
        name = text if text in profile.categories else OTHER
        known[name] = known.get(name, 0) + n
    return known
