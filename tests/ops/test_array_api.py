"""The names of the Python array API standard, 2024.12: each is here with the standard's signature, or left out with a
reason; and gives what NumPy's own namespace, which follows the standard, gives, in dtypes, shapes, values and special
cases.

NumPy is the oracle where it follows the standard whole, since 2.3.
"""

import ast
import inspect
import itertools

import numpy as np
import pytest

import graphdiff as gd

# As the standard has them, without ``device`` and ``copy``: Tensors lie on no device and hold no numbers to copy.
SIGNATURES = """
abs(x, /)
acos(x, /)
acosh(x, /)
add(x1, x2, /)
all(x, /, *, axis=None, keepdims=False)
any(x, /, *, axis=None, keepdims=False)
arange(start, /, stop=None, step=1, *, dtype=None)
argmax(x, /, *, axis=None, keepdims=False)
argmin(x, /, *, axis=None, keepdims=False)
argsort(x, /, *, axis=-1, descending=False, stable=True)
asarray(obj, /, *, dtype=None)
asin(x, /)
asinh(x, /)
astype(x, dtype, /)
atan(x, /)
atan2(x1, x2, /)
atanh(x, /)
bitwise_and(x1, x2, /)
bitwise_invert(x, /)
bitwise_left_shift(x1, x2, /)
bitwise_or(x1, x2, /)
bitwise_right_shift(x1, x2, /)
bitwise_xor(x1, x2, /)
broadcast_arrays(*arrays)
broadcast_to(x, /, shape)
can_cast(from_, to, /)
ceil(x, /)
clip(x, /, min=None, max=None)
concat(arrays, /, *, axis=0)
conj(x, /)
copysign(x1, x2, /)
cos(x, /)
cosh(x, /)
count_nonzero(x, /, *, axis=None, keepdims=False)
cumulative_prod(x, /, *, axis=None, dtype=None, include_initial=False)
cumulative_sum(x, /, *, axis=None, dtype=None, include_initial=False)
diff(x, /, *, axis=-1, n=1, prepend=None, append=None)
divide(x1, x2, /)
empty(shape, *, dtype=None)
empty_like(x, /, *, dtype=None)
equal(x1, x2, /)
exp(x, /)
expand_dims(x, /, *, axis=0)
expm1(x, /)
eye(n_rows, n_cols=None, /, *, k=0, dtype=None)
finfo(type, /)
flip(x, /, *, axis=None)
floor(x, /)
floor_divide(x1, x2, /)
from_dlpack(x, /)
full(shape, fill_value, *, dtype=None)
full_like(x, /, fill_value, *, dtype=None)
greater(x1, x2, /)
greater_equal(x1, x2, /)
hypot(x1, x2, /)
iinfo(type, /)
imag(x, /)
isdtype(dtype, kind)
isfinite(x, /)
isinf(x, /)
isnan(x, /)
less(x1, x2, /)
less_equal(x1, x2, /)
linspace(start, stop, /, num, *, dtype=None, endpoint=True)
log(x, /)
log10(x, /)
log1p(x, /)
log2(x, /)
logaddexp(x1, x2, /)
logical_and(x1, x2, /)
logical_not(x, /)
logical_or(x1, x2, /)
logical_xor(x1, x2, /)
matmul(x1, x2, /)
matrix_transpose(x, /)
max(x, /, *, axis=None, keepdims=False)
maximum(x1, x2, /)
mean(x, /, *, axis=None, keepdims=False)
meshgrid(*arrays, indexing="xy")
min(x, /, *, axis=None, keepdims=False)
minimum(x1, x2, /)
moveaxis(x, source, destination, /)
multiply(x1, x2, /)
negative(x, /)
nextafter(x1, x2, /)
nonzero(x, /)
not_equal(x1, x2, /)
ones(shape, *, dtype=None)
ones_like(x, /, *, dtype=None)
permute_dims(x, /, axes)
positive(x, /)
pow(x1, x2, /)
prod(x, /, *, axis=None, dtype=None, keepdims=False)
real(x, /)
reciprocal(x, /)
remainder(x1, x2, /)
repeat(x, repeats, /, *, axis=None)
reshape(x, /, shape)
result_type(*arrays_and_dtypes)
roll(x, /, shift, *, axis=None)
round(x, /)
searchsorted(x1, x2, /, *, side="left", sorter=None)
sign(x, /)
signbit(x, /)
sin(x, /)
sinh(x, /)
sort(x, /, *, axis=-1, descending=False, stable=True)
sqrt(x, /)
square(x, /)
squeeze(x, /, axis)
stack(arrays, /, *, axis=0)
std(x, /, *, axis=None, correction=0.0, keepdims=False)
subtract(x1, x2, /)
sum(x, /, *, axis=None, dtype=None, keepdims=False)
take(x, indices, /, *, axis=0)
take_along_axis(x, indices, /, *, axis=-1)
tan(x, /)
tanh(x, /)
tensordot(x1, x2, /, *, axes=2)
tile(x, repetitions, /)
tril(x, /, *, k=0)
triu(x, /, *, k=0)
trunc(x, /)
unique_all(x, /)
unique_counts(x, /)
unique_inverse(x, /)
unique_values(x, /)
unstack(x, /, *, axis=0)
var(x, /, *, axis=None, correction=0.0, keepdims=False)
vecdot(x1, x2, /, *, axis=-1)
where(condition, x1, x2, /)
zeros(shape, *, dtype=None)
zeros_like(x, /, *, dtype=None)
linalg.cholesky(x, /, *, upper=False)
linalg.cross(x1, x2, /, *, axis=-1)
linalg.det(x, /)
linalg.diagonal(x, /, *, offset=0)
linalg.eigh(x, /)
linalg.eigvalsh(x, /)
linalg.inv(x, /)
linalg.matmul(x1, x2, /)
linalg.matrix_norm(x, /, *, keepdims=False, ord="fro")
linalg.matrix_power(x, n, /)
linalg.matrix_rank(x, /, *, rtol=None)
linalg.matrix_transpose(x, /)
linalg.outer(x1, x2, /)
linalg.pinv(x, /, *, rtol=None)
linalg.qr(x, /, *, mode="reduced")
linalg.slogdet(x, /)
linalg.solve(x1, x2, /)
linalg.svd(x, /, *, full_matrices=True)
linalg.svdvals(x, /)
linalg.tensordot(x1, x2, /, *, axes=2)
linalg.trace(x, /, *, offset=0, dtype=None)
linalg.vecdot(x1, x2, /, *, axis=-1)
linalg.vector_norm(x, /, *, axis=None, keepdims=False, ord=2)
"""
CONSTANTS = ("e", "inf", "nan", "newaxis", "pi")
DTYPES = ("float32", "float64", "int32", "int64")
COMPLEX = "there are no complex dtypes"
SHAPE = "its result's shape depends on values, and shapes are known before the call"
LEFT_OUT = {
    **dict.fromkeys(("complex64", "complex128"), COMPLEX),
    **dict.fromkeys(("nonzero", "unique_all", "unique_counts", "unique_inverse", "unique_values"), SHAPE),
    **dict.fromkeys(("int8", "int16", "uint8", "uint16", "uint32", "uint64"), "no Tensor has such a dtype"),
    "bool": "the name is Python's, and signatures use it; the dtype is 'bool'",
}
TABLE = {line.partition("(")[0]: line for line in SIGNATURES.split("\n") if line}
NAMES = [n for n in TABLE if n not in LEFT_OUT]
oracle = pytest.mark.skipif(
    getattr(np, "__array_api_version__", "") < "2024.12", reason="NumPy before 2.3 follows an older standard"
)


