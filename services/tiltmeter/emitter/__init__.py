"""What serving code imports: ``from tiltmeter.emitter import Emitter``.

Needs confluent-kafka and orjson, nothing else. Guarantees and failure behaviour: docs/emitter.md.
"""

from tiltmeter.emitter.client import Emitter
from tiltmeter.emitter.stats import EmitterStats
from tiltmeter.emitter.timed import TimedPrediction

__all__ = ["Emitter", "EmitterStats", "TimedPrediction"]
