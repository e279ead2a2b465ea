"""Passes a batch through Faust's decoding untouched."""

from __future__ import annotations

from typing import Any

import faust
from faust.types import AppT, Message


class BatchSchema(faust.Schema[Any, Any]):
    """No codec: the value of our messages is an object, decoded by the stage, column by column."""

    def loads_key(self, app: AppT, message: Message, **kwargs: Any) -> Any:
        return message.key

    def loads_value(self, app: AppT, message: Message, **kwargs: Any) -> Any:
        return message.value
