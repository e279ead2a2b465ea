"""Files under k8s/ that follow from others: `PYTHONPATH=tests .venv/bin/python -m ops.k8s_files` writes them."""

from __future__ import annotations

from pathlib import Path

import yaml

from ops.rules import ALERTS
from ops.tools import ROOT
from tiltmeter.kafka.topics import TopicNames, TopicSpec, topic_specs
from tiltmeter.settings import load

K8S = ROOT / "k8s"
CONFIGURATION = K8S / "base" / "tiltmeter.toml"

_RULE_HEAD = """\
# Written from alerts.yml by ops.k8s_files: change that file.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: tiltmeter
spec:
"""
_TOPICS_HEAD = """\
# Written from kafka/topics.py and base/tiltmeter.toml by ops.k8s_files: change those.
"""


def prometheus_rule() -> str:
    """alerts.yml as it is, comments included, as the spec of a resource."""
    body = (f"  {line}" if line else "" for line in ALERTS.read_text().splitlines())
    return _RULE_HEAD + "\n".join(body) + "\n"


def kafka_topics() -> str:
    settings = load(CONFIGURATION)
    specs = topic_specs(
        TopicNames(settings.kafka.topic_prefix),
        source_partitions=settings.topics.partitions,
        replication=settings.topics.replication,
        join_retention_ms=settings.join.retention,
        source_retention_ms=settings.topics.source_retention,
    )
    return _TOPICS_HEAD + "---\n".join(yaml.safe_dump(_kafka_topic(spec), sort_keys=False) for spec in specs)


def _kafka_topic(spec: TopicSpec) -> dict[str, object]:
    return {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaTopic",
        "metadata": {"name": spec.name, "labels": {"strimzi.io/cluster": "kafka"}},
        "spec": {
            "partitions": spec.partitions,
            "replicas": spec.replication,
            "config": dict(sorted(spec.config.items())),
        },
    }


def render() -> dict[Path, str]:
    return {
        K8S / "base" / "prometheusrule.yaml": prometheus_rule(),
        K8S / "strimzi" / "topics.yaml": kafka_topics(),
    }


if __name__ == "__main__":
    for path, text in render().items():
        path.write_text(text)