def found(name, namespace=gd):
    for part in name.split("."):
        namespace = getattr(namespace, part)
    return namespace


def test_every_name_is_here_or_is_left_out_for_a_reason():
    names = [*TABLE, *CONSTANTS, *DTYPES, *(n for n in LEFT_OUT if n not in TABLE)]
    assert len(TABLE) == 156 and len(NAMES) == 151 and len(names) == len(set(names)) == 174
    missing = [
        n for n in names if n not in LEFT_OUT and not hasattr(*((gd.linalg, n[7:]) if "linalg." in n else (gd, n)))
    ]
    assert missing == []
    assert [n for n in LEFT_OUT if hasattr(gd, n)] == []
    assert [getattr(gd, n) for n in CONSTANTS[:2]] == [np.e, np.inf] and gd.newaxis is None and gd.pi == np.pi
    assert all(getattr(gd, n) == np.dtype(n) for n in DTYPES)


@pytest.mark.parametrize("name", NAMES)
def test_what_the_standards_signature_takes_is_taken(name):
    """Ours may take more: parameters by position too, and further ones that have defaults."""
    standard = ast.parse(f"def f{TABLE[name][len(name) :]}: ...").body[0].args
    ours = inspect.signature(found(name)).parameters
    at = list(ours.values())
    first = [*standard.posonlyargs, *standard.args]
    defaults = [inspect.Parameter.empty] * (len(first) - len(standard.defaults)) + [d.value for d in standard.defaults]
    for i, (p, default) in enumerate(zip(first, defaults, strict=True)):
        assert at[i].kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        if p in standard.args:
            assert at[i].name == p.arg and at[i].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        if default is not inspect.Parameter.empty:
            assert at[i].default == default
    for p, default in zip(standard.kwonlyargs, standard.kw_defaults, strict=True):
        assert ours[p.arg].default == ast.literal_eval(default)
    if standard.vararg:
        assert ours[standard.vararg.arg].kind is inspect.Parameter.VAR_POSITIONAL
    known = {p.arg for p in (*standard.args, *standard.kwonlyargs)}
    for p in at[len(first) :]:
        assert p.name in known or p.kind is p.VAR_POSITIONAL or p.default is not p.empty


