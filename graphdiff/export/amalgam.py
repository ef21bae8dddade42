"""Kernels of csrc as text that stands in one file: includes put in their places, names kept apart.

A kernel's file is written to be compiled for an instruction set, its body included once for each element type. Here
its run step becomes functions of one C file beside others. Owns: which files make a kernel, and what those include
that is the core's own (the call, the dtypes).
Invariant: the statements are csrc's, for no instruction set: no fused multiply-add that compilers are not told to make,
sums in lanes of 16 bytes. Must not know: instructions.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence

from .control import inner
from .lapack import ROUTINES
from .program import REDUCTIONS
from .sources import Item, items_of, reachable, text_of

# What kernels see of the core.
_PRELUDE = """\
/* where an index or a check fails: the index and its limit, or the place of the element */
typedef struct gd_fault {
    int64_t a, b;
} gd_fault;

/* what a kernel is given: its sizes, its operands, room */
typedef struct {
    const void *block;
    void *const *operands;
    void *scratch, *shared;
    int64_t part;
    gd_fault *fault;
    const void *team;
} gd_call;

typedef enum { GD_F32, GD_F64, GD_I32, GD_I64, GD_BOOL } gd_dtype;

enum { GD_OK, GD_ERR_INDEX, GD_ERR_CHECK, GD_ERR_CANCELLED };

#define GD_CAT_(a, b) a##_##b

#define GD_CAT(a, b) GD_CAT_(a, b)

#define GD_ISA_NAME(name) name

#define GD_ALIGN 64

