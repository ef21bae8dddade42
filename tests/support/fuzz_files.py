"""Damaged files and texts: whatever is read, nothing but a GraphdiffError comes of it, soon and in little memory.

    python tests/support/fuzz_files.py --mutants 200000 --seed 0    # half files, half texts; exit code 1 on a find
    python tests/support/fuzz_files.py --only 17 --write mutant     # one of them again, written to a file

Under AddressSanitizer, with the extension built for it in place:

    CFLAGS="-fsanitize=address -g -O1 -fno-omit-frame-pointer" python setup.py build_ext --inplace --force
    ASAN_OPTIONS=detect_leaks=0 LD_PRELOAD=$(gcc -print-file-name=libasan.so) \
        python tests/support/fuzz_files.py --mutants 100000 --seconds 20

A mutant is a good file or text with bits flipped, pieces cut, doubled, moved or taken from another one; or damage is
done where it hurts most - to a member of the archive, a setting, a number, an operand, an operation - and the archive
made whole around it. What still loads is compiled, and called where that cannot be large. While one is read nothing may
be opened, imported or started.
Invariant: (seed, number) makes the same mutant on every machine.
"""

from __future__ import annotations

import argparse
import copy
import io
import json
import os
import re
import resource
import signal
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from fuzz_graphs import Artist

import graphdiff as gd
from graphdiff.ir.dims import Dim

LARGEST = 1 << 24  # bytes of an arena that is run
GROWTH = 256 << 20  # bytes more than before that reading one mutant may take
NUMBERS = [
    "0",
    "1",
    "-1",
    "2",
    "3",
    "7",
    "64",
    "1000000",
    "1000000000000",
    "9223372036854775807",
    "9" * 30,
    "1e9",
    "nan",
]
SETTINGS: list[Any] = [None, True, False, 0, 1, -1, 2, 10**12, 2**63, 10**30, 0.5, 1e300, float("nan"), "", "sqrt", "x"]
SETTINGS += [[], {}, [0], [[0, 0]], {"list": [0]}, {"dict": []}, {"tuple": [0, 1]}, {"bytes": "zz"}, [["a", "b", 1.0]]]
FORBIDDEN = (
    "open",
    "import",
    "os.system",
    "subprocess.Popen",
    "os.exec",
    "os.remove",
    "socket.connect",
    "ctypes.dlopen",
)


class Find(Exception):
    """What must not come of a damaged file."""


# ------------------------------------------------------------------ what is damaged


def corpus() -> tuple[list[bytes], list[str]]:
    """Good files and the texts in them."""
    functions = [*models()]
    for number in range(24):
        drawn = Artist(np.random.default_rng([7, number]), "float32").draw(6, ("small", "named")[number % 2])
        leaves = [drawn.tensors[i] for i in drawn.leaves]
        results = [t for i, t in enumerate(drawn.tensors) if i not in drawn.used and i not in drawn.leaves]
        functions.append(gd.compile(leaves, results, checkpoint=("sqrt", None)[number % 3 == 0]))
    files = []
    for f in functions:
        file = io.BytesIO()
        f.save(file)
        files.append(file.getvalue())
    return files, [str(f.graph) for f in functions]


def models() -> list[gd.Function]:
    x, t = gd.input("x", ("batch", 4)), gd.input("gpu_0/t", ("batch",), "int64")
    w, n = gd.parameter("w·", np.full((4, 3), 0.1, np.float32)), gd.state("n", np.int64(0))
    logits = gd.tanh(x @ w)
    loss = gd.nn.cross_entropy(logits, t)
    gd.monitor(gd.max(logits), "largest")
    gd.check(gd.all(x < 1e6), "x is too large")
    g = gd.grad(loss, w)
    step = gd.compile([x, t], {"loss": loss, ("g", 1): [g, None]}, {w: w - 0.1 * g, n: n + 1}, memory_limit="1MB")
    z = gd.input("z", (5,))

    def body(carry: Any, row: Any) -> Any:
        carry = gd.cond(row > 0, gd.sin, lambda v: v * 0.5, carry + row)
        return carry, carry * carry

    final, rows = gd.scan(body, gd.zeros(()), z)
    loops = gd.compile([z], [rows, gd.grad(final + gd.sum(rows), z)], checkpoint=gd.Every(2))
    sparse = gd.compile([z], {z: gd.jacobian(z[1:] * z[:-1], z, sparse=True)})
    image = gd.input("image", (1, 2, 6, 6))
    h = gd.nn.max_pool2d(gd.nn.conv2d(image, np.full((2, 2, 3, 3), 0.1, np.float32)), 2)
    q = gd.reshape(h, (1, 2, 4))
    y = gd.nn.scaled_dot_product_attention(q, q, q) + gd.linalg.inv(gd.eye(4) + 0.1 * gd.mean(q))[:2]
    return [step, loops, sparse, gd.compile([image], gd.grad(gd.sum(y), image))]


# ------------------------------------------------------------------ how it is damaged


