"""How a Kafka main class becomes a process: a JVM of this machine, or the same JVM in a container."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kafkabroker.distribution import KAFKA_VERSION, resolve_jars
from kafkabroker.unavailable import KafkaUnavailableError

IMAGE = f"apache/kafka:{KAFKA_VERSION}"
OLDEST_JAVA = 17  # Kafka 4 brokers


class Launcher(Protocol):
    """Two methods; neither starts anything."""

    def command(self, name: str, directory: Path, java: Sequence[str]) -> list[str]:
        """Arguments of ``java <java...>`` with Kafka on the class path and ``directory`` visible to it."""

    def kill_command(self, name: str) -> list[str] | None:
        """What kills the process behind ``name`` at once; None where SIGKILL to the process itself does."""


@dataclass(frozen=True, slots=True)
class JavaLauncher:
    """A JVM of this machine."""

    java: str
    jars: Path

    def command(self, name: str, directory: Path, java: Sequence[str]) -> list[str]:
        return [self.java, "-cp", f"{self.jars}/*", *java]

    def kill_command(self, name: str) -> list[str] | None:
        return None


@dataclass(frozen=True, slots=True)
class DockerLauncher:
    """The JVM of the official image, on the host's network so that loopback addresses mean the same."""

    docker: str

    def command(self, name: str, directory: Path, java: Sequence[str]) -> list[str]:
        container = [self.docker, "run", "--rm", "--name", name, "--network", "host", "--entrypoint", "java"]
        container += ["--user", f"{os.getuid()}:{os.getgid()}", "--volume", f"{directory}:{directory}", IMAGE]
        return [*container, "-cp", "/opt/kafka/libs/*", *java]

    def kill_command(self, name: str) -> list[str] | None:
        return [self.docker, "kill", name]


def find_launcher() -> Launcher:
    """Java first (it starts in three seconds and dies with us), Docker second.

    Raises :class:`KafkaUnavailableError` with a reason for each.
    """
    tried: list[str] = []
    for find in (_find_java, _find_docker):
        try:
            return find()
        except KafkaUnavailableError as error:
            tried.extend(error.tried)
    raise KafkaUnavailableError(*tried)


def _find_java() -> Launcher:
    home = os.environ.get("JAVA_HOME")
    java = shutil.which(str(Path(home) / "bin" / "java")) if home else None
    java = java or shutil.which("java")
    if java is None:
        raise KafkaUnavailableError("Java is not installed")
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', answer)
    if version is None or int(version[1]) < OLDEST_JAVA:
        found = answer.splitlines()[:1]
        raise KafkaUnavailableError(f"Java {OLDEST_JAVA} or newer is needed, {java} says {found}")
    return JavaLauncher(java, resolve_jars())


def _find_docker() -> Launcher:
    docker = shutil.which("docker")
    if docker is None:
        raise KafkaUnavailableError("Docker is not installed")
    if subprocess.run([docker, "version"], capture_output=True, check=False).returncode != 0:
        raise KafkaUnavailableError("Docker is installed but its daemon does not answer")
    return DockerLauncher(docker)
