"""``python -m tiltmeter`` and the ``tiltmeter`` command."""

from __future__ import annotations

import sys


def main() -> None:
    """The base install holds the emitter only; commands need the rest."""
    try:
        from tiltmeter.cli.main import cli  # noqa: PLC0415  # so that its absence can be explained
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("tiltmeter"):
            raise
        sys.exit(f"tiltmeter: the commands need {error.name}. Install Tiltmeter with its processor extra.")
    cli()


if __name__ == "__main__":
    main()
