"""The page as it is served: style and scripts inside, and a policy that lets the browser run nothing else."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

#: In this order, as one script: later ones use earlier ones.
SCRIPTS = (
    "elements.js",
    "format.js",
    "distribution_chart.js",
    "performance_chart.js",
    "timeline_chart.js",
    "interval_chart.js",
    "models.js",
    "alerts.js",
    "model.js",
    "measures.js",
    "drift.js",
    "worker.js",
    "keys.js",
    "polling.js",
)


class Document(NamedTuple):
    html: bytes
    headers: dict[str, str]


@cache
def document() -> Document:
    """Read once per process. Names of models and features are hostile: scripts write them as text only, and by the
    policy no other script could run."""
    style = _source("style.css")
    script = "'use strict';\n(() => {\n" + "\n".join(_source(name) for name in SCRIPTS) + "\n})();\n"
    html = _source("page.html").replace("/*style*/", style).replace("/*script*/", script)
    policy = "; ".join(
        (
            "default-src 'none'",
            "connect-src 'self'",
            "img-src data:",
            f"style-src {_hash(style)}",
            f"script-src {_hash(script)}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'self'",
        )
    )
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }
    return Document(html.encode(), headers)


def _source(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    """Of what stands between the tags, as the browser computes it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
