"""Configuration: one tree, and nothing that cannot work gets past the start."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from tiltmeter.settings import Settings, load


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("TILTMETER_"):
            monkeypatch.delenv(name)


def _file(folder: Path, text: str) -> Path:
    path = folder / "tiltmeter.toml"
    path.write_text(text)
    return path


def test_without_a_file_the_defaults_hold() -> None:
    assert load(None).model_dump() == Settings().model_dump()


def test_the_reference_configuration_in_the_docs_decodes_to_exactly_the_defaults() -> None:
    reference = Path(__file__).parents[2] / "docs" / "tiltmeter.toml"
    assert load(reference).model_dump() == Settings().model_dump()


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _file(tmp_path, '[kafka]\nbootstrap_servers = "file:9092"\ntopic_prefix = "from-file"\n')
    monkeypatch.setenv("TILTMETER_KAFKA__BOOTSTRAP_SERVERS", "env:9092")
    kafka = load(path).kafka
    assert (kafka.bootstrap_servers, kafka.topic_prefix) == ("env:9092", "from-file")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[kafka]\ntopic_prefx = "x"\n', "kafka.topic_prefx"),
        ('[watermark]\ndelay = "5 parsecs"\n', "watermark.delay"),
        ("[watermark]\ndelay = 5\n", "watermark.delay"),
        ('[join]\nretention = "0s"\n', "join.retention"),
        ("[processor]\nport = 70000\n", "processor.port"),
        ('[models.churn]\ndetection_window = "week"\n', "models.churn"),
        ("[models.churn]\nwindows = { short = 0 }\n", "models.churn"),
        ("[models.churn]\nmmd_share = 0.1\njoint = false\n", "models.churn"),
        ("[models.churn]\nmmd_share = 1.1\n", "models.churn.mmd_share"),
        ("[default.tolerances]\nfeature_ks = 1.5\n", "default.tolerances.feature_ks"),
        ("[default.weights]\nperformance = 0.6\n", "default.weights"),
        ("[models.churn.weights]\nquality = 0\n", "models.churn.weights.quality"),
    ],
)
def test_a_bad_value_names_its_key_and_does_not_start(tmp_path: Path, text: str, key: str) -> None:
    with pytest.raises(ValidationError) as caught:
        load(_file(tmp_path, text))
    assert key in [".".join(map(str, error["loc"])) for error in caught.value.errors()]


def test_a_file_that_does_not_exist_is_an_error_not_a_default(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load(tmp_path / "nowhere.toml")


def test_a_model_section_replaces_the_default_for_that_model_only(tmp_path: Path) -> None:
    path = _file(tmp_path, '[models.churn]\npane = "1m"\nwindows = { short = 5, day = 1440 }\n')
    policy = load(path).join_policy()
    assert policy.model("churn").pane_ms == 60_000
    assert policy.model("other").pane_ms == 10_000


def test_a_password_is_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILTMETER_KAFKA__SASL_PASSWORD", "hunter2")
    assert "hunter2" not in repr(load(None))
    assert "hunter2" not in load(None).model_dump_json()


def test_a_pod_s_name_can_be_the_worker_s(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(None).processor.member_id is None
    monkeypatch.setenv("TILTMETER_PROCESSOR__MEMBER_ID", "tiltmeter-0")
    assert load(None).processor.member_id == "tiltmeter-0"
    monkeypatch.setenv("TILTMETER_PROCESSOR__MEMBER_ID", "tiltmeter 0")  # Kafka allows no space
    with pytest.raises(ValidationError, match=r"processor\.member_id"):
        load(None)
