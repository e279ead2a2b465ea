"""What Tiltmeter's statistics promise, measured: `make stats` writes docs/statistics/results.md.

Each table has a file that says what is simulated (tasks, seeded by their names) and how the results read
(markdown). Detectors are never re-implemented: panes go through the real VersionWatch.
"""
