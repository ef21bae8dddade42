"""From graphs to models of ONNX, in three steps, each a file: calls that ONNX has by name are put in the place of their
nodes (named.py), every other node becomes operators of ONNX by the table's rules (lower.py, rules/), and these become
messages (emit.py).

Owns: nothing itself. The rules stand in write/rules/, each beside its kin, and give themselves to the table.
"""
