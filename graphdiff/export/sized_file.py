"""NAME.c whose sizes are arguments: instructions in texts that are right for some sizes each, chosen at a call.

An instruction's writer is asked at sample sizes; the conditions that it decides by (formula.py) say where its text is
right. Sizes that no text covers are asked next, until samples and all between them are covered; a call with others is
refused before anything is written. sized_arena.py has where buffers and scratch lie.
Invariant: for each size the numbers of the program exported at that size. Must not know: how a kernel computes.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from itertools import product as every
from typing import Any

from ..errors import CompileError, FeedError
from ..ir.dims import evaluate, product
from ..lower.instruction import Buffer, Instruction
from ..runtime.assemble import Nested, Template
from ..runtime.compiled import CompiledGraph
from ..schedule.memory import Lifetimes
from .formula import FUNCTIONS, Formula, Region, Trace, joined, text_of
from .limits import Limits, name_of
from .program import ALIGN, Program, Step, read
from .sized_arena import MOST_PIECES, Arena, Piece, blocks
from .source_file import CHECKS, TOGETHER, WRITERS, Failure, File, Written, call_of, refused, table_texts, words
from .unit import Unit
from .writer import Lines

DRAWN = 800  # samples of several sizes
MOST_TEXTS = 48  # of one instruction
LEAST_COVERED = 0.95  # of the samples: a call with other sizes is refused
MOST_SIZES = 8
PACKED = 1 << 56  # bytes to spare of an instruction whose products are packed
_PLANNED, _PLANNED_SIZE = 32, 3000  # samples that are held to the plan, and their largest size
Env = Mapping[str, int]


@dataclass
class _Text:
    """One way of writing an instruction: where it is right, by any of some regions."""

    function: str
    unit: Unit
    scratch: str
    scratch_at: Callable[[Env], int]
    where: list[Region]

    test: str = ""

    def covers(self, env: Env) -> bool:
        return any(region.covers(env) for region in self.where)

    def add(self, region: Region) -> None:
        """One more region."""
        self.where = joined([*self.where, region])

    def name_condition(self, code: Lines, declared: str, passed: str, variables: Sequence[str]) -> None:
        """Finds what tells that it is right, as an expression of C; a long one is a function. Empty: it always is."""
        texts = [str(region) for region in self.where]
        self.test = "" if "" in texts else texts[0] if len(texts) == 1 else " || ".join(f"({t})" for t in texts)
        if len(self.test) < 80:
            return
        with code.block(f"static int {self.function}_fits({declared})"):
            for v in variables:
                if not re.search(rf"\b{v}\b", self.test):
                    code(f"(void){v};")
            for text in texts:
                parts = text.split(" && ")
                for n, part in enumerate(parts):
                    head, tail = ("if (" if n == 0 else "    "), (") return 1;" if n == len(parts) - 1 else " &&")
                    code(f"{head}{part}{tail}")
            code("return 0;")
        code("")
        self.test = f"{self.function}_fits({passed})"


@dataclass
class _Body:
    """A program: its instructions, each with its texts, where their scratch is among the pieces of the arena (-1: they
    need none), and the arena."""

    steps: list[list[_Text]]
    scratch: list[int]
    arena: Arena

    def bytes_at(self, env: Env) -> int:
        return self.arena.blocks_at(env) * ALIGN


class SizedFile(File):
    """The file of a compiled graph whose sizes are arguments but for those that are ``fixed``. ``spare``: scratch for
    speed alone that an instruction may have; ``body_spare``: one of a program inside."""

    def __init__(
        self,
        name: str,
        messages: Callable[[Step], str],
        compiled: CompiledGraph,
        fixed: Env,
        spare: int = PACKED,
        body_spare: int = PACKED,
    ):
        super().__init__(name, messages)
        self.compiled, self.fixed, self.spare, self.body_spare = compiled, fixed, spare, body_spare
        self.names = [n for n in compiled.names if n not in fixed]
        if not 0 < len(self.names) <= MOST_SIZES:
            raise CompileError(f"export_c: sized takes 1 to {MOST_SIZES} sizes as arguments, got {len(self.names)}")
        self.variables = tuple(map(name_of, self.names))
        self.declared = ", ".join(f"int64_t {v}" for v in self.variables)
        self.passed = ", ".join(self.variables)
        self.nested: dict[int, Nested] = {}  # by the id of a program that stands for it
        self.keep: list[Program] = []
        self.bodies: dict[int, tuple[str, _Body]] = {}
        self.known: list[str] = []  # what must hold of the sizes
        self.limits = Limits()
        self.bytes_at: Callable[[Env], int] = lambda env: 0  # of work, once it is written
        self.samples = self._samples()

    def is_within_plan(self) -> bool:
        """Whether the work is at most the plan's arena, at some samples."""
        known = [env for env in self.samples if max(env.values()) <= _PLANNED_SIZE]
        some = known[:: max(1, len(known) // _PLANNED)]
        return all(self.bytes_at(env) <= self.compiled.planned(env).plan.arena_bytes for env in some)

    def _samples(self) -> list[dict[str, int]]:
        """Sizes to ask at, the usual ones first."""
        one = [
            4,
            *range(70),
            *(n + d for n in (2**k for k in range(7, 25)) for d in (-1, 0, 1)),
            100,
            1000,
            3000,
            10000,
        ]
        drawn = random.Random(0)
        several = [*every((4, 1, 2, 0), repeat=len(self.names))]
        several += [tuple(int(2 ** drawn.uniform(0, 16)) for _ in self.names) for _ in range(DRAWN)]
        out = []
        for sizes in zip(one) if len(self.names) == 1 else several:
            env = {**self.fixed, **dict(zip(self.names, sizes))}
            if self._is_valid(env):
                out.append(env)
        if not out:
            raise CompileError(f"export_c: no small sizes {', '.join(self.names)} meet the conditions of the graph")
        return out

    def _is_valid(self, env: dict[str, int]) -> bool:
        try:
            self.compiled.sizes.check(env)
        except FeedError:
            return False
        return True

    def _trace(self, env: Env) -> Trace:
        return Trace(env, self.fixed, self.limits)

    # ------------------------------------------------------------------ the file
    def write_sized(self) -> Written:
        """The text; ``work_bytes`` is that of the first sample."""
        c = self.compiled
        body = self._body(lambda t: self._read(c.template, c.lifetimes, c.order, t), c.template, c.lifetimes, "")
        name, sizes = self.name, self.declared
        for least in c.sizes.conditions:
            formula = self._trace(self.samples[0]).formula(least.size)
            if isinstance(formula, Formula):
                self.known.append(f"{formula.text} >= {least.least}")
        self.code("/* whether there is code for these sizes */")
        for value in (*c.graph.inputs, *c.graph.outputs):  # the header's macros
            self._trace(self.samples[0]).formula(product((*value.shape, value.dtype.itemsize)))
        with self.code.block(f"static int is_known({sizes})"):
            for v in self.variables:
                self.code(f"if ({v} < 0) return 0;")
            self.code(f"if (!({self.limits})) return 0; /* numbers made of sizes would be too large */")
            for condition in dict.fromkeys(self.known):
                self.code(f"if (!({condition})) return 0;")
            self.code("return 1;")
        self.code("")
        self.code(CHECKS)
        with self.code.block(f"int64_t {name}_work_bytes_for({sizes})"):
            self.code(f"const int64_t bytes = is_known({self.passed}) ? work_bytes({self.passed}) : -1;")
            self.code(f"return bytes >= 0 && size_has_room(bytes / {ALIGN}) ? bytes : -1;")
        self.code("")
        self._sized_entry(body, "", f"int {name}_sized({sizes}, ")
        self.bytes_at = body.bytes_at
        return self._finished(body.bytes_at(self.samples[0]), FUNCTIONS)

    def _body(self, make: Callable[[Trace], Program], template: Template, lifetimes: Lifetimes, prefix: str) -> _Body:
        programs: dict[tuple[int, ...], tuple[Trace, Program]] = {}

        def at(env: dict[str, int]) -> tuple[Trace, Program]:
            key = tuple(env.values())
            if key not in programs:
                trace = self._trace(env)
                programs[key] = trace, make(trace)
            return programs[key]

        first = at(self.samples[0])[1]
        steps = [self._texts(n, at, prefix) for n in range(len(first.steps))]
        self.tables += table_texts(first, prefix)
        self._functions([(t.function, t.unit) for texts in steps for t in texts])
        for texts in steps:
            for t in texts:
                t.name_condition(self.code, self.declared, self.passed, self.variables)
            if "" not in map(str, joined(region for t in texts for region in t.where)):
                self.known.append(" || ".join(f"({t.test})" for t in texts) if len(texts) > 1 else texts[0].test)
        pieces, scratch = self._pieces(lifetimes, template.tags, steps)
        places = [scratch.get(row, -1) for row in template.tags]
        body = _Body(steps, places, Arena(pieces, self.samples))
        self._layout(body, prefix)
        return body

    # ------------------------------------------------------------------ texts
    def _texts(self, n: int, at: Callable[[dict[str, int]], tuple[Trace, Program]], prefix: str) -> list[_Text]:
        texts: list[_Text] = []
        step = at(self.samples[0])[1].steps[n]
        failed = f"{self.name}_FAILED_{prefix}{n}"
        by_text: dict[tuple[str, ...], _Text] = {}

        def cover(env: dict[str, int]) -> None:
            if len(texts) == MOST_TEXTS or any(t.covers(env) for t in texts):
                return
            trace, program = at(env)
            trace.begin()
            spare = self.body_spare if prefix else self.spare
            unit = Unit(program.steps[n], self.parts, spare, failed, self._inner_sized(trace), lambda _: 0)
            unit.sizes = self.variables
            unit.prefix = prefix
            unit.definitions = trace.definitions
            writer = WRITERS.get(step.kernel)
            if writer is None:
                raise refused(step)
            writer(unit)
            where, scratch, names = trace.region, unit.scratch, dict(trace.names)
            body = unit.body()
            unit.definitions = lambda lines: trace.definitions(lines, names)
            text = scratch.text if isinstance(scratch, Formula) else str(scratch)
            key = (*body, unit.signature(""), text)
            if key in by_text:
                by_text[key].add(where)
                return
            letter = f"_{len(texts)}" if texts else ""
            scratch_at = scratch.at if isinstance(scratch, Formula) else lambda env: scratch
            by_text[key] = _Text(f"{prefix}step_{n}_{words(step)}{letter}", unit, text, scratch_at, [where])
            texts.append(by_text[key])

        for env in self.samples:
            cover(env)
        if len(self.names) == 1:
            self._between(texts, cover)
        covered = sum(any(t.covers(env) for t in texts) for env in self.samples)
        if covered < LEAST_COVERED * len(self.samples):
            raise self._too_many(step)
        if any(t.unit.can_fail for t in texts):
            self.failures.append(Failure(failed, self.messages(step)))
        return texts

    def _between(self, texts: Sequence[_Text], cover: Callable[[dict[str, int]], None]) -> None:
        """Covers what lies between samples that different texts cover, halving until they are neighbours."""
        name = self.names[0]

        def which(n: int) -> int:
            return next((k for k, t in enumerate(texts) if t.covers({**self.fixed, name: n})), -1)

        sizes = sorted(env[name] for env in self.samples)
        waiting = list(pairwise(sizes))
        while waiting:
            low, high = waiting.pop()
            if high - low < 2:
                continue
            middle = (low + high) // 2
            env = {**self.fixed, name: middle}
            if which(middle) < 0 and self._is_valid(env):
                cover(env)
            if which(low) != which(middle) or which(middle) != which(high):
                waiting += [(low, middle), (middle, high)]

    def _too_many(self, step: Step) -> CompileError:
        error = refused(step)
        names = ", ".join(self.names)
        what = error.fact.removeprefix("export_c: ").partition(" cannot")[0]
        return CompileError(
            f"export_c: {what} is written otherwise for each size of {names}; give the sizes",
            error.operation,
            error.source,
        )

    # ------------------------------------------------------------------ programs
    def _read(self, template: Template, lifetimes: Lifetimes, order: Sequence[Instruction], trace: Trace) -> Program:
        """The program with sizes as formulas."""
        words: list[Any] = template.words.tolist()
        for dim, places in template._open_words:
            formula = trace.formula(dim)
            for place in places:
                words[place] = formula
        return read(words, template, order, self._stand_in, lifetimes.unit)

    def _stand_in(self, nested: Nested) -> Program:
        words = nested.template.words
        program = Program((), 0, b"", (int(words[5]), int(words[6]), int(words[7])))
        self.nested[id(program)] = nested
        self.keep.append(program)
        return program

    def _inner_sized(self, trace: Trace) -> Callable[[Program, int], tuple[str, Any]]:
        """Writes a body once: the name of its function, and the formula of its work."""

        def inner(program: Program, _: int) -> tuple[str, Any]:
            nested = self.nested[id(program)]
            if id(nested) not in self.bodies:
                self.programs += 1
                prefix = f"body_{self.programs}_"

                def make(t: Trace) -> Program:
                    return self._read(nested.template, nested.lifetimes, nested.instructions, t)

                body = self._body(make, nested.template, nested.lifetimes, prefix)
                self._sized_entry(body, prefix, f"STEP int {prefix}run(")
                self.code("")
                self.bodies[id(nested)] = prefix, body
            prefix, body = self.bodies[id(nested)]
            text = f"{prefix}work_bytes({self.passed})"
            return f"{prefix}run", Formula(trace, text, body.bytes_at, {})  # has room where its places have

        return inner

    # ------------------------------------------------------------------ memory
    def _pieces(
        self, lifetimes: Lifetimes, rows: Sequence[int], steps: Sequence[Sequence[_Text]]
    ) -> tuple[list[Piece], dict[int, int]]:
        """Buffers, then the scratch of each row of the plan, and which piece that of a row is. Raises CompileError for
        too many."""
        trace = self._trace(self.samples[0])
        out: list[Piece] = []
        for first, last, buffer in zip(lifetimes.first, lifetimes.last, lifetimes.members):
            text = f"size_blocks({text_of(trace.formula(buffer.count) * buffer.dtype.itemsize)})"
            out.append(Piece(first, last, text, partial(_buffer_at, buffer)))
        scratch: dict[int, int] = {}
        for row in dict.fromkeys(rows):
            needing = [s for n, s in zip(rows, steps) if n == row and any(t.scratch != "0" for t in s)]
            if needing:
                scratch[row] = len(out)
                text = _scratch_text(needing[0])
                for texts in needing[1:]:
                    text = f"size_most({text}, {_scratch_text(texts)})"
                out.append(Piece(row, row, text, partial(_scratch_at, needing)))
        if len(out) > MOST_PIECES:
            raise CompileError(f"export_c: sized: more than {MOST_PIECES} buffers; give the sizes")
        return out, scratch

    def _layout(self, body: _Body, prefix: str) -> None:
        """The functions of a program's memory: where everything is, and how many bytes of work that takes."""
        body.arena.write(self.code, f"{prefix}place", self.declared, [f"(void){v};" for v in self.variables])
        self.code("")
        with self.code.block(f"static int64_t {prefix}work_bytes({self.declared})"):
            self.code(f"uint32_t at[{max(1, len(body.arena.pieces))}];")
            self.code(f"return size_least({prefix}place({self.passed}, at), SIZE_MOST_BLOCKS) * {ALIGN};")
        self.code("")

    # ------------------------------------------------------------------ the function
    def _sized_entry(self, body: _Body, prefix: str, head: str) -> None:
        """The function that runs all instructions in order."""
        code = self.code
        arrays = "const void *const inputs[], void *const outputs[], void *const params[], "
        unused = "".join(f"(void){n}; " for n in (*self.variables, "inputs", "outputs", "params", "work", "at"))
        calls: list[list[str]] = [self._dispatch(texts, at) for texts, at in zip(body.steps, body.scratch)]
        groups = [calls[i : i + TOGETHER] for i in range(0, len(calls), TOGETHER)]
        for n, group in enumerate(groups):
            more = "unsigned char *work, const uint32_t *at"
            with code.block(f"STEP int {prefix}part_{n}({self.declared}, {arrays}{more})"):
                lines = [line for call in group for line in call]
                if any("status" in line for line in lines):
                    code("int status;")
                for line in lines:
                    code(line)
                code(unused)
                code("return 0;")
            code("")
        with code.block(f"{head}{arrays}void *work_{', const int64_t *sizes' if prefix else ''})"):
            code("unsigned char *const work = (unsigned char *)work_;")
            code(f"uint32_t at[{max(1, len(body.arena.pieces))}];")
            if prefix:
                for n, v in enumerate(self.variables):
                    code(f"const int64_t {v} = sizes[{n}];")
            else:
                code(f"if (!is_known({self.passed})) return {self.name}_BAD_SIZE;")
                code.lines += [
                    f"#ifdef {self.name}_CHECKED",
                    f"    if (is_bad({self.passed}, inputs, outputs, params, work_)) return {self.name}_BAD_POINTER;",
                    "#endif",
                ]
            place = f"{prefix}place({self.passed}, at)"
            code(f"{place};" if prefix else f"if (!size_has_room({place})) return {self.name}_BAD_SIZE;")
            code("int status = 0;")
            for n in range(len(groups)):
                run = f"{prefix}part_{n}({self.passed}, inputs, outputs, params, work, at)"
                code(f"if ((status = {run}) != 0) return status;")
            code("(void)inputs, (void)outputs, (void)params;")
            code("return status;")

    def _dispatch(self, texts: Sequence[_Text], scratch: int) -> list[str]:
        """The call of the text that is right for the sizes. ``scratch``: which piece it is."""
        lines = []
        for n, t in enumerate(texts):
            call = call_of(t.function, t.unit, f"work + (size_t)at[{scratch}] * {ALIGN}")
            call = f"if ((status = {call}) != 0) return status;" if t.unit.returns else f"{call};"
            if len(texts) == 1:
                return [call]
            test = f"if ({t.test}) " if n < len(texts) - 1 else ""
            lines.append(f"{'else ' if n else ''}{test}{{ {call} }}")
        return lines


def _scratch_text(texts: Sequence[_Text]) -> str:
    """The blocks of scratch of an instruction, as an expression of C."""
    *others, last = texts
    found = "".join(f"({t.test}) ? {t.scratch} : " for t in others) + last.scratch
    return f"size_blocks({found})"


def _scratch_at(steps: Sequence[Sequence[_Text]], env: Env) -> int:
    """The blocks of scratch of instructions one after the other, at sizes."""
    return blocks(max(next((t.scratch_at(env) for t in texts if t.covers(env)), 0) for texts in steps))


def _buffer_at(buffer: Buffer, env: Env) -> int:
    """The blocks of a buffer at sizes."""
    return blocks(evaluate(buffer.count, env) * buffer.dtype.itemsize)
