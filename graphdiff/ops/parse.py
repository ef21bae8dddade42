"""Reading the text of a graph back (the grammar stands in :mod:`graphdiff.ir.text`).

Line by line: a value is known once its line has been read, so what is read is acyclic. Nodes are rebuilt from their
operation's own type rule, not its public function, so that the text comes back as it was; the types written are
checked against the rule, and each node is held to its law (:mod:`graphdiff.ops.laws`). Source lines, scopes and forward
nodes are taken from comments where they have the printer's form; a comment that has not is skipped.
Must not know: plans; how values are given to parameters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import GraphdiffError, GraphError
from ..ir.dims import Shape, as_size
from ..ir.dtypes import FROM_SHORT, bool_
from ..ir.graph import Graph, shared
from ..ir.node import Node, Origin, Source, Value, ambient, new_node
from ..ir.text import STORED, WORD, implied_dtype, name_text, type_text, types_text
from .elementwise import ASTYPE
from .gather import index
from .laws import broken
from .leaves import input as input_leaf
from .leaves import unvalued
from .messages import where_am_i
from .pieces import LITERAL, QUOTED, Pieces
from .registry import REGISTRY
from .tensor import CONSTANT, Tensor, constant, make

_NAME = rf"{QUOTED}|{WORD.pattern}"
_HEADER = re.compile(rf"(graph|body @\d+)\s+({_NAME})\s*\(")
_LEAF = re.compile(rf"({_NAME})\s*:\s*(.+)$")
_CALL = re.compile(r"\s*([^\W\d][\w.]*)\s*\(")
_NUMBERS = re.compile(r"%\d+(?:\s*,\s*%\d+)*\s*$")
_UPDATE = re.compile(rf"update\s+({_NAME})\s*=\s*(.+)$")
_STORED = re.compile(r"(parameter|state)s\s*:(.*)$")
_ATTR = re.compile(r"([^\W\d]\w*)\s*=\s*(.+)$", re.DOTALL)
_SIZE = re.compile(r"size\((.+)\)(?::(\w+))?$")
_INT = re.compile(r"-?\d+$")
_COMMENT = re.compile(rf"{QUOTED}?|#")
_OF = re.compile(rf"of (%\d+|a (\S+)|{_NAME})(?: |$)")
_TOLD = rf'({QUOTED}|[^":()]*)'
_BEHIND = re.compile(rf"(?:\(?{_TOLD}:(\d{{1,9}})\)?)?(?: ?in {_TOLD})?$")
_LABELS = re.compile(rf"{QUOTED}(?:, {QUOTED})*")
_WORDS = {"None": None, "True": True, "False": False, "inf": float("inf"), "-inf": float("-inf"), "nan": float("nan")}
_DEPTH = 32  # of nested tuples, and of bodies in each other


def parse(text: str) -> Graph:
    """The graph whose ``graph.text()`` this is, or what ``str(graph)`` printed of up to 1,000 nodes.

    Parameters and states come back without values, which ``gd.compile(graph, parameters={"W": array})`` takes.
    Raises GraphError with the line's number and text for what is no graph: an unknown operation or value, a value
    used before the line that makes it, a type that is not what the operation gives.

    Example::

        graph = gd.parse('''
            graph double(x: f32[n]) -> f32[n]:
              %0: f32[n] = multiply(x, 2.0)
              return %0
        ''')
    """
    before = ambient.now
    try:
        reader = _Reader(text, None)
        return reader.close(reader.read())[1]
    finally:
        ambient.now = before


def parse_over(text: str, leaves: Sequence[Tensor]) -> list[Tensor]:
    """The results of a text over values that are there, which stand for the leaves of its header. Raises GraphError."""
    before = ambient.now
    try:
        return _Reader(text, leaves).read().outputs or []
    finally:
        ambient.now = before


class _Frame:
    """A graph being read: the outer one or a body."""

    def __init__(self, indent: int, key: str, name: str, leaves: list[tuple[str, Shape, np.dtype]], results: str):
        self.indent, self.key, self.name, self.leaves, self.results = indent, key, name, leaves, results
        self.kinds: dict[str, str] = {}  # of leaves that are not inputs
        self.values: dict[str, Tensor] | None = None  # by the text that names them; None until the leaves are made
        self.bodies: dict[str, Graph] = {}
        self.outputs: list[Tensor] | None = None
        self.updates: dict[Tensor, Tensor] = {}


class _Reader(Pieces):
    def __init__(self, text: str, leaves: Sequence[Tensor] | None):
        if not isinstance(text, str):
            raise GraphError(f"parse: expected the text of a graph, got {type(text).__name__}", source=where_am_i())
        super().__init__(text.split("\n"))
        self.given = leaves
        self.numbers: dict[tuple[str, np.dtype | None], Tensor] = {}
        self.shared: dict[str, Graph] = {}
        self.constants: dict[tuple[bytes, np.dtype], Tensor] = {}  # one for each number, as a graph has after merging

    def read(self) -> _Frame:
        """The graph that is not in another one, read but not closed."""
        frames: list[_Frame] = []
        for number, line in enumerate(self.lines, 1):
            self.number = number
            statement, behind = self.split_comment(line)
            if not statement:
                continue
            indent = len(statement) - len(statement.lstrip())
            statement = statement.lstrip()
            while len(frames) > 1 and indent <= frames[-1].indent:
                body = self.close(frames.pop())
                frames[-1].bodies[body[0]] = body[1]
            ambient.now = (None, Source("<text>", self.number), "")
            if statement.startswith(("graph ", "body ")):
                frame = self.header(statement, indent, frames)
                frames.append(frame)
                continue
            if not frames:
                self.fail("a graph begins with its header, graph name(inputs) -> types:")
            self.statement(frames[-1], statement, behind)
        while len(frames) > 1:
            body = self.close(frames.pop())
            frames[-1].bodies[body[0]] = body[1]
        if not frames:
            self.fail("there is no graph in this text")
        return frames[0]

    def split_comment(self, line: str) -> tuple[str, str]:
        head, found, behind = line.partition("  # ")
        if found and '"' not in line and "#" not in head:
            return head.rstrip(), behind
        if "#" in line:
            for m in _COMMENT.finditer(line):
                if m[0] == "#":
                    return line[: m.start()].rstrip(), line[m.end() :].strip()
        return line.rstrip(), ""

    # ------------------------------------------------------------------ statements
    def header(self, statement: str, indent: int, frames: list[_Frame]) -> _Frame:
        m = _HEADER.match(statement)
        leaves, arrow, results = statement[m.end() : -1].rpartition("->") if m else ("", "", "")
        leaves, results = leaves.rstrip(), results.strip()
        if m is None or not arrow or leaves[-1:] != ")" or statement[-1] != ":":
            self.fail("this is no header; expected graph name(x: f32[n], ...) -> f32[n]:")
        key, name = m.groups()
        if (key == "graph") == bool(frames):
            self.fail("one text holds one graph" if frames else "a body belongs to a graph")
        if len(frames) > _DEPTH:
            self.fail("bodies are nested too deeply")
        specs = []
        for item in self.split(leaves[:-1]):
            leaf = _LEAF.match(item)
            if leaf is None:
                self.fail(f"expected a name and a type, got {item}")
            specs.append((self.name(leaf[1]), *self.type(leaf[2])))
        if len({s[0] for s in specs}) != len(specs):
            self.fail("two leaves have one name")
        return _Frame(indent, key.removeprefix("body "), self.name(name), specs, results)

    def statement(self, frame: _Frame, statement: str, behind: str) -> None:
        stored = _STORED.match(statement)
        if stored and frame.values is None:
            known = {s[0] for s in frame.leaves}
            for name in map(self.name, self.split(stored[2])):
                if name not in known or name in frame.kinds:
                    self.fail(f"{name!r} is not in the header" if name not in known else f"{name!r} stands twice")
                frame.kinds[name] = stored[1]
            return
        values = self.leaves(frame)
        if statement.startswith("%"):
            self.node(frame, values, statement, behind)
        elif statement == "return" or statement.startswith("return "):
            if frame.outputs is not None:
                self.fail("a graph has one return")
            frame.outputs = [self.operand(values, a, None) for a in self.split(statement[6:])]
        elif update := _UPDATE.match(statement):
            target = values.get(name_text(self.name(update[1])))
            if target is None or target.node.op.name not in STORED:
                self.fail(f"{update[1]} is no parameter or state")
            value = self.operand(values, update[2], None)
            if target.shape != value.shape or target.dtype is not value.dtype:
                self.fail(f"{update[1]} is {type_text(target)}, its update {type_text(value)}")
            if target in frame.updates:
                self.fail(f"{update[1]} is updated twice")
            frame.updates[target] = value
        else:
            if statement.startswith("..."):
                self.fail("a print of a long graph leaves nodes out; graph.text() has all of them")
            self.fail("expected %n: type = operation(...), return, update, parameters: or states:")

    def leaves(self, frame: _Frame) -> dict[str, Tensor]:
        """The values of a frame, its leaves made on first use."""
        if frame.values is None:
            frame.values = {}
            if self.given is not None and frame.key == "graph":
                if [(v.shape, v.dtype) for v in self.given] != [(shape, dtype) for _, shape, dtype in frame.leaves]:
                    self.fail("these are not the leaves of the header")
                frame.values = {name_text(name): v for (name, _, _), v in zip(frame.leaves, self.given)}
                return frame.values
            for name, shape, dtype in frame.leaves:
                kind = frame.kinds.get(name)
                try:
                    leaf = unvalued(kind, name, shape, dtype) if kind else input_leaf(name, shape, dtype)
                except GraphdiffError as error:
                    self.fail(error.fact)
                frame.values[name_text(name)] = leaf
        return frame.values

    def close(self, frame: _Frame) -> tuple[str, Graph]:
        values = self.leaves(frame)
        if frame.outputs is None:
            self.fail(f"{frame.name} has no return")
        if types_text(frame.outputs) != self.types_form(frame.results):
            self.fail(f"{frame.name} returns {types_text(frame.outputs)}, its header says {frame.results}")
        leaves = [values[name_text(name)] for name, _, _ in frame.leaves]
        inputs = [v for v in leaves if v.node.op.name == "input"]
        stored = [v for v in leaves if v.node.op.name != "input"]
        graph = Graph(frame.name, inputs, frame.outputs, list(frame.updates.items()), stored)
        return frame.key, graph if frame.key == "graph" else shared(graph, self.shared)

    def node(self, frame: _Frame, values: dict[str, Tensor], statement: str, behind: str) -> None:
        left, _, right = statement.partition("=")
        numbers, _, types = left.partition(":")
        m = _CALL.match(right)
        if m is None or right[-1] != ")" or not _NUMBERS.match(numbers):
            self.fail("this is no node; expected %n: f32[n] = operation(operands, name=value)")
        name, arguments, types = m[1], right[m.end() : -1], types.strip()
        op = REGISTRY.get(name)
        if op is None or op.infer is None or name in STORED or name == "input":
            self.fail(f"there is no operation {name!r} to build nodes of")
        labels = self.behind(values, behind) if behind else ()
        if op is CONSTANT:
            made: Any = self.constant(types, arguments)
        else:
            operands, attrs = self.arguments(frame, values, arguments)
            try:
                fault = broken(name, op.law, operands, attrs)
                made = None if fault else make(op, operands, attrs)
            except GraphdiffError as error:
                fault = error.fact
            if fault:
                self.fail(fault)
        results = made if isinstance(made, tuple) else (made,)
        if types_text(results) != self.types_form(types):
            self.fail(f"{name} gives {types_text(results)}, not {types}")
        if len(labels) == len(results):
            results[0].node.labels = labels
        keys = [n.strip() for n in numbers.split(",")]
        if len(keys) != len(results):
            self.fail(f"{name} has {len(results)} results, not {len(keys)}")
        for key, value in zip(keys, results):
            if key in values:
                self.fail(f"{key} is defined twice")
            values[key] = value

    def behind(self, values: dict[str, Tensor], comment: str) -> tuple[str, ...]:
        """Where a node comes from, as far as its comment tells; returns what its results are called."""
        labels: tuple[str, ...] = ()
        if named := _LABELS.match(comment):
            labels = tuple(map(self.told, re.findall(QUOTED, named[0])))
            if comment[named.end() : named.end() + 1] == ":":  # the file, in quotes
                labels = ()
            else:
                comment = comment[named.end() :].strip()
        origin, source, _ = ambient.now
        scope = ""
        of = _OF.match(comment)
        if of:
            comment = comment[of.end() :]
            forward = values[of[1]].node if of[1] in values else self.elsewhere(of[2])
            origin = Origin(forward, "") if forward else None
        m = _BEHIND.match(comment.strip())
        if m:
            file, line, scope = self.told(m[1]), m[2], self.told(m[3])
            source = Source(file, int(line)) if file else source
        ambient.now = (origin, source, scope)
        return labels

    @staticmethod
    def told(text: str | None) -> str:
        """A file or a scope that stands in a comment."""
        try:
            return str(json.loads(text)) if text and text.startswith('"') else text or ""
        except ValueError:
            return ""

    @staticmethod
    def elsewhere(name: str | None) -> Node | None:
        """A node of an operation that stands for a forward node outside of the text: what belongs to one is adjoint,
        wherever that is."""
        op = REGISTRY.get(name or "")
        return new_node(op, (), {}, [((), bool_)], Value) if op else None

    def arguments(self, frame: _Frame, values: dict[str, Tensor], text: str) -> tuple[tuple[Tensor, ...], dict]:
        operands: list[Tensor | str] = []
        attrs: dict[str, Any] = {}
        for item in self.split(text):
            attr = _ATTR.match(item) if "=" in item else None
            if attr is not None:
                if attr[1] in attrs:
                    self.fail(f"{attr[1]} is given twice")
                attrs[attr[1]] = self.attribute(frame, attr[2])
            elif attrs:
                self.fail("operands stand before attributes")
            elif item in values:
                operands.append(values[item])
            else:
                operands.append(
                    item if LITERAL.match(item) or item.startswith("size(") else self.operand(values, item, None)
                )
        implied = implied_dtype([v for v in operands if isinstance(v, Value)])
        return tuple([v if isinstance(v, Value) else self.operand(values, v, implied) for v in operands]), attrs

    def operand(self, values: dict[str, Tensor], text: str, implied: np.dtype | None) -> Tensor:
        found = values.get(text)
        if found is not None:
            return found
        number = self.numbers.get((text, implied))
        if number is not None:
            return number
        if text.startswith("size("):
            return self.size(values, text, implied)
        m = LITERAL.match(text)
        if m is not None:
            array = self.number_of(m, implied)
            key = array.tobytes(), array.dtype
            number = self.numbers[text, implied] = self.constants.setdefault(key, constant(array))
            return number
        if text.startswith("%"):
            self.fail(f"{text} is used but no line above makes it")
        found = values.get(name_text(self.name(text)))
        if found is None:
            self.fail(f"{text} is no input, parameter or state of this graph")
        return found

    def size(self, values: dict[str, Tensor], text: str, implied: np.dtype | None) -> Tensor:
        """The number of a size, made once for each body."""
        m = _SIZE.match(text)
        if m is None:
            self.fail(f"{text} is no size; expected size(n), or size(n):f32")
        dtype = FROM_SHORT.get(m[2]) if m[2] else implied
        if dtype is None:
            self.fail(f"{text} has no dtype; write size({m[1]}):f32 or another")
        key = f"size({m[1]}):{dtype.name}"
        if key not in values:
            try:
                number = index((), as_size(int(m[1]) if _INT.match(m[1]) else m[1].strip()), ())
            except GraphdiffError as error:
                self.fail(error.fact)
            values[key] = number if dtype is number.dtype else make(ASTYPE, (number,), {"dtype": dtype})
        return values[key]

    def attribute(self, frame: _Frame, text: str, depth: int = 0) -> Any:
        if depth > _DEPTH:
            self.fail("brackets are nested too deeply")
        if text in _WORDS:
            return _WORDS[text]
        if text in FROM_SHORT:
            return FROM_SHORT[text]
        if text.startswith('"'):
            return self.name(text)
        if text.startswith("@"):
            if text not in frame.bodies:
                self.fail(f"there is no body {text} above")
            return frame.bodies.pop(text)
        if text.startswith("["):
            return [self.attribute(frame, t, depth + 1) for t in self.split(text.removeprefix("[").removesuffix("]"))]
        if text.startswith("(") and text.endswith(")"):
            items = self.split(text[1:-1]) if self.encloses(text) else [text]
            if len(items) != 1:
                if items and not items[-1]:  # (3,)
                    items.pop()
                return tuple(self.attribute(frame, t, depth + 1) for t in items)
        try:
            if not LITERAL.match(text):
                return as_size(text)
        except GraphdiffError as error:
            self.fail(error.fact)
        if ":" in text:
            self.fail(f"attributes have no dtype: {text}")
        if not _INT.match(text):
            return float(text)
        if len(text) > 19:
            self.fail(f"{text[:19]}... is too large a number")
        return int(text)
