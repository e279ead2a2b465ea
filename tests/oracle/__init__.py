"""JOIN, once more, as plainly as it can be said: the columnar code is compared with this.

Two logs of one partition in, panes and counters out. Nothing here knows batches, stores, arrays or the order in
which the two logs were read. Rows, dicts and loops only; slow on purpose.
"""

from __future__ import annotations

from oracle.join import Joined, join

__all__ = ["Joined", "join"]
