"""Kafka's jars: resolved once by Maven, kept in the user's cache, never in the repository.

Maven is the client that every JVM shop already has configured (mirrors, proxies, credentials), and it checks
the checksums; a download of our own would have to learn all of that.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from kafkabroker.unavailable import KafkaUnavailableError

KAFKA_VERSION = "4.1.0"
SCALA_VERSION = "2.13"
LOG4J_VERSION = "2.24.3"  # the one that Kafka 4.1.0 brings; its binding is not among Kafka's dependencies

POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>tiltmeter</groupId><artifactId>kafka-for-tests</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_{SCALA_VERSION}</artifactId><version>{KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>{LOG4J_VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""


def cache_directory() -> Path:
    """Where the jars of this version live."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "tiltmeter" / f"kafka-{KAFKA_VERSION}"


def resolve_jars(timeout_seconds: float = 300) -> Path:
    """The folder with Kafka's jars; runs Maven if it is not there yet.

    The folder appears by one rename, so that an interrupted or concurrent resolution never leaves half of it.
    """
    target = cache_directory()
    if target.is_dir():
        return target
    maven = shutil.which("mvn")
    if maven is None:
        raise KafkaUnavailableError("Maven (mvn) is not installed")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="resolving-") as workspace:
        pom = Path(workspace) / "pom.xml"
        pom.write_text(POM)
        jars = Path(workspace) / "jars"
        command = [maven, "-q", "-B", "-C", "-f", str(pom), "dependency:copy-dependencies"]
        command += ["-DincludeScope=runtime", f"-DoutputDirectory={jars}"]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=timeout_seconds, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise KafkaUnavailableError(f"Maven needed more than {timeout_seconds:g} s") from error
        if done.returncode != 0:
            tail = (done.stdout + done.stderr).strip()[-400:]
            raise KafkaUnavailableError(f"Maven could not resolve Kafka {KAFKA_VERSION}: {tail}")
        try:
            jars.rename(target)
        except OSError:
            if not target.is_dir():  # somebody else's finished copy is as good as ours
                raise
    return target
