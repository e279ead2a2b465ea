"""Writes plain data as YAML, so that a generated file needs no YAML library at run time.

Strings are quoted as JSON strings, which YAML reads the same way: no value can turn into a boolean or a date.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_PLAIN_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_.$-]*\Z")
#: Words YAML 1.1 reads as something else than a string.
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


def to_yaml(document: dict[str, Any]) -> str:
    """Mappings, lists, strings, numbers, booleans and None, in the order given."""
    return "\n".join(_lines(document, "")) + "\n"


def _lines(value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _entry(f"{indent}{_key(key)}:", item, indent + "  ")
    else:
        for item in value:
            if isinstance(item, dict | list) and item:
                first, *rest = _lines(item, indent + "  ")
                yield f"{indent}- {first.lstrip()}"
                yield from rest
            else:
                yield f"{indent}- {json.dumps(item, ensure_ascii=False)}"


def _entry(head: str, item: Any, indent: str) -> Iterator[str]:
    if isinstance(item, dict | list) and item:
        yield head
        yield from _lines(item, indent)
    else:
        yield f"{head} {json.dumps(item, ensure_ascii=False)}"


def _key(key: str) -> str:
    plain = _PLAIN_KEY.match(key) and key.lower() not in _WORDS
    return key if plain else json.dumps(key)
