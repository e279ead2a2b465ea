"""Confusion counts that hostile classes cannot grow: what is beyond the kept classes is folded together.

Folding keeps right and wrong apart. A pair of equal classes becomes ((other), (other)), a pair of different
ones that would become the same becomes ((other), (another)): accuracy stays exact.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from tiltmeter.core.panes.kept_names import kept

#: Classes that keep their name, of those that come from the stream; as many as a reference names.
MOST_CLASSES = 100
#: A class of text that is spelled like one of these counts with the folded ones.
OTHER, ANOTHER = "(other)", "(another)"

Confusion = dict[tuple[str, str], int]


def folded_pair(pair: tuple[str, str], keep: Collection[str]) -> tuple[str, str]:
    predicted, actual = pair
    if predicted == actual:
        return pair if predicted in keep else (OTHER, OTHER)
    if predicted not in keep:
        return (OTHER, actual if actual in keep else ANOTHER)
    return (predicted, actual if actual in keep else OTHER)


def folded(confusion: Mapping[tuple[str, str], int], keep: Collection[str]) -> Confusion:
    """Counts over the classes in ``keep``, the rest folded."""
    counts: Confusion = {}
    for pair, n in confusion.items():
        cell = folded_pair(pair, keep)
        counts[cell] = counts.get(cell, 0) + n
    return counts


def bounded(confusion: Confusion, most: int = MOST_CLASSES) -> Confusion:
    """At most ``most`` classes by name; ``confusion`` itself if it has no more.

    The kept ones have the smallest hashes, so a class kept of all is kept of every part: parts that were
    bounded before they were added give the same as their sum. That needs every class that ever came to be
    there, also at zero.
    """
    if 2 * len(confusion) <= most:
        return confusion
    names = {name for pair in confusion for name in pair} - {OTHER, ANOTHER}
    if len(names) <= most:
        return confusion
    return folded(confusion, frozenset(kept(names, most)))