typedef void (*gd_micro_fn)(void *out, const void *a, const void *b, const void *c, int64_t n);
"""
_SHARED = (
    "program/sizes.h",
    "kernels/template.h",
    "kernels/params.h",
    "kernels/product.h",
    "kernels/epilogue.h",
    "kernels/conv.h",
    "openblas/blas.h",
)
_SKIPPED = (
    "../program/",
    "../openblas/",
    "template.h",
    "params.h",
    "product.h",
    "product_masked.h",
    "strided.h",
    "conv.h",
    "epilogue.h",
    "transpose.h",
    "lapack_lanes.h",
)
# For -Os: the sums of csrc's product, element by element.
_SMALL = """\
/* C = alpha A B, or C += alpha A B: each sum in the order of the blocks below */
STEP void gd_product_{S}(const gd_product *p, const {T} *a, const {T} *b, {T} *c, void *scratch) {{
    const int is_column = p->n == 1 && p->a_row == 1 && p->c_row == 1 && p->m > 1;
    const int few = p->n == 1 || (p->m <= GD_PRODUCT_DOT_ROWS && p->b_col != 1);
    const int in_lanes = !is_column && few && p->b_row == 1 && p->a_col == 1;
    const int in_blocks = gd_product_packs_b(p, sizeof({T})) || gd_product_packs_a(p, sizeof({T}));
    const int64_t depth = in_blocks && !is_column && !in_lanes ? GD_PRODUCT_DEPTH : p->k;
    (void)scratch;
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < p->n; j++) {{
            const {T} *x = a + i * p->a_row, *y = b + j * p->b_col;
            {T} *to = c + i * p->c_row + j;
            if (p->k == 0 && !p->accumulate) *to = 0;
            for (int64_t first = 0; first < p->k; first += depth) {{
                const int64_t end = p->k - first < depth ? p->k : first + depth;
                const int64_t whole = in_lanes ? p->k / {lanes} * {lanes} : 0;
                {T} sum = 0, lane[{lanes}] = {{0}};
                for (int64_t d = 0; d < whole; d++) lane[d % {lanes}] += x[d] * y[d];
                for (int half = {lanes} / 2; half > 0; half /= 2)
                    for (int l = 0; l < half; l++) lane[l] += lane[l + half];
                for (int64_t d = first + whole; d < end; d++) sum += x[d * p->a_col] * y[d * p->b_row];
                if (whole > 0) sum += lane[0];
                sum *= ({T})p->alpha;
                *to = p->accumulate || first > 0 ? *to + sum : in_lanes ? sum + 0 : sum;
            }}
        }}
}}
"""
# How many elements dot products sum side by side: the same for every processor.
_LANES_OF = {"f32": 4, "f64": 2}
_LANES = {"product": "#define GD_DOT_f32 4\n#define GD_DOT_f64 2\n\n"}


@functools.cache
def shared(has_sizes: bool) -> tuple[Item, ...]:
    """What kernels have in common: the call, dtypes, sizes, templates. ``has_sizes``: bodies are given the sizes."""
    kernel = [i for i in items_of(text_of("program/kernel.h")) if "gd_item_bytes" in i.names]
    numbers = ", ".join(f"GD_REDUCE_{name} = {code}" for code, name in sorted(REDUCTIONS.items()))
    out = [*items_of(_PRELUDE), *items_of(f"enum {{ {numbers} }};\n"), *kernel]
    for file in _SHARED:
        text = text_of(file)
        if file.endswith("sizes.h"):
            text = re.sub(r"^GD_SIZE ", "static inline int64_t ", text, flags=re.M)
        if file.endswith("template.h"):
            vectors = re.search(r"^#define VECTOR\(n\).*^#undef GD_VECTOR_OF\n", text, flags=re.S | re.M)
            assert vectors is not None
            out.append(Item(("VECTOR",), vectors[0].strip()))
            text = text.replace(vectors[0], "")
        found = [i for i in items_of(text) if not any(n.startswith(("gd_prepare", "GD_SIZE")) for n in i.names)]
        if file.endswith("blas.h"):
            found = [i for i in found if i.text.startswith("enum") or "\nenum" in i.text]
        declared = re.compile(r"void GD_ISA_NAME\([^{]*;")  # functions that stand in another file there
        if file.endswith("sizes.h"):
            found += items_of(inner(has_sizes))
        out += [i for i in found if "gd_prepare" not in i.words and not declared.match(i.text)]
    return tuple(out)


@functools.cache
def kernel(stem: str, dtypes: frozenset[str], roots: frozenset[str]) -> str:
    """The run step of csrc/kernels/<stem>.c for element types, what ``roots`` need of it: one text, its macros
    undefined behind it."""
    file = f"kernels/{stem}.h" if stem == "transpose" else f"kernels/{stem}.c"
    text = _expanded(text_of(file), file, dtypes)
    text = re.sub(r"/\* a product and its sum are one rounding.*?#endif\n", "", text, flags=re.S)
    text = re.sub(r"^#ifdef GD_MASKED\n.*?^#endif\n", "", text, flags=re.S | re.M)  # intrinsics of one processor
    text = re.sub(r" *const gd_blas \*blas;\n", "", text)
    text = re.sub(r" *if \(b->lanes > 0\) return correlate_images.*\n", "", text)  # images are small at a time
    text = re.sub(r"#define GD_(LAPACK|LANES)_KERNEL\(name\)(.*\\\n)*.*\n", "", text)
    text = re.sub(r"GD_(?:LAPACK|LANES)_KERNEL\((\w+)\)", _LAPACK_KERNEL, text)
    text = text.replace("static const NAME(block_fn)", "const NAME(block_fn)")  # no address is kept
    text = _EITHER.sub(r"GD_FLOAT_CALL(\1, \2, \3);", text)
    text = _DISPATCH.sub(lambda m: _dispatch(m, sorted(dtypes, key=list(_OF_TYPE).index)), text)
    stems = {re.sub(r"_[fib]\d+$", "", root) for root in roots}
    roots = roots | stems | {f"{root}_{dtype}" for root in stems for dtype in dtypes}
    text = _apart(reachable(text, roots, dtypes), stem)
    macros = dict.fromkeys(re.findall(r"^\s*#\s*define (\w+)", text, flags=re.M))
    gone = re.findall(r"^\s*#\s*undef (\w+)", text, flags=re.M)
    tail = "".join(f"#undef {name}\n" for name in macros if name not in gone and not name.startswith("GD_"))
    text = _LANES.get(stem, "") + re.sub(r"\n{3,}", "\n\n", text).strip() + "\n" + tail
    if stem != "product":
        return text
    small = "\n".join(
        _SMALL.format(S=d, T=_OF_TYPE[d][0], lanes=_LANES_OF[d]) for d in sorted(dtypes, key=list(_OF_TYPE).index)
    )
    return f"#ifdef __OPTIMIZE_SIZE__\n\n{small}\n#else\n\n{text}\n#endif\n"


_DISPATCH = re.compile(r"GD_(?:FLOAT|NUMBER|TYPE)_CALL\(([^,]+), (\w+), ((?:[^()]|\([^()]*\))*)\)")


def _dispatch(call: re.Match[str], dtypes: Sequence[str]) -> str:
    """The call of a function for each element type that there is."""
    *others, last = [f"{call[2]}_{dtype}({call[3]})" for dtype in dtypes]
    tests = "".join(
        f"{call[1]} == GD_{dtype.upper().replace('B8', 'BOOL')} ? {f} : " for dtype, f in zip(dtypes, others)
    )
    return f"({tests}{last})" if tests else last


_LAPACK_KERNEL = r"""
int GD_ISA_NAME(gd_k_\1)(const gd_call *call) {
    const lapack_block *b = (const lapack_block *)call->block;
    return GD_FLOAT_CALL(b->is_f64, \1, call, b);
}
"""
_EITHER = re.compile(r"if \((\S+->dtype) == GD_F32\) (\w+)_f32\(([^;]*)\);\s*else \w+_f64\([^;]*\);")


def _expanded(text: str, name: str, dtypes: frozenset[str]) -> str:
    """A file's text with what it includes in place: bodies once for each element type that is asked for."""
    folder, body, out = name.rpartition("/")[0], "", []
    text = re.sub(r"\A\s*/\*.*?\*/\n", "", text, flags=re.S)  # what opens a file is about the file
    text = re.sub(r"^#ifndef (\w+_H)\n#define \1\n(.*)^#endif\n\Z", r"\2", text, flags=re.S | re.M)
    for line in text.splitlines(keepends=True):
        if match := re.match(r'#define GD_BODY "(.*)"', line):
            body = match[1]
        elif re.match(r"#undef GD_BODY", line) or re.match(r"#include <", line):
            continue
        elif match := re.match(r'\s*#include "(.*)"', line):
            file = match[1]
            if file.startswith("each_"):
                out += [_for_type(folder, body, dtype, dtypes) for dtype in _types(file) if dtype in dtypes]
            elif not file.startswith(_SKIPPED):
                out.append(_expanded(text_of(f"{folder}/{file}"), f"{folder}/{file}", dtypes))
        else:
            out.append(line)
    return "".join(out)