class Mutator:
    def __init__(self, rng: np.random.Generator, files: list[bytes], texts: list[str]):
        self.rng, self.files, self.texts = rng, files, texts

    def below(self, n: int) -> int:
        return int(self.rng.integers(max(n, 1)))

    def choose(self, things: Any) -> Any:
        return things[self.below(len(things))]

    def file(self) -> bytes:
        data = self.choose(self.files)
        kind = self.rng.random()
        if kind < 0.4:
            return self.damaged_bytes(data, self.choose(self.files))
        with zipfile.ZipFile(io.BytesIO(data)) as z:
            members = {name: z.read(name) for name in z.namelist()}
        if kind < 0.65:
            members["graph.txt"] = self.damaged_text(members["graph.txt"].decode()).encode(errors="replace")
        elif kind < 0.85:
            meta = json.loads(members["function.json"])
            for _ in range(1 + self.below(3)):
                meta = self.edited(meta)
            members["function.json"] = json.dumps(meta).encode()
        else:
            name = self.choose(list(members))
            change = self.below(4)
            if change == 0:
                del members[name]
            elif change == 1:
                members[self.choose(["a", "../../a", "graph.txt", "parameter1.npy"])] = members.pop(name)
            elif change == 2:
                members[name] = members[self.choose(list(members))]
            else:
                members[name] = self.damaged_bytes(members[name], self.choose(self.files))
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", self.choose([zipfile.ZIP_STORED] * 9 + [zipfile.ZIP_DEFLATED])) as z:
            for name, content in members.items():
                z.writestr(name, content)
        return out.getvalue()

    def text(self) -> str:
        text = self.choose(self.texts)
        for _ in range(1 + self.below(3)):
            text = self.damaged_text(text)
        return text

    def damaged_bytes(self, data: bytes, other: bytes) -> bytes:
        out = bytearray(data)
        at, to = sorted((self.below(len(out) + 1), self.below(len(out) + 1)))
        kind = self.below(6)
        if kind <= 1:
            for _ in range(1 + self.below(8) * kind):
                if out:
                    out[self.below(len(out))] ^= 1 << self.below(8)
        elif kind == 2:
            del out[at:]
        elif kind == 3:
            del out[at : min(to, at + 99)]
        elif kind == 4:
            out[at:at] = self.rng.bytes(1 + self.below(30))
        else:
            out[at:] = other[self.below(len(other)) :]
        return bytes(out)

    def damaged_text(self, text: str) -> str:
        kind = self.rng.random()
        lines = text.split("\n")
        k, j = self.below(len(lines)), self.below(len(lines))
        if kind < 0.2:
            at = self.below(len(text) + 1)
            return (
                text[:at]
                + chr(self.choose([0, 10, 34, 35, 40, 41, 44, 61, 92, 37, 0x302, 0xD800, 0x1F389]))
                + text[at:]
            )
        if kind < 0.3:
            at = self.below(len(text) + 1)
            return text[:at] + text[at + 1 + self.below(4) :]
        if kind < 0.4:
            change = self.below(4)
            if change == 0:
                del lines[k]
            elif change == 1:
                lines.insert(k, lines[j])
            elif change == 2:
                lines[k], lines[j] = lines[j], lines[k]
            else:
                lines[k] = lines[k].replace("  ", self.choose(["", " ", "    "]), 1)
            return "\n".join(lines)
        if kind < 0.45:
            other = self.choose(self.texts).split("\n")
            lines[k : k + self.below(3)] = other[self.below(len(other)) :][: 1 + self.below(3)]
            return "\n".join(lines)
        pattern, others = self.choose(self.swaps(text))
        found = list(re.finditer(pattern, text))
        if not found:
            return text
        m = self.choose(found)
        return text[: m.start()] + self.choose(others) + text[m.end() :]

    def swaps(self, text: str) -> list[tuple[str, list[str]]]:
        operands = re.findall(r"%\d+", text) or ["%0"]
        operations = re.findall(r"= ([\w.]+)\(", "".join(self.texts))
        n = self.choose([9, 99, 9999])
        sums = "*".join(["(a+b+c+d+e+f)"] * 40)
        bombs = ["(" * n + "n" + ")" * n, sums, "n//" * n + "2", "(" * n, "[" * n, ",".join("1" * n), '"' + '\\"' * n]
        return [
            (r"(?<![\w%.])-?\d+(?![\w.])", NUMBERS),
            (r"(?<=\[)[\w,()*+/-]+(?=\])", ["n", "1", "3,3", "n,n-1", "n//2", "", *bombs]),
            (r"%\d+", operands),
            (r"(?<== )[\w.]+(?=\()", operations),
            (r"\b(f32|f64|i32|i64|bool|True|False|None)\b", ["f32", "f64", "i32", "i64", "bool", "True", "None"]),
            (r", \w+=(\([^)]*\)|\w+)(?=[,)])", ["", ", axis=0", ", shape=(1000000000000,)", ", length=1000000000000"]),
            (r"(?<=\()[^()]*(?=\))", [*bombs, " " * n, ")->" * n]),
        ]

    def edited(self, meta: Any) -> Any:
        """JSON with one place changed, left out or doubled."""
        meta = copy.deepcopy(meta)
        at: Any = meta
        while True:
            keys = list(at) if isinstance(at, dict) else list(range(len(at)))
            if not keys:
                return meta
            key = self.choose(keys)
            if isinstance(at[key], (dict, list)) and at[key] and self.rng.random() < 0.6:
                at = at[key]
                continue
            change = self.below(4)
            if change == 0:
                del at[key]
            elif change == 1 and isinstance(at, list):
                at.append(at[key])
            elif change == 2 and isinstance(at, dict):
                at[self.choose(["list", "dict", "x", "namedtuple", "dataclass"])] = at.pop(key)
            else:
                at[key] = copy.deepcopy(self.choose(SETTINGS))
            return meta


