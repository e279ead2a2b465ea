"""The join equals its row-by-row oracle, whatever the batch cuts and however the two logs interleave.

``TILTMETER_FUZZ_CASES=10000 pytest tests/properties/test_join_oracle.py`` runs more cases than the default;
``TILTMETER_FUZZ_FROM`` is the first one's seed.
"""

from __future__ import annotations

import os
import random

import pytest

from oracle import join
from oracle.driver import drive
from oracle.streams import case, learning
from oracle.wire import plain_oracle

CASES = int(os.environ.get("TILTMETER_FUZZ_CASES", "300"))
FROM = int(os.environ.get("TILTMETER_FUZZ_FROM", "0"))
#: Cases per test: a failure names its block and the message its seed.
BLOCK = 100


@pytest.mark.parametrize("first", range(FROM, FROM + CASES, BLOCK))
def test_panes_counters_and_waiting_rows_equal_the_oracle_s(first: int) -> None:
    for seed in range(first, min(first + BLOCK, FROM + CASES)):
        made = case(seed)
        told = drive(made, random.Random(seed))
        expected = join(
            [(r.offset, r.timestamp, r.value) for r in made.predictions],
            [(r.offset, r.timestamp, r.value) for r in made.feedback],
            made.policy,
            made.references,
        )
        about = f"seed {seed}"
        assert told.watermarks == expected.watermarks, about
        assert told.counters == expected.counters, about
        assert told.waiting == expected.waiting, about
        assert told.panes == plain_oracle(expected), about
        assert told.closed == expected.closed, about


@pytest.mark.parametrize("seed", range(FROM, FROM + max(CASES // 10, 1)))
def test_every_batch_cut_and_every_interleaving_gives_the_same_panes(seed: int) -> None:
    made = learning(case(seed)) if seed % 2 else case(seed)
    one_batch_each = drive(made, random.Random(seed), most=10**9, order=("feedback", "predictions"))
    for order in (("predictions", "feedback"), ("feedback", "predictions")):
        assert drive(made, random.Random(seed), most=10**9, order=order) == one_batch_each
        assert drive(made, random.Random(seed), most=1, order=order) == one_batch_each
    assert drive(made, random.Random(seed), most=1) == one_batch_each
