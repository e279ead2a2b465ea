"""What each topic must be."""

from __future__ import annotations

from tiltmeter.kafka.topics import TopicNames, TopicSpec, topic_specs


def specs(replication: int = 1, source_partitions: int = 64) -> dict[str, TopicSpec]:
    made = topic_specs(
        TopicNames("t"),
        source_partitions=source_partitions,
        replication=replication,
        join_retention_ms=123_000,
    )
    return {spec.name.removeprefix("t."): spec for spec in made}


def test_every_name_has_a_spec_and_carries_the_prefix() -> None:
    assert {f"t.{name}" for name in specs()} == set(TopicNames("t").all())
    assert TopicNames().predictions == "tiltmeter.predictions"


def test_the_join_finds_its_changelog_and_both_sources_under_one_partition_number() -> None:
    counts = {name: spec.partitions for name, spec in specs().items()}
    assert counts["predictions"] == counts["feedback"] == counts["joinlog"] == 64


def test_panes_never_have_more_partitions_than_watermarks_can_afford() -> None:
    assert specs()["panes"].partitions == specs()["snapshots"].partitions == 16
    assert specs(source_partitions=3)["panes"].partitions == 3


def test_the_changelog_is_deleted_by_age_of_the_append_and_never_compacted() -> None:
    config = specs()["joinlog"].config
    assert config["cleanup.policy"] == "delete"
    assert config["retention.ms"] == "123000"
    assert config["message.timestamp.type"] == "LogAppendTime"


def test_the_latest_state_per_key_is_kept() -> None:
    for name in ("snapshots", "references"):
        assert specs()[name].config["cleanup.policy"] == "compact"
        assert specs()[name].config["max.message.bytes"] == str(8 * 1024 * 1024)


def test_two_replicas_must_have_a_record_where_three_exist() -> None:
    assert {spec.config["min.insync.replicas"] for spec in specs(replication=3).values()} == {"2"}
    assert {spec.config["min.insync.replicas"] for spec in specs(replication=1).values()} == {"1"}