# ------------------------------------------------------------------ dtypes and special cases of elementwise functions

FLOATS, NUMERIC = ("float32", "float64"), DTYPES
INTEGERS, ANY = ("int32", "int64"), (*DTYPES, "bool")
FLOATING = """acos acosh asin asinh atan atan2 atanh copysign cos cosh divide exp expm1 hypot log log10 log1p log2
 logaddexp nextafter reciprocal signbit sin sinh sqrt tan tanh""".split()
NUMBERS = """abs add floor_divide greater greater_equal less less_equal maximum minimum multiply negative positive pow
 remainder sign square subtract ceil floor isfinite isinf isnan round trunc real conj imag""".split()
WHOLE = "bitwise_left_shift bitwise_right_shift".split()
BITS = "bitwise_and bitwise_invert bitwise_or bitwise_xor".split()
TRUTH = "logical_and logical_not logical_or logical_xor".split()
ACCEPTS = {
    **dict.fromkeys(FLOATING, FLOATS),
    **dict.fromkeys(NUMBERS, NUMERIC),
    **dict.fromkeys(WHOLE, INTEGERS),
    **dict.fromkeys(BITS, (*INTEGERS, "bool")),
    **dict.fromkeys(TRUTH, ("bool",)),
    **dict.fromkeys(("equal", "not_equal"), ANY),
}
# Where ours takes more than the standard asks for
MORE = {"positive": ("bool",), **dict.fromkeys(TRUTH, ANY)}
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.0, -2.5, 3.0, 1e30, -1e30, 1e-30]


