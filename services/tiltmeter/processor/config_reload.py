"""New per-model settings while the processor runs.

What WATCH decides with (windows, tolerances) and what is expected of features may change at any moment: state is
carried over. What panes are made of (their width, the task, topics, retention) may not: it needs a restart, and a
configuration that changes it is refused as a whole, so that what runs is always one configuration.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from tiltmeter.settings import Settings

#: Fields of a model's section that take effect without a restart.
LIVE = frozenset(
    {
        "windows",
        "detection_window",
        "tolerances",
        "weights",
        "expectations",
        "silent_panes",
        "forget_after",
    }
)
#: How often the file is looked at.
LOOK_SECONDS = 2.0

log = logging.getLogger(__name__)


def restart_needed(old: Settings, new: Settings) -> list[str]:
    """Key paths that differ and cannot change while the processor runs, sorted."""
    sections = [name for name in Settings.model_fields if name not in ("default", "models")]
    keys = [
        f"{section}.{key}"
        for section in sections
        for key in _different(getattr(old, section), getattr(new, section))
    ]
    keys += [f"default.{key}" for key in _different(old.default, new.default) if key not in LIVE]
    for model in {*old.models, *new.models}:
        before, after = (settings.models.get(model, settings.default) for settings in (old, new))
        keys += [f"models.{model}.{key}" for key in _different(before, after) if key not in LIVE]
    return sorted(keys)


def _different(old: Any, new: Any) -> list[str]:
    return [name for name in type(old).model_fields if getattr(old, name) != getattr(new, name)]


class ConfigReload:
    """Reads the configuration again when its file changes and on SIGHUP, and hands it to ``apply``.

    ``read`` returns new settings or raises ValueError with what an operator should see. A context manager around
    the event loop's work; nothing raises into it.
    """

    def __init__(
        self,
        path: Path | None,
        settings: Settings,
        read: Callable[[], Settings],
        apply: Callable[[Settings], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._settings = settings
        self._read = read
        self._apply = apply
        self._clock = clock
        self._seen = self._stamp()
        #: What the last attempt came to, and when (seconds since 1970) the configuration in force was read.
        self.successful = True
        self.succeeded_at = clock()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        with suppress(NotImplementedError):  # no such signal on this platform: the file is still watched
            loop.add_signal_handler(signal.SIGHUP, self.reload)
        self._watching = loop.create_task(self._watch(), name="configuration")
        return self

    async def __aexit__(self, *_: object) -> None:
        with suppress(NotImplementedError):
            asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
        self._watching.cancel()
        with suppress(asyncio.CancelledError):
            await self._watching

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.look()

    def look(self) -> None:
        """Reload if the file is not the one that was read last. A file that is gone keeps what is in force."""
        stamp = self._stamp()
        if stamp != self._seen:
            self.reload()

    def reload(self) -> None:
        """Take the configuration as it is now, or keep the one in force and say why."""
        self._seen = self._stamp()
        try:
            new = self._read()
            if keys := restart_needed(self._settings, new):
                raise ValueError(f"these need a restart: {', '.join(keys)}. Nothing was changed.")
        except (ValueError, OSError) as error:
            self.successful = False
            log.error("configuration not reloaded: %s", error)
            return
        changed = changed_models(self._settings, new)
        if changed:
            self._apply(new)
            log.info("configuration reloaded: %s", ", ".join(changed))
        self._settings = new
        self.successful, self.succeeded_at = True, self._clock()

    def _stamp(self) -> tuple[int, int, int] | None:
        """Changes with every save, also where a mounted file is replaced through a link."""
        if self._path is None:
            return None
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


def changed_models(old: Settings, new: Settings) -> list[str]:
    """Sections whose models are watched differently now, "default" first."""
    names = ["default"] if old.default != new.default else []
    sections = {*old.models, *new.models}
    return names + sorted(name for name in sections if old.models.get(name) != new.models.get(name))