# ------------------------------------------------------------------ what comes of it


def read(data: bytes | str) -> str:
    """Reads a mutant, compiles and calls what can be; how far it came. Raises whatever is not a GraphdiffError."""
    try:
        if isinstance(data, str):
            graph = gd.parse(data)
            if any(size(v) > 10**6 for v in graph.parameters):
                return "parsed"
            f = gd.compile(
                graph, parameters={p.name: np.zeros(p.shape, p.dtype) for p in graph.parameters}, costs="nominal"
            )
        else:
            f = gd.load(io.BytesIO(data))
    except gd.GraphdiffError as error:
        if len(str(error)) > 3000:
            raise Find(f"an error of {len(str(error))} characters") from None
        return "refused"
    try:
        names = {str(n): 3 for n in f._compiled.names}
        if f.plan_for(**names).arena_bytes > LARGEST or "loop" in str(f.graph):
            return "loaded"
        f(
            *(
                np.ones([n if isinstance(n, int) else 3 for n in v.shape], v.dtype)
                for v in f.graph.inputs
                if size(v) < 10**6
            )
        )
    except gd.GraphdiffError:
        return "loaded, but not called"
    return "called"


def size(v: Any) -> int:
    count = 1
    for n in v.shape:
        count *= 3 if isinstance(n, Dim) else n
    return count


def held_to(read: Callable[[Any], str], data: Any, seconds: float) -> str:
    """``read(data)`` within ``seconds`` and little memory. Raises Find."""

    def late(*_: Any) -> None:
        raise Find(f"it takes more than {seconds} s")

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    watched.clear()
    try:
        found = read(data)
    except Find:
        raise
    except Exception as error:
        raise Find(f"{type(error).__name__}: {str(error)[:200]}") from error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        seen = list(watched)
        watched.append("off")
    if seen:
        raise Find(f"while it is read: {seen[:3]}")
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    if grown > GROWTH:
        raise Find(f"it takes {grown >> 20} MiB")
    return found


watched: list[str] = ["off"]


def audit(event: str, args: Any) -> None:
    if "off" not in watched and event in FORBIDDEN:
        watched.append(f"{event} {str(args)[:80]}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mutants", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first mutant")
    parser.add_argument("--only", type=int, help="this mutant alone")
    parser.add_argument("--seconds", type=float, default=2.0, help="that one mutant may take")
    parser.add_argument("--write", help="write the mutant of --only here")
    options = parser.parse_args()
    numbers = range(options.first, options.first + options.mutants) if options.only is None else [options.only]
    counts, finds, start = fuzz(options.seed, numbers, options.seconds, options.write)
    for text, seen in finds.items():
        print(f"{len(seen)} of {text}: mutants {seen[:5]}")
    for what, n in sorted(counts.items()):
        print(f"{what}: {n}")
    print(f"finds: {sum(map(len, finds.values()))} in {time.monotonic() - start:.0f} s")
    return bool(finds)


def fuzz(
    seed: int, numbers: Any, seconds: float = 2.0, write: str | None = None
) -> tuple[Counter[str], dict[str, list[int]], float]:
    """How far mutants came, and the finds with their numbers."""
    files, texts = corpus()
    b"a".decode("cp437")  # zipfile's, which Python imports late
    for data in (*files, *texts):  # what is good loads; and what is imported late is there now
        if read(data) == "refused":
            raise Find("a good one is refused")
    start = time.monotonic()
    counts: Counter[str] = Counter()
    finds: dict[str, list[int]] = {}
    for number in numbers:
        mutator = Mutator(np.random.default_rng([seed, number]), files, texts)
        data = mutator.text() if number % 2 else mutator.file()
        if write:
            with open(write, "wb") as file:
                file.write(data if isinstance(data, bytes) else data.encode(errors="surrogatepass"))
        try:
            counts[("file ", "text ")[number % 2] + held_to(read, data, seconds)] += 1
        except Find as find:
            finds.setdefault(re.sub(r"\d+", "N", str(find))[:120], []).append(number)
    return counts, finds, start


sys.addaudithook(audit)
os.environ["GRAPHDIFF_RATES"] = "nominal"  # rates are read from a cache

if __name__ == "__main__":
    sys.exit(main())
