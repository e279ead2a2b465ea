"""k8s/: what kustomize makes of it, and what a cluster with the restricted profile will accept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.k8s_files import CONFIGURATION, K8S, render
from ops.rules import groups
from ops.tools import run
from tiltmeter.settings import load

NAME = {"app.kubernetes.io/name": "tiltmeter"}
Resource = dict[str, Any]


@pytest.fixture(scope="module")
def base() -> dict[str, Resource]:
    return {found["kind"]: found for found in yaml.safe_load_all(run("kustomize", "build", K8S / "base"))}


def pod(base: dict[str, Resource]) -> Resource:
    spec: Resource = base["StatefulSet"]["spec"]["template"]["spec"]
    return spec


def test_a_worker_s_name_is_its_pod_s() -> None:
    """A name that two pods share would let each throw the other out of the group."""
    stateful = yaml.safe_load((K8S / "base" / "statefulset.yaml").read_text())
    (container,) = stateful["spec"]["template"]["spec"]["containers"]
    member = {"valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    assert container["env"] == [{"name": "TILTMETER_PROCESSOR__MEMBER_ID", **member}]


@pytest.mark.parametrize("path", render(), ids=lambda path: path.name)
def test_a_file_that_follows_from_others_is_up_to_date(path: Path) -> None:
    assert path.read_text() == render()[path], "PYTHONPATH=tests .venv/bin/python -m ops.k8s_files writes it"


def test_the_base_has_all_its_parts(base: dict[str, Resource]) -> None:
    assert base.keys() == {
        "ConfigMap",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "PodMonitor",
        "PrometheusRule",
        "Service",
        "StatefulSet",
    }
    assert base["PrometheusRule"]["spec"]["groups"] == groups()
    assert load(CONFIGURATION).processor.port == pod(base)["containers"][0]["ports"][0]["containerPort"]


def test_whatever_selects_pods_selects_ours_and_no_others(base: dict[str, Resource]) -> None:
    assert base["StatefulSet"]["spec"]["template"]["metadata"]["labels"] == NAME
    assert base["Service"]["spec"]["selector"] == NAME
    assert base["NetworkPolicy"]["spec"]["podSelector"] == {"matchLabels": NAME}
    for kind in ("StatefulSet", "PodDisruptionBudget", "PodMonitor"):
        assert base[kind]["spec"]["selector"] == {"matchLabels": NAME}


def test_the_pod_meets_the_restricted_profile(base: dict[str, Resource]) -> None:
    outer = pod(base)["securityContext"]
    assert (outer["runAsNonRoot"], outer["runAsUser"]) == (True, 10001)
    assert outer["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod(base)["automountServiceAccountToken"] is False
    for container in pod(base)["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_a_changed_configuration_changes_the_pod(base: dict[str, Resource]) -> None:
    mounted = next(volume for volume in pod(base)["volumes"] if volume["name"] == "config")
    name = base["ConfigMap"]["metadata"]["name"]
    assert mounted["configMap"]["name"] == name
    assert name != "tiltmeter", "the hash of the content is part of the name"


def test_restoring_does_not_kill_a_worker(base: dict[str, Resource]) -> None:
    container = pod(base)["containers"][0]
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_the_job_is_called_as_the_rules_expect(base: dict[str, Resource]) -> None:
    assert NAME[base["PodMonitor"]["spec"]["jobLabel"]] == "tiltmeter"


def test_strimzi_s_topics_are_a_component_that_an_overlay_can_add(tmp_path: Path) -> None:
    overlay = tmp_path / "overlay"
    overlay.mkdir()
    (overlay / "base").symlink_to(K8S / "base")
    (overlay / "strimzi").symlink_to(K8S / "strimzi")
    (overlay / "kustomization.yaml").write_text("resources: [base]\ncomponents: [strimzi]\n")
    built = list(
        yaml.safe_load_all(run("kustomize", "build", "--load-restrictor=LoadRestrictionsNone", overlay))
    )
    assert len([found for found in built if found["kind"] == "KafkaTopic"]) == 8