def operands(name, dtype):
    """Every pair of special values, or every one."""
    values = SPECIAL if dtype in FLOATS else [0, 1, -1, 2, 3, -7, 31] if dtype != "bool" else [True, False]
    if name in ("bitwise_left_shift", "bitwise_right_shift", "pow") and dtype in INTEGERS:
        first, second = values, [0, 1, 2, 3]
    elif name in ("floor_divide", "remainder") and dtype in INTEGERS:
        first, second = values, [1, -1, 2, -3]
    else:
        first, second = values, values
    pairs = zip(*itertools.product(first, second), strict=True)
    return [np.array(v, dtype) for v in (pairs if "x2" in TABLE[name] else [first])]


@oracle
@pytest.mark.parametrize("name", ACCEPTS)
def test_elementwise_dtypes_and_special_cases_are_the_standards(name):
    for dtype in ANY:
        arrays = operands(name, dtype)
        xs = [gd.input(f"x{i}", a.shape, dtype) for i, a in enumerate(arrays)]
        if dtype not in ACCEPTS[name]:
            if dtype not in MORE.get(name, ()):
                with pytest.raises(gd.DTypeError):
                    found(name)(*xs)
            continue
        got = gd.compile(xs, found(name)(*xs))(*arrays)
        with np.errstate(all="ignore"):
            wanted = found(name, np)(*arrays)
        assert got.dtype == wanted.dtype, dtype
        np.testing.assert_allclose(got, wanted, rtol=3e-7 if dtype == "float32" else 1e-15)
        if dtype in FLOATS and got.dtype == dtype and name not in ("maximum", "minimum"):  # which zero is left open
            zero = got == 0
            assert np.array_equal(np.signbit(got[zero]), np.signbit(wanted[zero])), "the sign of a zero"


# ------------------------------------------------------------------ everything else, by calls

CALLS = """
all(b, axis=1)
any(b, keepdims=True)
arange(2, 9, 3)
arange(5)
argmax(a, axis=0, keepdims=True)
argmin(a)
argsort(a, axis=0)
asarray(a)
asarray([1.0, 2.0])
asarray(i, dtype=xp.float64)
argsort(a, descending=True, stable=True)
astype(a, xp.int64)
broadcast_arrays(a, c)
broadcast_to(c, (2, 4))
clip(a, -0.5, 0.5)
clip(i, 1, None)
concat([a, a], axis=1)
concat([a, a * 2.0], axis=None)
count_nonzero(i, axis=0)
cumulative_prod(c)
cumulative_sum(i, axis=1, include_initial=True)
cumulative_sum(a, axis=0, dtype=xp.float64)
diff(a, n=2)
diff(i, axis=0, prepend=i[:1])
empty((2, 0), dtype=xp.int32)
empty_like(a[:0])
expand_dims(a, axis=1)
eye(3, 4, k=1, dtype=xp.float64)
flip(a, axis=0)
full((2, 3), 7)
full_like(a, 2.0)
linalg.cholesky(s)
linalg.cross(t, t[::-1], axis=0)
linalg.det(s)
linalg.diagonal(s, offset=1)
linalg.eigvalsh(s)
linalg.inv(s)
linalg.matmul(s, t)
linalg.matrix_norm(s, ord=1, keepdims=True)
linalg.matrix_power(s, -2)
linalg.matrix_rank(s)
linalg.matrix_transpose(t)
linalg.outer(c, c)
linalg.pinv(t)
linalg.qr(s)
linalg.slogdet(s)
linalg.solve(s, t)
linalg.svdvals(t)
linalg.svd(t, full_matrices=False)[1]
linalg.eigh(s)[0]
linalg.tensordot(s, t, axes=1)
linalg.trace(s)
linalg.vecdot(t, t, axis=0)
linalg.vector_norm(a, axis=(0, 1), ord=3)
linspace(0.0, 1.0, 5, dtype=xp.float64, endpoint=False)
logaddexp(a, a)
matmul(s, t)
matrix_transpose(a)
max(a, axis=1)
mean(a, axis=(0, 1), keepdims=True)
meshgrid(c, c, indexing="ij")
min(i)
moveaxis(a, 0, 1)
ones((2,), dtype=xp.int32)
ones_like(i)
permute_dims(a, (1, 0))
prod(i, axis=1)
prod(i, dtype=xp.float64)
repeat(c, 3)
repeat(a, 2, axis=0)
reshape(a, (4, -1))
roll(a, (1, 2), axis=(0, 1))
searchsorted(xp.sort(c), a, side="right")
sort(a, axis=0, descending=False)
squeeze(a[None, :1], axis=(0, 1))
stack([a, a], axis=-1)
std(a, axis=0, correction=1.0)
sum(i, axis=0)
sum(a, dtype=xp.float64)
take(a, j, axis=1)
take_along_axis(a, j[None, :], axis=1)
tensordot(a, a, axes=((0, 1), (0, 1)))
tile(a, (2, 1))
tril(s, k=-1)
triu(s, k=1)
unstack(a, axis=0)
var(a, axis=1, keepdims=True)
vecdot(a, a)
where(b, a, 0.0)
where(b, i, i)
zeros((2, 3), dtype=xp.float64)
zeros_like(a)
""".split("\n")[1:-1]
RNG = np.random.default_rng(0)
ARRAYS = {
    "a": RNG.normal(size=(2, 4)),
    "b": np.array([[True, False, True, True], [False, False, True, False]]),
    "c": RNG.normal(size=4),
    "i": RNG.integers(-3, 4, (2, 4)),
    "j": np.array([3, 0, -1]),
    "s": np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]]),
    "t": RNG.normal(size=(3, 2)),
}
# of dtypes, constants, and with results of Python: compared in a test of their own
APART = {"can_cast", "finfo", "from_dlpack", "iinfo", "isdtype", "result_type"}


