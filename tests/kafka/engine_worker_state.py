"""The exact stage's local state: what was processed, and up to where, in one SQLite file per partition."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any


class LocalState:
    """Rows, input offsets and changelog offset change in one transaction."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path)
        self._db.executescript(
            """
            PRAGMA synchronous = FULL;
            CREATE TABLE IF NOT EXISTS seen (topic TEXT, at INTEGER, value TEXT, PRIMARY KEY (topic, at));
            CREATE TABLE IF NOT EXISTS position (topic TEXT PRIMARY KEY, next INTEGER);
            """
        )

    @property
    def changelog_next(self) -> int:
        return self._positions().get("", 0)

    @property
    def inputs(self) -> dict[str, int]:
        return {topic: offset for topic, offset in self._positions().items() if topic}

    def apply(self, changelog_offset: int, record: dict[str, Any]) -> None:
        """One changelog record; offsets that were seen before violate the primary key."""
        with self._db:
            if record["kind"] == "batch":
                topic = record["topic"]
                rows = [(topic, at, value) for at, value in record["rows"]]
                self._db.executemany("INSERT INTO seen VALUES (?, ?, ?)", rows)
                self._db.execute("INSERT OR REPLACE INTO position VALUES (?, ?)", (topic, record["end"]))
            self._db.execute("INSERT OR REPLACE INTO position VALUES ('', ?)", (changelog_offset + 1,))

    def seen(self) -> list[tuple[str, int, str]]:
        return self._db.execute("SELECT topic, at, value FROM seen ORDER BY topic, at").fetchall()

    def close(self) -> None:
        self._db.close()

    def _positions(self) -> dict[str, int]:
        return dict(self._db.execute("SELECT topic, next FROM position"))
