"""Loops and branches: csrc's own walk over steps, on bodies that are functions of the same file.

Owns: the tables that csrc/kernels/control.c's preparation makes of a payload, and where in the scratch carries, bodies
and their room lie. Invariant: a body is one function however often it runs. Must not know: what bodies compute.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .blocks import Fields, block_text, row_text
from .program import ALIGN, Program
from .unit import Unit, fixed

_POINTER = 8  # bytes of an address, at most
_STATE = 3 * _POINTER  # a gd_inner_run

# What stands for a program inside one: its function and how many slots it has (csrc/program/inner.h).
INNER = """\
/* a body: its function, and how many inputs, outputs and parameters it has */
typedef struct gd_program {
    int (*run)(const void *const inputs[], void *const outputs[], void *const params[], void *work);
    int64_t inputs, outputs, slots;
} gd_program;

/* one that runs: the addresses of its slots, and room */
typedef struct gd_inner_run {
    const gd_program *program;
    void **slots;
    char *work;
} gd_inner_run;

static inline void gd_inner_open(gd_inner_run *run, const gd_program *program, void *memory) {
    run->program = program;
    run->slots = (void **)memory;
    run->work = (char *)memory + gd_round_up(program->slots * 8, GD_ALIGN);
}

static inline void gd_inner_bind(gd_inner_run *run, int64_t slot, const void *address) {
    run->slots[slot] = (void *)address;
}

static inline int gd_inner_go(gd_inner_run *run, const gd_call *call) {
    const gd_program *p = run->program;
    (void)call;
    return p->run((const void *const *)run->slots, run->slots + p->inputs, run->slots + p->inputs + p->outputs,
                  run->work);
}

static inline int gd_team_spend(const void *team, int64_t work) {
    (void)team, (void)work;
    return 0;
}
"""


def inner(has_sizes: bool) -> str:
    """INNER; with sizes as arguments bodies are given them too."""
    if not has_sizes:
        return INNER
    text = INNER.replace("void *work);", "void *work,\n               const int64_t *sizes);")
    text = text.replace("int64_t inputs, outputs, slots;", "int64_t inputs, outputs, slots;\n    const int64_t *sizes;")
    return text.replace("run->work);", "run->work, p->sizes);")


@dataclass
class _Room:
    """Scratch that is given out piece by piece."""

    used: int = 0

    def take(self, bytes_: int) -> int:
        at = -(-self.used // ALIGN) * ALIGN
        self.used = at + bytes_
        return at


def _slots(count: int) -> int:
    return -(-count * _POINTER // ALIGN) * ALIGN


class _Tables:
    """The tables of one instruction, and the bodies it runs."""

    def __init__(self, unit: Unit):
        self.unit, self.room, self.spare = unit, _Room(), unit.spare
        if unit.sizes:
            unit.out(f"const int64_t sizes[] = {{{', '.join(unit.sizes)}}};")

    def table(self, c_type: str, name: str, rows: list[list[int]]) -> str:
        """A table of rows of numbers, by its address."""
        if not rows:
            return "NULL"
        text = ", ".join(row_text(c_type, row) if len(row) > 1 else str(row[0]) for row in rows)
        self.unit.out(f"{fixed(n for row in rows for n in row)}const {c_type} {name}[] = {{{text}}};")
        return f"({c_type} *){name}"

    def body(self, program: Program, name: str) -> tuple[str, int]:
        """A body's function in a table, and where its slots and room are in the scratch."""
        inputs, outputs, _ = program.slots
        count = sum(program.slots)
        function, work = self.unit.program(program, self.spare)
        self.spare -= work - self.unit.least(program)
        row = f"{{{function}, {inputs}, {outputs}, {count}{', sizes' if self.unit.sizes else ''}}}"
        self.unit.out(f"const gd_program {name} = {row};")
        at = self.room.take(_slots(count) + work)
        return f"(gd_program *)&{name}", at


