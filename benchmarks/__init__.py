"""Speed and memory of graphdiff beside its peers: ``python -m benchmarks --help``."""
