"""What the throughput benchmarks share: one stream of events, and a process that is watched while it reads it."""