def _skip(w: tuple[int, ...], at: int) -> int:
    return at + 2 + w[at] + (w[at + 1] + 7) // 8


def _loop(unit: Unit) -> None:
    w, tables, bodies = unit.step.payload, _Tables(unit), iter(unit.step.programs)
    length, count, steps, segment, n_again = w[:5]
    at, runs = 5, []
    for n in range(n_again + 1):
        n_carry, n_xs, n_captured, n_ys, n_sums, reverse = w[at : at + 6]
        at += 6

        def rows(number: int, width: int, spares: int, operand: int = -1) -> list[list[int]]:
            """Rows of a payload, each with so many places of its bytes behind it; room only where the row has no
            ``operand`` by that column."""
            nonlocal at
            out = []
            for _ in range(number):
                row = list(w[at : at + width])
                has_none = operand < 0 or row[operand] < 0
                out.append(row + [tables.room.take(row[-1]) if has_none else 0 for _ in range(spares)])
                at += width
            return out

        fields: dict[str, int | str] = {
            "n_carry": n_carry,
            "n_xs": n_xs,
            "n_captured": n_captured,
            "n_ys": n_ys,
            "n_sums": n_sums,
            "reverse": reverse,
            "again": int(n < n_again),
            "carries": tables.table("control_carry_row", f"carries{n}", rows(n_carry, 5, 2)),
            "xs": tables.table("control_step_row", f"xs{n}", [[*r, 0] for r in rows(n_xs, 3, 0)]),
            "captured": tables.table("int64_t", f"captured{n}", rows(n_captured, 1, 0)),
            "ys": tables.table("control_step_row", f"ys{n}", rows(n_ys, 3, 1, operand=0)),
            "sums": tables.table("control_sum_row", f"sums{n}", rows(n_sums, 3, 1, operand=1)),
        }
        fields["body"], fields["body_at"] = tables.body(next(bodies), f"body{n}")
        at = _skip(w, at)
        runs.append(block_text("control_run_block", fields))
    unit.out(f"const control_run_block runs[] = {{{', '.join(runs)}}};")
    block: dict[str, int | str] = {
        "length": length,
        "count": count,
        "steps": steps,
        "segment": segment,
        "n_runs": n_again + 1,
        "runs": "(control_run_block *)runs",
    }
    if (condition := next(bodies, None)) is not None:
        block["condition"], block["condition_at"] = tables.body(condition, "condition")
    block["pred_at"] = tables.room.take(ALIGN)
    block["state_at"] = tables.room.take((n_again + 1) * _STATE)
    _run(unit, "loop", block, tables.room.used)


def _branch(unit: Unit) -> None:
    w, tables = unit.step.payload, _Tables(unit)
    most = 0
    names = []
    for n, program in enumerate(unit.step.programs):
        tables.room.used, tables.spare = 0, unit.spare  # only one of them runs
        names.append(tables.body(program, ("if_true", "if_false")[n])[0])
        most = max(most, tables.room.used)
    fields: Fields = {"n_in": w[0], "n_out": w[1], "programs": "{" + ", ".join(names) + "}"}
    _run(unit, "branch", fields, most)


def _run(unit: Unit, kernel: str, fields: Fields, scratch: int) -> None:
    unit.kernel("control", f"gd_k_{kernel}")
    out = unit.out
    struct = f"control_{kernel}_block"
    out(f"const {struct} block = {block_text(struct, fields)};")
    operands = ", ".join(f"(void *){unit.name(n)}" for n in range(len(unit.step.operands)))
    out(f"void *const operands[] = {{{operands}}};")
    room = unit.bytes(scratch)
    out(f"const gd_call call = {{&block, operands, {room}, NULL, 0, NULL, NULL}};")
    unit.passes_status = True
    out(f"return gd_k_{kernel}(&call);")


WRITERS: dict[str, Callable[[Unit], None]] = {"loop": _loop, "branch": _branch}
