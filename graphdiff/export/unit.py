"""One instruction being written as a C function: its parameters, its scratch, the helpers it calls.

Owns: the names of operands, which of them may be `restrict`, where scratch lies.
Must not know: what any kernel does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field

from .formula import Formula
from .program import ALIGN, Item, Program, Step
from .sources import C_TYPES, SUFFIX
from .writer import KEYWORDS, LIBRARY, Lines, identifier

# Names that functions have inside, and those of what they call.
_OWN = re.compile(
    r"[ij]\d*|[crst]\d+|[mn]0|u|k|n|first|turn|segment|scratch|work|status|block|call|fault|operands|p|part|"
    r"[fm](32|64)_?\w*|special_\w*|(carries|xs|captured|ys|sums|body|batch)\d+|condition|if_true|if_false|runs|taps|"
    r"(row_|col_)?phases?|dims|mask_batch|at|near|z\d+|size_\w+"
)
_TYPES = frozenset(
    "float32 float64 bits32 bits64 fma32 fma64 T U S I N NAME INLINE VECTOR UNROLL BYTES ROWS VECTORS LANES".split()
)


PARALLEL_LEAST = 10000  # elements or products of a loop that threads share


@dataclass
class Parts:
    """What the functions of a program need beside themselves. ``helpers``: of reductions (piece, reduction, dtype);
    ``kernels``: by the stem of a file in csrc/kernels, the functions and the dtypes; ``texts``: definitions by name."""

    helpers: set[tuple[str, str, str]] = field(default_factory=set)
    kernels: dict[str, tuple[set[str], set[str]]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)


Inner = Callable[[Program, int], tuple[str, int]]
Least = Callable[[Program], int]


class Unit:
    """One instruction. ``out``: the lines of its function's body; ``scratch``: bytes it needs, at most ``spare`` of
    them for speed; ``failed``: the status where it fails; ``program``: writes a program inside it, with so much to
    spare, and gives the name of its function and the bytes of its work; ``least``: those with nothing to spare."""

    def __init__(self, step: Step, parts: Parts, spare: int, failed: str, inner: Inner, least: Least):
        self.step, self.parts, self.spare, self.failed = step, parts, spare, failed
        self.program, self.least = inner, least
        self.prefix = ""  # of the tables of the program it belongs to
        self.sizes: tuple[str, ...] = ()  # the variables of C that its formulas are made of
        self.definitions: Callable[[list[str]], list[str]] = lambda lines: []  # what formulas in lines need before them
        self.out = Lines()
        self.scratch = 0
        self.streams = 0  # objects of reductions.py on its frame
        self.can_fail = False  # with the status ``failed``
        self.passes_status = False  # of what it runs
        self._rooms: dict[Hashable, str] = {}
        self._declared: list[str] = []
        self._names: dict[tuple[str, int, str], str] = {}
        self._written = {self._key(x) for x in step.operands[step.n_reads :]}
        self.operands: dict[str, Item] = {}  # by parameter name
        for n, x in enumerate(step.operands):
            key = self._key(x)
            if key not in self._names:
                name = identifier(x.label, f"x{n}" if n < step.n_reads else f"y{n - step.n_reads}")
                while (
                    name in self.operands
                    or name in KEYWORDS
                    or name in LIBRARY
                    or name in _TYPES
                    or _OWN.fullmatch(name)
                ):
                    name += "_"
                self._names[key] = name
                self.operands[name] = x

    @staticmethod
    def _key(x: Item) -> tuple[str, int, str]:
        return x.kind, x.place, x.dtype.name

    def name(self, operand: int) -> str:
        """The parameter that an operand is."""
        return self._names[self._key(self.step.operands[operand])]

    def count(self, operand: int) -> int:
        return self.step.operands[operand].count

    def dtype(self, operand: int) -> str:
        return self.step.operands[operand].dtype.name

    def helper(self, piece: str, reduce: str, dtype: str, verb: str = "") -> str:
        """The name of a function of reductions, which is then defined."""
        self.parts.helpers.add((piece, reduce, dtype))
        return f"{verb}_{SUFFIX[dtype]}" if verb else f"{piece}_{reduce}_{SUFFIX[dtype]}"

    def kernel(self, stem: str, function: str, *dtypes: str) -> str:
        """The name of a function of csrc/kernels/<stem>.c, which is then there for these element types."""
        functions, types = self.parts.kernels.setdefault(stem, (set(), set()))
        functions.add(function)
        types.update(SUFFIX[d] for d in dtypes)
        return function

    def bytes(self, n: int) -> str:
        """So much of the scratch, as an expression of its address."""
        at = -(-self.scratch // ALIGN) * ALIGN
        self.scratch = at + n
        return f"scratch + {at}" if at else "scratch"

    def room(self, dtype: str, count: int, key: Hashable) -> str:
        """A pointer to scratch for so many elements, the same one for the same key."""
        if key not in self._rooms:
            size = {"float64": 8, "int64": 8, "bool": 1}.get(dtype, 4)
            name = f"s{len(self._rooms)}"
            place = self.bytes(count * size)
            cast = place if "+" not in place else f"({place})"
            self._declared.append(f"{C_TYPES[dtype]} *const {name} = ({C_TYPES[dtype]} *)(void *){cast};")
            self._rooms[key] = name
        return self._rooms[key]

    def spares(self, bytes_: int) -> bool:
        """Whether so much scratch for speed is to be had; then it is less for others."""
        found = bytes_ <= self.spare
        if found and not self.sizes:
            self.spare -= -(-bytes_ // ALIGN) * ALIGN
        return found

    def parallel(self, work: int) -> None:
        """Lets threads share the loop that is opened next, whose turns are independent, where there is enough work."""
        if isinstance(work, Formula) or work >= PARALLEL_LEAST:
            self.out(f"PARALLEL({work})")

    # ------------------------------------------------------------------ the function
    def signature(self, name: str) -> str:
        """``static void name(const float *restrict x, float *restrict y)``."""
        apart = self._apart()
        parameters = [f"int64_t {v}" for v in self.sizes_named()]
        for n, x in self.operands.items():
            const = "" if self._key(x) in self._written else "const "
            parameters.append(f"{const}{C_TYPES[x.dtype.name]} *{'restrict ' if apart else ''}{n}")
        if self.needs_scratch:
            parameters.append("unsigned char *scratch")
        return f"{'int' if self.returns else 'void'} {name}({', '.join(parameters) or 'void'})"

    @property
    def needs_scratch(self) -> bool:
        """Whether its function is given some, at any size."""
        return isinstance(self.scratch, Formula) or self.scratch > 0

    def sizes_named(self) -> list[str]:
        """The variables of sizes that its function is given."""
        found = set(re.findall(r"\bsize_\w+", "\n".join(self.body())))
        return [v for v in self.sizes if v in found]

    @property
    def returns(self) -> bool:
        """Whether its function gives a status."""
        return self.can_fail or self.passes_status

    def body(self) -> list[str]:
        """The lines between the braces."""
        unused = [n for n in self.operands if not any(re.search(rf"\b{n}\b", line) for line in self.out.lines)]
        unused += ["scratch"] if self.needs_scratch and not self._names_scratch() else []
        lines = [*self._declared, *self.out.lines]
        return [*(f"(void){n};" for n in unused), *self.definitions(lines), *lines]

    def _names_scratch(self) -> bool:
        return any(re.search(r"\bscratch\b", line) for line in (*self._declared, *self.out.lines))

    def _apart(self) -> bool:
        """Whether nothing that is written shares memory with another operand."""
        items = list(self.operands.values())
        written = [x for x in items if self._key(x) in self._written]
        return not any(x is not y and overlap(x, y) for x in written for y in items)


def fixed(numbers: Iterable[int]) -> str:
    """What a table of these begins with: ``static`` unless they depend on sizes."""
    return "" if any(isinstance(n, Formula) for n in numbers) else "static "


def overlap(x: Item, y: Item) -> bool:
    """Whether two values may share memory."""
    if x.kind != y.kind or x.kind not in ("arena", "const"):  # of a slot its number is the place
        return x.kind == y.kind and x.place == y.place
    return x.place == y.place or (x.place < y.place + y.bytes and y.place < x.place + x.bytes)
