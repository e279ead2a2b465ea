"""Producers, readers, topics and an embedded broker: the only place that imports confluent_kafka.

Nothing here knows what an event or a pane is: records are keys, values, headers, timestamps and offsets.
Modules are imported by name, so that serving code, which writes only, does not pay for the reader's numpy.
"""
