"""A configuration that changes under a running processor: taken as a whole, or refused as a whole."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from oracle.scene import PARTITIONS, POLICY, messages, watcher
from tiltmeter.core.panes.messages import read_message
from tiltmeter.core.policy import Tolerances
from tiltmeter.core.watch.watcher import Watcher
from tiltmeter.processor.config_reload import ConfigReload, restart_needed
from tiltmeter.settings import Settings, load


class Processor:
    """What a running processor keeps of its configuration."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "tiltmeter.toml"
        self.applied: list[Settings] = []
        self.now = 1_000.0
        self.save("")
        self.reload = ConfigReload(
            self.path, load(self.path), lambda: load(self.path), self.applied.append, lambda: self.now
        )

    def save(self, text: str) -> None:
        new = self.path.with_suffix(".new")
        new.write_text(text)
        new.replace(self.path)


@pytest.fixture
def processor(tmp_path: Path) -> Processor:
    return Processor(tmp_path)


def test_a_file_that_stays_as_it_is_is_left_alone(processor: Processor) -> None:
    processor.reload.look()
    assert processor.applied == []
    assert processor.reload.successful


def test_new_tolerances_are_applied_once(processor: Processor) -> None:
    processor.now = 2_000.0
    processor.save("[models.churn.tolerances]\nerror_rate = 0.01\n")
    processor.reload.look()
    processor.reload.look()
    (settings,) = processor.applied
    assert settings.join_policy().model("churn").tolerances.error_rate == 0.01
    assert (processor.reload.successful, processor.reload.succeeded_at) == (True, 2_000.0)


def test_a_bad_file_changes_nothing_and_says_so_until_it_is_mended(
    processor: Processor, caplog: pytest.LogCaptureFixture
) -> None:
    processor.now = 2_000.0
    processor.save("[models.churn.tolerances]\nerror_rat = 0.01\n")
    with caplog.at_level(logging.ERROR):
        processor.reload.look()
    assert "error_rat" in caplog.text
    assert (processor.applied, processor.reload.successful, processor.reload.succeeded_at) == (
        [],
        False,
        1_000.0,
    )
    processor.save("[models.churn.tolerances]\nerror_rate = 0.01\n")
    processor.reload.look()
    assert processor.reload.successful
    assert len(processor.applied) == 1


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[kafka]\ntopic_prefix = "other"\n', "kafka.topic_prefix"),
        ('[watermark]\ndelay = "7s"\n', "watermark.delay"),
        ('[default]\npane = "7s"\n', "default.pane"),
        ('[models.churn]\npane = "7s"\n', "models.churn.pane"),
        ('[models.churn]\ntask = "regression"\n', "models.churn.task"),
        (
            "[models.churn]\nfrom_first = 7\n[models.churn.tolerances]\nloss = 0.01\n",
            "models.churn.from_first",
        ),
    ],
)
def test_what_panes_are_made_of_needs_a_restart_and_nothing_of_that_file_is_applied(
    processor: Processor, caplog: pytest.LogCaptureFixture, text: str, key: str
) -> None:
    processor.save(text)
    with caplog.at_level(logging.ERROR):
        processor.reload.look()
    assert key in caplog.text
    assert processor.applied == []
    assert not processor.reload.successful
    assert restart_needed(Settings(), load(processor.path)) == [key]


def test_a_file_that_is_gone_keeps_what_is_in_force(processor: Processor) -> None:
    processor.path.unlink()
    processor.reload.look()
    assert not processor.reload.successful
    assert processor.applied == []


def read_to(reader: Watcher, begin: int, end: int) -> list[str]:
    told: list[str] = []
    for said in list(zip(*(messages(p) for p in range(PARTITIONS)), strict=False))[begin:end]:
        for raw in said:
            reader.on_message(read_message(raw))
        told += [f"{a['kind']} {a['severity']} {a['transition']}" for a in reader.advance()[1]]
    return told


def test_the_same_policy_again_changes_nothing() -> None:
    plain, changed = watcher(), watcher()
    read_to(plain, 0, 150)
    read_to(changed, 0, 90)
    changed = changed.with_policy(POLICY)
    read_to(changed, 90, 150)
    assert changed.snapshot() == plain.snapshot()


def test_a_watcher_goes_on_with_its_totals_under_other_tolerances_and_windows() -> None:
    before = watcher()
    read_to(before, 0, 40)
    tolerant = replace(
        POLICY,
        windows={"short": 4, "day": 500},
        tolerances=Tolerances(
            feature_ks=0.9, feature_ks_large=0.95, error_rate=0.9, error_rate_critical=0.95
        ),
    )
    after = before.with_policy(tolerant)
    assert after.versions.keys() == before.versions.keys()
    for name, watch in after.versions.items():
        old = before.versions[name]
        assert watch.total.to_wire() == old.total.to_wire()
        assert watch.predictions["short"].total.to_wire() == old.predictions["short"].total.to_wire()
        assert watch.predictions.keys() == {"short", "day"}
    loud, quiet = read_to(before, 40, 500), read_to(after, 40, 500)
    assert any(told.startswith("feature_drift") for told in loud)
    assert any(told.startswith("performance") for told in loud)
    assert not any(told.startswith(("feature_drift", "performance")) for told in quiet)
