"""Settings for a command, and clean endings for what an operator can mend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec

import click
from pydantic import ValidationError

from tiltmeter.archive.layout import ArchiveError
from tiltmeter.core.reference.profile import ReferenceFormatError
from tiltmeter.kafka.errors import ConnectionSettingsError, KafkaLogError
from tiltmeter.settings import Settings, load

P = ParamSpec("P")

#: Exit codes: 1 something failed, 2 the command or its configuration cannot work as given.
FAILED, MISUSED = 1, 2


class Failure(click.ClickException):
    """Ends the command with one message and no traceback."""

    exit_code = FAILED


class BadConfiguration(click.ClickException):
    exit_code = MISUSED


def configured(command: Callable[Concatenate[Settings, P], None]) -> Callable[P, None]:
    """Pass the settings first; a configuration that cannot work ends the command and names the key."""

    @wraps(command)
    def call(*args: P.args, **kwargs: P.kwargs) -> None:
        path: Path | None = click.get_current_context().obj
        try:
            settings = load(path)
        except (ValidationError, FileNotFoundError, ValueError) as error:
            raise BadConfiguration(explain(error, path)) from error
        with mendable():
            command(settings, *args, **kwargs)

    return call


@contextmanager
def mendable() -> Iterator[None]:
    """Errors that say what to do are shown as they are; all others keep their traceback."""
    try:
        yield
    except ConnectionSettingsError as error:
        raise BadConfiguration(str(error)) from error
    except (KafkaLogError, ReferenceFormatError, ArchiveError) as error:
        raise Failure(str(error)) from error


def explain(error: Exception, path: Path | None) -> str:
    """What is wrong with a configuration, by key path."""
    where = f" in {path}" if path else ""
    if isinstance(error, FileNotFoundError):
        return f"{error}: copy docs/tiltmeter.toml there, or leave --config out to run with the defaults"
    if not isinstance(error, ValidationError):
        return f"configuration{where}: {error}"
    lines = [f"configuration{where} cannot be used:"]
    for item in error.errors():
        key = ".".join(map(str, item["loc"])) or "(top level)"
        problem = (
            "unknown key" if item["type"] == "extra_forbidden" else item["msg"].removeprefix("Value error, ")
        )
        lines.append(f"  {key}: {problem}")
    return "\n".join(lines)
