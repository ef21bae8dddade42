"""``gd.nn``: the pieces of networks, read off the registry (graphdiff/ops declares them)."""

# Made by `python docs/make_stubs.py` from the declarations in graphdiff/ops; a test keeps it current.

from ..ops.types import Axes, Ints, Padding, Reduction, Tensor, TensorLike
from typing import Literal

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "batch_norm",
    "batch_norm_updates",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "conv1d",
    "conv2d",
    "conv_transpose1d",
    "conv_transpose2d",
    "cross_entropy",
    "dropout",
    "elu",
    "embedding",
    "gelu",
    "group_norm",
    "hard_sigmoid",
    "huber",
    "kl_div",
    "l1",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "max_pool1d",
    "max_pool2d",
    "mse",
    "nll",
    "relu",
    "rms_norm",
    "scaled_dot_product_attention",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
]

def avg_pool1d(
    x: TensorLike, kernel_size: Ints, stride: Ints | None = None, padding: Padding = 0, count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window of x (N, C, L), as avg_pool2d of images of height 1."""

def avg_pool2d(
    x: TensorLike, kernel_size: Ints, stride: Ints | None = None, padding: Padding = 0, count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window of x (N, C, H, W); stride is kernel_size unless given. Padding counts as zeros, or
    with ``count_include_pad=False`` not at all."""

def batch_norm(
    x: TensorLike,
    running_mean: TensorLike | None = None,
    running_var: TensorLike | None = None,
    weight: TensorLike | None = None,
    bias: TensorLike | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-05,
) -> Tensor:
    """x (N, C, ..) less a mean by channel, by a standard deviation by channel: in training the batch's own (biased),
    else the running ones (Ioffe and Szegedy 2015). weight and bias are by channel.

    The result is y alone: nothing is stored. What training makes of the running statistics, with ``momentum``, is
    given by ``batch_norm_updates``, for ``compile(updates=…)``."""

def batch_norm_updates(
    x: TensorLike, running_mean: TensorLike, running_var: TensorLike, momentum: float = 0.1,
) -> tuple[Tensor, Tensor]:
    """The running mean and variance after a training batch x: (1 - momentum) times the old and momentum times the
    batch's own, its variance unbiased. A pair, for ``updates={mean: pair[0], var: pair[1]}``; what it shares with
    ``batch_norm`` of the same x is computed once. A batch with fewer than two values for each channel has no such
    variance: FeedError, at the call where the size is known only then, and nothing is updated."""

def binary_cross_entropy(
    input: TensorLike, target: TensorLike, reduction: Reduction = 'mean', weight: TensorLike | None = None,
) -> Tensor:
    """-t log(p) - (1 - t) log(1 - p) of probabilities; logarithms are held above -100, as in torch. ``weight``
    multiplies each element's loss, and broadcasts to it.

    The derivative is that of this function, so 0 by a logarithm that is held, and finite for every p from 0 to 1."""

def binary_cross_entropy_with_logits(
    input: TensorLike,
    target: TensorLike,
    reduction: Reduction = 'mean',
    weight: TensorLike | None = None,
    pos_weight: TensorLike | None = None,
) -> Tensor:
    """The binary cross-entropy of sigmoid(input), without overflow. ``weight`` multiplies each element's loss,
    ``pos_weight`` the part of it that counts where the target is 1; both broadcast."""

def conv1d(
    x: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: Ints = 1,
    padding: Padding | Literal['same', 'valid'] = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> Tensor:
    """The cross-correlation of signals x (N, C, L) with weight (O, C/groups, k), plus bias (O,)."""

def conv2d(
    x: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: Ints = 1,
    padding: Padding | Literal['same', 'valid'] = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> Tensor:
    """The cross-correlation of images x (N, C, H, W) with weight (O, C/groups, h, w), plus bias (O,). stride, padding
    and dilation are ints or pairs; padding may be "same" (stride 1) or "valid"."""

def conv_transpose1d(
    x: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: Ints = 1,
    padding: Padding = 0,
    output_padding: Ints = 0,
    groups: int = 1,
    dilation: Ints = 1,
) -> Tensor:
    """The transpose of conv1d: x (N, C, L) with weight (C, O/groups, k), plus bias (O,), gives signals of
    (L - 1) stride - 2 padding + dilation (k - 1) + output_padding + 1. output_padding is below stride or dilation."""

def conv_transpose2d(
    x: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: Ints = 1,
    padding: Padding = 0,
    output_padding: Ints = 0,
    groups: int = 1,
    dilation: Ints = 1,
) -> Tensor:
    """The transpose of conv2d: x (N, C, H, W) with weight (C, O/groups, h, w), plus bias (O,), gives images of
    (H - 1) stride - 2 padding + dilation (h - 1) + output_padding + 1. output_padding is below stride or dilation."""

def cross_entropy(
    logits: TensorLike,
    labels: TensorLike,
    reduction: Reduction = 'mean',
    weight: TensorLike | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """The cross-entropy of softmax(logits), the classes along ``axis``.

    ``labels``: integers from 0 of the shape without that axis, or distributions of the same shape. ``weight``: one
    number a class; ``ignore_index``: a label whose rows do not count; ``label_smoothing``: the share of each target
    that is spread over all classes (Szegedy et al. 2016). "mean" is over all rows; with integer labels it is the sum of
    losses by the sum of the labels' weights, as in torch. A label out of range fails the call."""

def dropout(x: TensorLike, p: float = 0.5, *, key: TensorLike) -> Tensor:
    """Each element 0 with probability ``p``, else divided by 1 - p (Srivastava et al. 2014): ``key`` alone says which,
    so two uses want two keys, and a recomputation gives the same."""

def elu(x: TensorLike, /, alpha: float = 1.0) -> Tensor:
    """x where positive, else ``alpha * (exp(x) - 1)``."""

def embedding(ids: TensorLike, weight: TensorLike) -> Tensor:
    """The rows of ``weight``, of shape (n, d), that integer ``ids`` name: shape (*ids.shape, d). Negative ids count
    from the end; one out of range fails the call."""

def gelu(x: TensorLike, /, approximate: Literal['none', 'tanh'] = 'none') -> Tensor:
    """x * Phi(x), or its tanh form (Hendrycks and Gimpel 2016)."""

def group_norm(
    x: TensorLike,
    num_groups: int,
    weight: TensorLike | None = None,
    bias: TensorLike | None = None,
    eps: float = 1e-05,
) -> Tensor:
    """x (N, C, ..) less the mean of its sample and group of channels, by the standard deviation there; weight and
    bias (C,) are by channel (Wu and He 2018)."""

def hard_sigmoid(x: TensorLike, /) -> Tensor:
    """x / 6 + 1/2 limited to [0, 1]; derivative 0 at the two kinks, as in torch."""

def huber(input: TensorLike, target: TensorLike, reduction: Reduction = 'mean', delta: float = 1.0) -> Tensor:
    """Half the squared error where it is below delta, else delta * (|error| - delta / 2) (Huber 1964)."""

def kl_div(input: TensorLike, target: TensorLike, reduction: Reduction = 'mean', log_target: bool = False) -> Tensor:
    """target * (log(target) - input) by element, for log-probabilities ``input``; 0 where the target is 0.
    "mean" is over all elements. ``log_target``: the target is given as its logarithm."""

def l1(input: TensorLike, target: TensorLike, reduction: Reduction = 'mean') -> Tensor:
    """The absolute error; derivative 0 where it is 0."""

def layer_norm(
    x: TensorLike, weight: TensorLike | None = None, bias: TensorLike | None = None, eps: float = 1e-05,
) -> Tensor:
    """x less its mean over the last axis, by its standard deviation there; weight and bias have that axis' size."""

def leaky_relu(x: TensorLike, /, negative_slope: float = 0.01) -> Tensor:
    """x where positive, else ``negative_slope * x``."""

def linear(x: TensorLike, weight: TensorLike, bias: TensorLike | None = None) -> Tensor:
    """``x @ weight + bias``; weight has shape (in, out)."""

def log_softmax(x: TensorLike, /, axis: Axes = -1) -> Tensor:
    """log(softmax(x)) without loss of accuracy."""

def max_pool1d(x: TensorLike, kernel_size: Ints, stride: Ints | None = None, padding: Padding = 0) -> Tensor:
    """The largest element of each window of x (N, C, L), as max_pool2d of images of height 1."""

def max_pool2d(x: TensorLike, kernel_size: Ints, stride: Ints | None = None, padding: Padding = 0) -> Tensor:
    """The largest element of each window of x (N, C, H, W); stride is kernel_size unless given, padding counts as -inf.
    NaN wins; of equal elements the first, row by row, takes the gradient."""

def mse(input: TensorLike, target: TensorLike, reduction: Reduction = 'mean') -> Tensor:
    """The squared error."""

def nll(
    log_probabilities: TensorLike,
    labels: TensorLike,
    reduction: Reduction = 'mean',
    weight: TensorLike | None = None,
    ignore_index: int | None = None,
) -> Tensor:
    """Minus the log-probability of each label, classes along the last axis: what cross_entropy takes of log_softmax.
    ``weight`` and ``ignore_index`` as there. A label out of range fails the call."""

def relu(x: TensorLike, /) -> Tensor:
    """max(x, 0); derivative 0 at 0."""

def rms_norm(x: TensorLike, weight: TensorLike | None = None, eps: float = 1e-05) -> Tensor:
    """x by the root of its mean square over the last axis; weight has that axis' size (Zhang and Sennrich 2019)."""

def scaled_dot_product_attention(
    q: TensorLike,
    k: TensorLike,
    v: TensorLike,
    attn_mask: TensorLike | None = None,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """softmax(q kᵀ scale) v over the last two axes: q (.., L, E), k (.., S, E), v (.., S, F) give (.., L, F), the other
    axes broadcasting; scale is 1/√E unless given (Vaswani et al. 2017).

    ``attn_mask`` broadcasts to (.., L, S): bool keeps what is True, float is added. ``is_causal`` keeps key j for
    query i where j <= i. A query that may attend to nothing gives 0, and 0 as derivative.

    Where no axes are broadcast but the mask's it is run block by block in both directions (after Dao et al. 2022): the
    scores of all pairs are never in memory."""

def selu(x: TensorLike, /) -> Tensor:
    """elu scaled so that activations keep mean 0 and variance 1 (Klambauer et al. 2017)."""

def sigmoid(x: TensorLike, /) -> Tensor:
    """1 / (1 + exp(-x))."""

def silu(x: TensorLike, /) -> Tensor:
    """x * sigmoid(x)."""

def softmax(x: TensorLike, /, axis: Axes = -1) -> Tensor:
    """exp(x) / sum(exp(x)) along ``axis``, without overflow."""

def softplus(x: TensorLike, /) -> Tensor:
    """log(1 + exp(x)) without overflow."""

def tanh(x: TensorLike, /) -> Tensor:
    """The hyperbolic tangent."""
