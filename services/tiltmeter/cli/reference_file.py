"""A reference in a file, as commands take it."""

from __future__ import annotations

from pathlib import Path

from tiltmeter.cli.configured import Failure
from tiltmeter.core.reference.profile import ReferenceFormatError, ReferenceProfile


def read_reference(file: Path) -> ReferenceProfile:
    """Raises :class:`Failure`, which names the file, for what is not a reference, or a damaged one."""
    try:
        return ReferenceProfile.from_json(file.read_bytes())
    except ReferenceFormatError as error:
        raise Failure(
            f"{file}: not a reference: build it with tiltmeter reference build ({error})"
        ) from error