def _types(file: str) -> Iterable[str]:
    return {
        "each_float.h": ("f32", "f64"),
        "each_number.h": ("f32", "f64", "i32", "i64"),
        "each_type.h": ("f32", "f64", "i32", "i64", "b8"),
    }[file]


_ROOTS = {
    "f32": "#define SQRT sqrtf\n#define FABS fabsf\n#define EPSILON 1.2e-7f\n",
    "f64": "#undef SQRT\n#undef FABS\n#undef EPSILON\n#define SQRT sqrt\n#define FABS fabs\n#define EPSILON 2.3e-16\n",
}
_SUFFIXES = "f32|f64|i32|i64|b8"
_MACROS = ("GD_CAT", "GD_ISA_NAME", "NAME", "VECTOR", "__attribute__")
_OF_TYPE = {
    "f32": ("float", "float", "int32_t"),
    "f64": ("double", "double", "int64_t"),
    "i32": ("int32_t", "uint32_t", ""),
    "i64": ("int64_t", "uint64_t", ""),
    "b8": ("uint8_t", "uint8_t", ""),
}


def _for_type(folder: str, body: str, dtype: str, dtypes: frozenset[str]) -> str:
    t, u, i = _OF_TYPE[dtype]
    heads = {"T": t, "U": u, "S": dtype, **({"I": i} if i else {})}
    text = _expanded(text_of(f"{folder}/{body}"), f"{folder}/{body}", dtypes)
    if body == "lapack_body.h":
        text = _ROOTS[dtype] + ROUTINES + re.sub(r"b->blas->S\.(\w+)\(", r"NAME(\1)(", text)
    defines = "".join(f"#define {k} {v}\n" for k, v in heads.items())
    return f"\n{defines}{text}" + "".join(f"#undef {k}\n" for k in heads) + "\n"


def _apart(text: str, stem: str) -> str:
    """The text with what it names at the top level made its own: other kernels have rows and blocks too."""
    code = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    plain = set(re.findall(r"^(?:static|INLINE)[^\n;=(]*?\b(\w+)\((?!\w+\)\()", code, flags=re.M))
    plain.update(re.findall(r"^}\s*(\w+);", code, flags=re.M))
    for constants in re.findall(r"^enum \{(.*?)\};", code, flags=re.M | re.S):
        plain.update(re.findall(r"(?:^|,)\s*(\w+)", constants))
    plain = {n for n in plain if n not in _MACROS and not n.lower().startswith("gd_")}
    typed = set(re.findall(r"^(?:static|INLINE|typedef)[^\n;=]*?\bNAME\((\w+)\)", code, flags=re.M))
    typed.update(re.sub(rf"_({_SUFFIXES})$", "", n) for n in plain if re.search(rf"_({_SUFFIXES})$", n))
    typed = {n for n in typed if not n.lower().startswith("gd_")}
    pattern = re.compile(r"/\*.*?\*/|NAME\((\w+)\)|(?<![\w.>])(\w+)\b", flags=re.S)

    def own(m: re.Match[str]) -> str:
        if m[1]:
            return f"NAME({stem}_{m[1]})" if m[1] in typed else m[0]
        word = m[2]
        base = re.sub(rf"_({_SUFFIXES})$", "", word or "")
        return f"{stem}_{word}" if word and (word in plain or (base != word and base in typed)) else m[0]

    text = pattern.sub(own, text)
    text = re.sub(r"^(?:int|void) GD_ISA_NAME\([^;{]*\);\n", "", text, flags=re.M)
    return re.sub(r"^(int|void) (GD_ISA_NAME)", r"STEP \1 \2", text, flags=re.M)
