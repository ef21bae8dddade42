"""The user's Tensor: a Value with Python's operators, NumPy's protocols and a few methods.

Owns: how Python values become Tensors, what indexing means, and the errors of misuse. Every method looks its
operation up in the registry by name, so this file knows no operation's meaning.
Must not know: derivatives, plans, kernels.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import EllipsisType, ModuleType
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, TypeVar

import numpy as np

from ..errors import DTypeError, GraphError, ShapeError
from ..ir.defaults import default_float, default_of
from ..ir.dims import Dim, Size
from ..ir.dtypes import ARRAY_API, CODE, as_dtype, promote, weak_dtype
from ..ir.node import Leaf, Value, ambient, results_are
from ..ir.node import make as make
from ..ir.numbers import Arithmetic, Number
from ..ir.words import ArrayLike, Axes, DTypeLike, ShapeLike
from ..late import give, given_later
from ..spelling import explained
from ..wording import one_line
from .messages import call_text, describe, is_tracer, told_type, where_am_i
from .places import At, NoValue, cannot_assign
from .registry import REGISTRY, Nothing, Op, register

if TYPE_CHECKING:
    from pathlib import Path

Read = TypeVar("Read")


def fail(error: type, op: str, fact: str, inputs: Sequence[Any] = (), attrs: dict[str, Any] | None = None) -> NoReturn:
    """Raises ``error`` in the form of every graph-building error."""
    raise error(f"{op}: {fact}", call_text(op, inputs, attrs or {}), where_am_i())


def checked(read: Callable[[Any], Read], op: str, spec: Any, inputs: Sequence[Any] = ()) -> Read:
    """``read(spec)`` - a size, a shape or a dtype - with its refusal in the form of every graph-building error."""
    try:
        return read(spec)
    except (ShapeError, DTypeError) as e:
        fail(type(e), op, e.fact, inputs)


def dtype_or_default(op: str, dtype: DTypeLike | None, inputs: Sequence[Any] = ()) -> np.dtype:
    """``dtype``, or the default dtype for None. Raises DTypeError."""
    return default_float() if dtype is None else checked(as_dtype, op, dtype, inputs)


Binary = Callable[["Tensor", "TensorLike"], "Tensor"]


def _binary(name: str, every: bool = False) -> tuple[Binary, Binary]:
    """The methods of a binary operator: with the Tensor on the left, and on the right. ``every``: any object may stand
    beside it; else it is refused, unless a class of its own may know what to do."""

    def forward(self: Tensor, other: TensorLike) -> Any:
        known = type(other) is Tensor or type(other) in PLAIN or is_tensorable(other)
        if not known and (every or not (type(other).__module__ == "builtins" or is_tracer(other))):
            return NotImplemented
        return REGISTRY[name].public(self, other)

    def backward(self: Tensor, other: TensorLike) -> Any:
        return REGISTRY[name].public(other, self)

    return forward, backward


def _unary(name: str) -> Callable[[Any], Tensor]:
    def method(self: Any) -> Tensor:
        return REGISTRY[name].public(self)

    return method


@given_later("graphdiff.inspect", "to_dot", "to_svg", "to_html", "_repr_html_")
@given_later("graphdiff.ops.torch_and_jax", "__torch_function__", "__jax_array__")
class Tensor(Value):
    """A value of the graph: ``shape`` (a tuple of ints and size expressions), ``dtype``, operators, NumPy ufuncs.

    Tensors are immutable, hash by identity and hold no numbers; ``gd.compile`` makes a function that computes them.
    """

    __slots__ = ()
    __array_priority__ = 1000
    __hash__ = object.__hash__

    if TYPE_CHECKING:  # graphdiff.inspect and subscript.py give the class these, which stand after it

        def __getitem__(self, key: Index) -> Tensor: ...
        def to_dot(self) -> str: ...
        def to_svg(self, path: str | Path | None = None) -> str: ...
        def to_html(self, path: str | Path, feed: Mapping[Leaf, ArrayLike] | None = None) -> None: ...

    # ------------------------------------------------------------------ what a Tensor refuses
    def __bool__(self) -> bool:
        raise GraphError(
            f"a Tensor has no truth value while the graph is built ({describe(self)}); use gd.where or gd.cond",
            source=where_am_i(),
        )

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        raise GraphError(
            f"a Tensor holds no numbers ({describe(self)}); compile it with gd.compile and call the function",
            source=where_am_i(),
        )

    def __float__(self) -> float:
        self.__array__()
        return 0.0

    __int__ = __index__ = __complex__ = __float__

    def __format__(self, spec: str) -> str:
        return format(float(self), spec) if spec else str(self)

    def __len__(self) -> int:
        if not self.shape:
            raise ShapeError(f"a 0-d Tensor has no length ({describe(self)})", source=where_am_i())
        if isinstance(self.shape[0], Dim):
            raise ShapeError(
                f"the length {self.shape[0]} is known only at the call ({describe(self)})", source=where_am_i()
            )
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        n = len(self)
        return (self[i] for i in range(n))

    def __setitem__(self, key: Any, v: Any) -> NoReturn:
        cannot_assign(self, key, v)

    def __delitem__(self, key: Any) -> NoReturn:
        raise GraphError(
            f"a Tensor keeps its elements ({describe(self)}); write slices of what stays and gd.concat",
            source=where_am_i(),
        )

    def __contains__(self, item: Any) -> bool:
        self.__bool__()
        return False

    def __repr__(self) -> str:
        return one_line(f"Tensor({describe(self)})")

    def __copy__(self) -> Tensor:
        return self

    # ------------------------------------------------------------------ attributes
    @property
    def T(self) -> Tensor:
        """The transpose: all dimensions reversed."""
        return REGISTRY["permute_dims"].public(self, tuple(reversed(range(self.ndim))))

    @property
    def mT(self) -> Tensor:
        """The last two dimensions swapped."""
        return REGISTRY["matrix_transpose"].public(self)

    @property
    def size(self) -> Size:
        """The number of elements: an int or a size expression."""
        out: Size = 1
        for s in self.shape:
            out = out * s
        return out

    @property
    def value(self) -> np.ndarray:
        """A parameter's or state's array: a view of the storage compiled functions read and update in place. The
        storage itself keeps its shape, dtype and place whatever is done to the view."""
        return self._storage().array.view()

    @value.setter
    def value(self, array: Any) -> None:
        self._storage().assign(array, self)

    def _storage(self) -> Storage:
        storage = self.node.attrs.get("storage")
        if storage is None:
            why = (
                "was read from text, which holds no values"
                if "storage" in self.node.attrs
                else "is no parameter or state and has no value; compile it with gd.compile and call the function"
            )
            raise GraphError(f"{describe(self)} {why}", source=where_am_i())
        return storage

    @property
    def at(self) -> At[Tensor]:
        """``x.at[key].set(v)``: a new Tensor with other elements where ``x[key]`` reads; also add, mul, min and max."""
        return At(self)

    # ------------------------------------------------------------------ methods
    def named(self, name: str) -> Tensor:
        """A new Tensor of this value that carries ``name`` for people: in texts, errors, plans, profiles and pages.

        It makes no instruction, and derivatives flow through it; this Tensor stays as it is. Raises GraphError for a
        name that is no text. Example: ``h = gd.tanh(x @ W + b).named("h")``."""
        return REGISTRY["named"].public(self, name)

    def astype(self, dtype: DTypeLike) -> Tensor:
        """This Tensor in another dtype, as ``gd.astype``."""
        return REGISTRY["astype"].public(self, dtype)

    def reshape(self, *shape: ShapeLike) -> Tensor:
        """``x.reshape(2, 3)`` or ``x.reshape((2, 3))``; one size may be -1."""
        return REGISTRY["reshape"].public(self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Axes) -> Tensor:
        """Axes in another order, reversed unless given."""
        if not axes or axes == (None,):
            return self.T
        return REGISTRY["permute_dims"].public(self, axes[0] if len(axes) == 1 and not _is_int(axes[0]) else axes)

    def __array_namespace__(self, *, api_version: str | None = None) -> ModuleType:
        """The module whose functions take this Tensor, for code written for the array API standard."""
        if api_version not in (None, ARRAY_API):
            raise GraphError(f"the standard is that of {ARRAY_API}, asked for {api_version!r}", source=where_am_i())
        return sys.modules[__package__.partition(".")[0]]

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        op = REGISTRY.get(UFUNC_NAMES.get(ufunc.__name__, ufunc.__name__))
        if op is None or method != "__call__" or kwargs:
            what = (
                f"np.{ufunc.__name__}"
                + (f".{method}" if method != "__call__" else "")
                + (f" with {', '.join(kwargs)}" if kwargs else "")
            )
            raise GraphError(f"{what} has no graphdiff operation; see the gd functions", source=where_am_i())
        return op.public(*inputs)

    # ------------------------------------------------------------------ operators and reductions
    __add__, __radd__ = _binary("add")
    __sub__, __rsub__ = _binary("subtract")
    __mul__, __rmul__ = _binary("multiply")
    __truediv__, __rtruediv__ = _binary("divide")
    __floordiv__, __rfloordiv__ = _binary("floor_divide")
    __mod__, __rmod__ = _binary("remainder")
    __pow__, __rpow__ = _binary("pow")
    __matmul__, __rmatmul__ = _binary("matmul")
    __and__, __rand__ = _binary("bitwise_and")
    __or__, __ror__ = _binary("bitwise_or")
    __xor__, __rxor__ = _binary("bitwise_xor")
    __lshift__, __rlshift__ = _binary("bitwise_left_shift")
    __rshift__, __rrshift__ = _binary("bitwise_right_shift")
    __eq__, __ne__ = _binary("equal", True)[0], _binary("not_equal", True)[0]  # type: ignore[assignment]
    __lt__, __gt__ = _binary("less")[0], _binary("greater")[0]
    __le__, __ge__ = _binary("less_equal")[0], _binary("greater_equal")[0]
    __neg__, __pos__ = _unary("negative"), _unary("positive")
    __abs__, __invert__ = _unary("abs"), _unary("bitwise_invert")

    @explained
    def sum(self, axis: Axes = None, keepdims: bool = False) -> Tensor:
        """As ``gd.sum``."""
        return REGISTRY["sum"].public(self, axis=axis, keepdims=keepdims)

    @explained
    def mean(self, axis: Axes = None, keepdims: bool = False) -> Tensor:
        """As ``gd.mean``."""
        return REGISTRY["mean"].public(self, axis=axis, keepdims=keepdims)

    @explained
    def prod(self, axis: Axes = None, keepdims: bool = False) -> Tensor:
        """As ``gd.prod``."""
        return REGISTRY["prod"].public(self, axis=axis, keepdims=keepdims)

    @explained
    def max(self, axis: Axes = None, keepdims: bool = False) -> Tensor:
        """As ``gd.max``."""
        return REGISTRY["max"].public(self, axis=axis, keepdims=keepdims)

    @explained
    def min(self, axis: Axes = None, keepdims: bool = False) -> Tensor:
        """As ``gd.min``."""
        return REGISTRY["min"].public(self, axis=axis, keepdims=keepdims)


TensorLike: TypeAlias = Tensor | ArrayLike | Number  # an operand: also a number, an array, nested lists of numbers
Position: TypeAlias = int | str | slice | EllipsisType | Tensor | np.ndarray | list[int] | list[bool] | None
Index: TypeAlias = Position | tuple[Position, ...]  # a str is a Dim

# What NumPy or SciPy calls a function that has another name here, mostly the array API's
UFUNC_NAMES = {
    "absolute": "abs",
    "fabs": "abs",
    "true_divide": "divide",
    "power": "pow",
    "float_power": "pow",
    "mod": "remainder",
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arctan2": "atan2",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
    "rint": "round",
    "conjugate": "conj",
    "invert": "bitwise_invert",
    "gammaln": "lgamma",
    "psi": "digamma",
    "left_shift": "bitwise_left_shift",
    "right_shift": "bitwise_right_shift",
}


def is_tensorable(x: Any) -> bool:
    """Whether ``x`` can be an operand: a Tensor, a number, a size, an array or a list of numbers."""
    return isinstance(x, (Tensor, Arithmetic, int, float, bool, np.generic, np.ndarray, list, tuple))


def _is_int(x: Any) -> bool:
    return isinstance(x, (int, np.integer)) and not isinstance(x, bool)


results_are(Tensor)

# --------------------------------------------------------------------------------------- constants


def _infer_constant(_inputs: Any, attrs: dict[str, Any]) -> Any:
    return [(attrs["value"].shape, attrs["value"].dtype)]


CONSTANT = register(
    Op("constant", "leaf", "A fixed array.", infer=_infer_constant, kernel=Nothing(), compute=lambda xs, a: a["value"])
)
_scalars: dict[tuple[Any, ...], Tensor] = {}  # by dtype and bytes, and by number, its type and the dtype beside it
PLAIN = (float, int, bool)


def constant(value: ArrayLike | Number, dtype: DTypeLike | None = None) -> Tensor:
    """A Tensor that is the same at every call.

    ``value``: an array, a NumPy scalar (their dtype is kept), a size such as ``x.shape[0]``, a Python number or nested
    lists of them (bool, int64
    or the default dtype unless ``dtype`` is given). Raises DTypeError for a dtype that no Tensor can have.

    Example: ``c = gd.constant(np.float32(2))``.
    """
    if isinstance(value, Tensor):
        fail(GraphError, "constant", "the value is a Tensor already", [value])
    if isinstance(value, Arithmetic):
        return as_tensor(value, "constant", None if dtype is None else checked(as_dtype, "constant", dtype))
    if isinstance(value, NoValue):
        value.refused()
    if is_tracer(value):
        fail(DTypeError, "constant", f"expected an array or a number, got {told_type(value)}")
    value = strong(value)
    try:
        given = np.asarray(value)
    except ValueError:
        fail(ShapeError, "constant", f"{value!r} is no array")
    if given.dtype.kind not in "biuf":
        fail(DTypeError, "constant", f"{value!r} is no array of real numbers")
    if dtype is None and not isinstance(value, (np.ndarray, np.generic)):
        dtype = default_of(_EXAMPLES[given.dtype.kind]) if given.dtype.kind in _EXAMPLES else given.dtype
    array = given if dtype is None else np.asarray(value, dtype=checked(as_dtype, "constant", dtype))
    if array.dtype not in CODE:
        fail(DTypeError, "constant", f"dtype {array.dtype} is not one of float32, float64, int32, int64, bool")
    return _constant(array)


def _constant(array: np.ndarray) -> Tensor:
    shared = array.ndim == 0 and ambient.now[0] is None  # an adjoint's constants are nodes of their own
    if shared:
        key = (array.dtype, array.tobytes())
        found = _scalars.get(key)
        if found is not None:
            return found
    frozen = np.array(array, dtype=as_dtype(array.dtype), order="C")
    frozen.setflags(write=False)
    out = make(CONSTANT, (), {"value": frozen})
    if array.ndim == 0:
        out.node.source = None  # it stands in every line that uses such a number
    if shared:
        if len(_scalars) > 8192:
            _scalars.clear()
        _scalars[key] = out
    return out


def scalar(value: float, dtype: np.dtype) -> Tensor:
    """A 0-d constant."""
    return _constant(np.asarray(value, dtype))


def strong(x: Any) -> Any:
    """``x``, but of a list that holds NumPy's arrays or scalars the array: its dtype is theirs, and the Python numbers
    between them are weak."""
    if not isinstance(x, (list, tuple)):
        return x
    joined: np.dtype | None = None
    waiting: list[Any] = [x]
    while waiting:
        e = waiting.pop()
        if isinstance(e, (list, tuple)):
            waiting += e
        elif isinstance(e, (np.ndarray, np.generic)):
            joined = e.dtype if joined is None else promote(joined, e.dtype) or np.promote_types(joined, e.dtype)
    return x if joined is None else np.asarray(x, joined)


def is_weak(x: Any) -> bool:
    """Whether ``x`` is a Python number, or a list of nothing but them."""
    return isinstance(x, (bool, int, float, Arithmetic, list, tuple)) and not isinstance(
        strong(x), (np.ndarray, np.generic)
    )


def example_of(x: Any) -> bool | int | float:
    """A Python number of the kind of ``x``: itself, or one for a number that is known at the call."""
    return x if not isinstance(x, Arithmetic) else 0 if isinstance(x, Dim) else 0.0


_EXAMPLES = {"b": True, "i": 0, "f": 0.0}  # a number of each kind of array


def as_tensor(x: Any, op: str = "as_tensor", beside: np.dtype | None = None) -> Tensor:
    """``x`` as a Tensor. Python numbers and lists of them are weak: they take the dtype ``beside`` where its kind
    allows; arrays and NumPy scalars keep theirs. Raises DTypeError."""
    if isinstance(x, Tensor):
        return x
    plain = type(x) in PLAIN and ambient.now[0] is None
    if plain:  # zeros of either sign are equal
        key = (x or repr(x), type(x), beside, default_float() if beside is None else None)
        found = _scalars.get(key)
        if found is not None:
            return found
    if isinstance(x, Value):
        fail(GraphError, op, "this value belongs to a bare graph, not to Tensors", [x])
    x = strong(x)
    if isinstance(x, (np.ndarray, np.generic)):
        if x.dtype not in CODE:
            fail(DTypeError, op, f"dtype {x.dtype} is not one of float32, float64, int32, int64, bool", [x])
        return _constant(np.asarray(x))
    if isinstance(x, (list, tuple)):
        if any(isinstance(e, Tensor) for e in x):
            fail(GraphError, op, "a list that holds Tensors is no array; use gd.stack or gd.concat", [])
        try:
            array = np.asarray(x)
        except ValueError:
            fail(ShapeError, op, f"{one_line(repr(x))} is no array", [x])
        example = _EXAMPLES.get(array.dtype.kind)
        if example is None:
            fail(DTypeError, op, f"{one_line(repr(x))} is no array of numbers", [x])
    elif isinstance(x, (bool, int, float)):
        array, example = None, x
    elif isinstance(x, Arithmetic):  # a size, or a number made of sizes: an int or a float known at the call
        array, example = None, example_of(x)
    elif isinstance(x, NoValue):
        x.refused()
    else:
        fail(DTypeError, op, f"expected a Tensor, an array or a number, got {told_type(x)}", [x])
    dtype = weak_dtype(example, beside) if beside is not None else None
    if beside is not None and dtype is None:
        kind = {bool: "a bool", int: "an integer", float: "a floating number"}[type(example)]
        wanted = default_float().name if isinstance(example, float) else "int64"
        cure = (
            "write 1 for True and 0 for False"
            if isinstance(example, bool)
            else (f"write .astype({wanted!r}) on the {beside.name} operand, or a number of its kind")
        )
        fail(DTypeError, op, f"{kind} beside {beside.name}; {cure}", [x])
    if dtype is None:
        dtype = default_of(example)
    if isinstance(x, Arithmetic):
        return _at_the_call(x, dtype)
    try:
        out = _constant(np.asarray(x if array is None else array, dtype))
    except OverflowError:
        fail(DTypeError, op, f"{one_line(repr(x))} does not fit {dtype.name}", [x])
    if plain:
        _scalars[key] = out
    return out


def _beside_arrays(self: Arithmetic, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Tensor:
    """A ufunc of sizes beside floats of NumPy or arrays, which are no Numbers: a Tensor, or its error."""
    return as_tensor(self).__array_ufunc__(ufunc, method, *inputs, **kwargs)


give(Arithmetic, _beside_arrays)


def _at_the_call(x: Any, dtype: np.dtype) -> Tensor:
    """A size, or a number made of sizes, as a 0-d Tensor."""
    if isinstance(x, Number):
        op = REGISTRY.get(x.op)
        if op is None or op.public is None:
            fail(GraphError, x.op, f"there is no such operation on numbers ({x!r})")
        return op.public(*[_at_the_call(a, dtype) for a in x.args])
    if not isinstance(x, Dim):
        return scalar(x, dtype)
    number = make(REGISTRY["index"], (), {"shape": (), "offset": x, "strides": ()})
    return number if dtype is number.dtype else REGISTRY["astype"].public(number, dtype)


# --------------------------------------------------------------------------------------- parameters' storage


class Storage:
    """The array of a parameter or state. It never moves, so compiled programs hold its address."""

    __slots__ = ("array", "__weakref__")

    def __init__(self, array: np.ndarray):
        self.array = np.asarray(np.array(array, order="C").data)  # a copy that no view of it can resize

    def assign(self, value: Any, tensor: Tensor) -> None:
        """Copies ``value`` in; another shape or a dtype that does not cast safely is refused, nothing changed."""
        if isinstance(value, Tensor):
            fail(GraphError, "value", "a Tensor holds no numbers to assign", [tensor, value])
        array = np.asarray(value)
        if array.shape != self.array.shape:
            fail(ShapeError, "value", f"{tensor.name} has shape {self.array.shape}, got {array.shape}", [tensor])
        strong = isinstance(value, (np.ndarray, np.generic))
        if array.dtype != self.array.dtype and (strong or array.dtype.kind not in "bif"):
            fail(
                DTypeError,
                "value",
                f"{tensor.name} is {self.array.dtype}, got {array.dtype}; write .astype({self.array.dtype.name!r})",
                [tensor],
            )
        self.array[...] = array