def test_every_function_is_called():
    assert len(CALLS) == 92
    called = {c.partition("(")[0] for c in CALLS}
    assert set(NAMES) - set(ACCEPTS) - APART - called == {"linalg.svd", "linalg.eigh"} - called


@oracle
@pytest.mark.parametrize("call", CALLS)
def test_a_call_gives_what_numpy_gives(call):
    xs = {k: gd.input(k, v.shape, v.dtype) for k, v in ARRAYS.items()}
    name, _, rest = call.partition("(")
    if "descending=True" in call:  # which NumPy does not have
        wanted = np.argsort(-ARRAYS["a"])
    else:
        rest_np = rest.replace(", descending=False", "")
        wanted = eval(f"xp.{name}({rest_np}", {"xp": np, **ARRAYS})
    with gd.default_dtype("float64"):
        got = eval(f"xp.{name}({rest}", {"xp": gd, **xs})
    got, wanted = (list(v) if isinstance(v, (list, tuple)) else [v] for v in (got, wanted))
    values = gd.compile(list(xs.values()), got)(*ARRAYS.values())
    for y, w in zip(values, wanted, strict=True):
        w = np.asarray(w)
        assert y.dtype == w.dtype and y.shape == w.shape
        np.testing.assert_allclose(y, w, rtol=1e-13, atol=1e-13)


@oracle
def test_functions_of_dtypes_are_numpys():
    x = gd.input("x", (2,), "float32")
    for a, b in itertools.product(ANY, ANY):
        try:
            joined = gd.result_type(a, b)
        except gd.DTypeError:
            assert len({np.dtype(a).kind, np.dtype(b).kind}) == 2  # the standard leaves these open
            assert not gd.can_cast(a, b)
            continue
        assert joined == np.result_type(np.dtype(a), np.dtype(b)) and gd.can_cast(a, b) == (joined == np.dtype(b))
    for kind in (
        "bool",
        "signed integer",
        "unsigned integer",
        "integral",
        "real floating",
        "complex floating",
        "numeric",
    ):
        assert [gd.isdtype(d, kind) for d in ANY] == [np.isdtype(np.dtype(d), kind) for d in ANY]
    assert gd.isdtype("int32", ("bool", gd.int32)) and not gd.isdtype(gd.float64, gd.float32)
    assert gd.finfo(x).eps == np.finfo("float32").eps and gd.finfo("float64").bits == 64
    assert gd.iinfo("int32").max == 2**31 - 1 and gd.iinfo(gd.int64).min == -(2**63)
    assert gd.result_type(x, 1.5, 2) == gd.float32 and gd.result_type(np.float64(1), x) == gd.float64


