"""The benchmark: systems, suites and tables (docs/benchmark-protocol.md).

It knows systems, never how they work.
"""

PROTOCOL = 1  # version of docs/benchmark-protocol.md
