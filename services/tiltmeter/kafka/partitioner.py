"""Kafka's default partitioner (murmur2), to tell where a key belongs.

librdkafka's own default hashes with CRC32 and agrees with Java, aiokafka and Faust on one key in n partitions
only. A producer that uses it silently breaks the join of two topics by partition number, so ours always set
``murmur2_random`` and the processor samples what foreign ones did (semantics: sixteen records a batch; this
pure-Python form costs a few microseconds a key).
"""

from __future__ import annotations

_MASK = 0xFFFFFFFF
_SEED = 0x9747B28C
_M = 0x5BD1E995
_R = 24


def murmur2(key: bytes) -> int:
    """The 32-bit hash of ``org.apache.kafka.common.utils.Utils.murmur2``, as an unsigned number."""
    length = len(key)
    h = _SEED ^ length
    whole = length & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(key[at : at + 4], "little") * _M & _MASK
        k ^= k >> _R
        h = (h * _M & _MASK) ^ (k * _M & _MASK)
    if whole != length:
        h = (h ^ int.from_bytes(key[whole:], "little")) * _M & _MASK
    h ^= h >> 13
    h = h * _M & _MASK
    return h ^ (h >> 15)


def partition_for(key: bytes, partitions: int) -> int:
    """The partition, 0 <= p < ``partitions``, where Kafka's clients put ``key``."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
