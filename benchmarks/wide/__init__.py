"""The wide suite, ``python -m benchmarks wide``: many kinds of work beside every peer that is installed.

A workload is one function of an engine's array functions; what differs between packages is in engines.py. Models are in
workloads.py, what they are made of in blocks.py.
"""

from . import blocks  # noqa: F401  importing it enters its rows