def test_code_for_the_standard_finds_its_namespace():
    """A function that knows of no library but by its operands."""

    def standardised(x):
        xp = x.__array_namespace__(api_version="2024.12")
        info = xp.__array_namespace_info__()
        assert xp.isdtype(x.dtype, "real floating") and x.dtype in info.dtypes(kind="real floating").values()
        shift = xp.asarray(1.0, dtype=x.dtype) * xp.mean(x, axis=0, keepdims=True)
        return xp.where(xp.isfinite(x), x - shift, xp.empty_like(x) * 0)

    a = ARRAYS["a"]
    x = gd.input("x", ("n", 4), "float64")
    assert x.__array_namespace__() is gd and gd.__array_api_version__ == "2024.12"
    np.testing.assert_allclose(gd.compile(x, standardised(x))(a), a - a.mean(0), rtol=1e-15)
    with pytest.raises(gd.GraphError, match=r"the standard is that of 2024\.12, asked for '2021\.12'"):
        x.__array_namespace__(api_version="2021.12")


def test_what_the_namespace_tells_of_itself():
    info = gd.__array_namespace_info__()
    assert set(info.dtypes()) == set(ANY) and list(info.dtypes(kind=("bool", "integral"))) == ["int32", "int64", "bool"]
    assert info.dtypes(device="cpu", kind="unsigned integer") == info.dtypes(kind="complex floating") == {}
    assert info.devices() == [info.default_device()] == ["cpu"]
    assert info.default_dtypes() == {"real floating": gd.float32, "integral": gd.int64, "indexing": gd.int64}
    with gd.default_dtype("float64"):
        assert info.default_dtypes(device="cpu")["real floating"] == gd.float64
    assert info.capabilities() == {"boolean indexing": False, "data-dependent shapes": False, "max dimensions": 32}
    with pytest.raises(gd.DTypeError, match="there is no device 'gpu'; the only one is 'cpu'"):
        info.dtypes(device="gpu")


def test_arrays_of_others_become_constants():
    x = gd.input("x", (2,))
    assert gd.asarray(x) is x and gd.from_dlpack(x) is x and gd.asarray([x, 2 * x], dtype="float64").shape == (2, 2)
    a = np.arange(3.0)
    made = gd.from_dlpack(a)
    a[:] = 7
    assert gd.compile([], made)().tolist() == [0, 1, 2]
    with pytest.raises(gd.GraphError, match="from_dlpack: str is no array in memory"):
        gd.from_dlpack("text")
    with pytest.raises(gd.DTypeError, match="dtype int8 is not one of"):
        gd.from_dlpack(np.zeros(2, np.int8))


@pytest.mark.parametrize("name", ["ceil", "floor", "round", "trunc"])
def test_integers_are_whole_already(name):
    i = gd.input("i", ("n",), "int32")
    assert found(name)(i) is i


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: gd.finfo("int32"), "finfo is of floating dtypes, got int32"),
        (lambda: gd.iinfo("float32"), "iinfo is of integer dtypes, got float32"),
        (lambda: gd.isdtype("int32", "whole"), "'whole' is no kind of dtype"),
        (lambda: gd.result_type("int32", "float32"), "int32 and float32 do not mix"),
        (lambda: gd.result_type(1.0), "needs a Tensor or a dtype"),
        (lambda: gd.result_type("int64", 1.5), "the number 1.5 does not go with int64"),
        (lambda: gd.can_cast("int8", "int64"), "dtype int8 is not one of"),
    ],
)
def test_what_functions_of_dtypes_refuse(call, told):
    with pytest.raises(gd.DTypeError, match=told):
        call()
