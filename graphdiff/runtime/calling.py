"""How a function is called and what it gives back: the structures of its arguments and of its results.

Owns: from what a caller gives to one object for each input, from result arrays to the structure that was asked for.
Must not know: what arrays an input takes; files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import FeedError, GraphError
from ..ir.dims import Dim
from ..ops.messages import describe, where_am_i
from ..ops.tensor import Tensor, as_tensor
from ..ops.trees import LEAF, ONE, WHAT_NESTS, Tree, flatten, is_nest, told_kind
from ..transforms.sparsity import SparseJacobian
from .sparse import Sparse

Packer = Callable[[Sequence[np.ndarray], Mapping[str, Sparse]], Any]


class Structure(NamedTuple):
    """``arguments``: a list with the structure of each argument; ``results``: of what a call gives; ``sparse``: which
    leaves of the results are matrices, by index - of a pattern, or of one found at the call, by the name of its number
    of entries."""

    arguments: Tree
    results: Tree
    sparse: Mapping[int, Sparse | Dim]

    @property
    def form(self) -> str:
        """ "one", "list" or "tuple" where results are that and nothing more, else "pack"."""
        return "pack" if self.sparse else self._flat

    @property
    def _flat(self) -> str:
        tree = self.results
        if tree.kind != LEAF and any(c.kind != LEAF for c in tree.children):
            return "pack"
        return {LEAF: "one", list: "list", tuple: "tuple"}.get(tree.kind, "pack")

    def packer(self) -> Packer:
        """What gives the results of a call in their structure, given its arrays and the patterns by name."""
        n, sparse = self.results.size, tuple(self.sparse.items())
        build: Callable[[list[Any]], Any] | None = {
            "one": lambda items: items[0],
            "list": None,
            "tuple": tuple,
            "pack": self.results.build,
        }[self._flat]

        def pack(arrays: Sequence[np.ndarray], found: Mapping[str, Sparse]) -> Any:
            items: list[Any] = list(arrays[:n])
            for index, pattern in sparse:
                items[index] = (found[pattern] if isinstance(pattern, Dim) else pattern).matrix(items[index])
            return items if build is None else build(items)

        return pack

    def feeds(self, name: str, args: Sequence[Any]) -> list[Any]:
        """What is given by position for the first inputs: each argument in its structure, or, where none of them is
        one, an array for each input. ``name``: the function's. Raises FeedError with the path where they differ."""
        slots = self.arguments.children
        n = self.arguments.size
        if len(args) == n != len(slots) and not any(map(is_nest, args)):
            return list(args)
        if len(args) > len(slots):
            raise FeedError(f"{name} takes {len(slots)} input{'s' * (len(slots) != 1)}, got {len(args)}")
        found: list[Any] = []
        for k, (slot, given) in enumerate(zip(slots, args)):
            if slot.kind == LEAF:
                found.append(given)
            else:
                found += slot.spread(name, given, f"inputs[{k}]", f"args[{k}]", FeedError, arrays=True)
        return found

    def buffers(self, out: Any) -> list[Any]:
        """What is given for each result: in the structure of the results, or one array after the other."""
        n = self.results.size
        given = [out] if isinstance(out, np.ndarray) else out
        if isinstance(given, (list, tuple)) and len(given) == n and all(isinstance(a, np.ndarray) for a in given):
            return list(given)
        try:
            found = self.results.spread("bind", out, "results", "out", FeedError, arrays=True)
            for path, a in zip(self.results.paths("out"), found):
                if isinstance(a, (list, tuple)):
                    raise FeedError(f"bind: {path} is {told_kind(a)}")
            return found
        except FeedError as e:
            told = f"give a list of {n} array{'s' * (n != 1)} ({e.fact.removeprefix('bind: ')})"
            raise FeedError(f"bind: out has not the structure of the results; {told}") from None


def flat(n_inputs: int, n_outputs: int) -> Structure:
    """That of a graph: an argument for each input; one array, or a list of them."""
    results = ONE if n_outputs == 1 else Tree(list, (), (ONE,) * n_outputs)
    return Structure(Tree(list, (), (ONE,) * n_inputs), results, {})


def inputs_of(inputs: Any) -> tuple[list[Any], Tree]:
    """The input leaves that ``compile`` is given and the list of arguments they make. Raises GraphError."""
    several = type(inputs) in (list, tuple) or (isinstance(inputs, Sequence) and not isinstance(inputs, (str, tuple)))
    leaves, tree = flatten("compile", list(inputs) if several else [inputs], "inputs", _input)
    return leaves, tree


def _input(what: str, path: str, x: Any) -> Tensor:
    if not isinstance(x, Tensor) or x.node.op.name != "input":
        told = describe(x) if isinstance(x, Tensor) else told_kind(x)
        raise GraphError(f"{what}: inputs are made by gd.input, got {told} ({path})" + _called(x), source=where_am_i())
    return x


def _called(x: Any) -> str:
    """What to write for a function of the user's own, which is to be called with Tensors first."""
    if not callable(x) or isinstance(x, Tensor):
        return ""
    return '; write x = gd.input("x", shape) and gd.compile([x], f(x))'


def outputs_of(outputs: Any) -> tuple[list[Tensor], Tree, dict[int, Sparse | Dim]]:
    """The Tensors that are results, their structure, and which of them are matrices' values. Raises GraphError."""
    leaves, tree = flatten("compile", outputs, "outputs", _output)
    values: list[Tensor] = []
    sparse: dict[int, Sparse | Dim] = {}
    for index, leaf in enumerate(leaves):
        if not isinstance(leaf, SparseJacobian):
            values.append(leaf)
            continue
        values.append(leaf.data)
        entries = leaf.nnz
        if isinstance(entries, Dim):
            sparse[index] = entries
        else:
            (m, n), indices, indptr = leaf.shape, leaf.indices, leaf.indptr
            assert indices is not None and indptr is not None
            sparse[index] = Sparse(indices, indptr, (int(m), int(n)))
    return values, tree, sparse


def _output(what: str, path: str, x: Any) -> Any:
    if isinstance(x, (Tensor, SparseJacobian)):
        return x
    if isinstance(x, (bool, int, float, np.ndarray, np.generic)):
        return as_tensor(x, what)
    raise GraphError(
        f"{what}: outputs are Tensors, {WHAT_NESTS}; {path} is {told_kind(x)}" + _called(x), source=where_am_i()
    )
