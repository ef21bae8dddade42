"""``gd.nn``: the pieces of networks, read off the registry (graphdiff/ops declares them), and those made of scans."""

# Made by `python -m docs.make_stubs` from the declarations in graphdiff/ops; a test keeps it current.

from ..ops.types import Axes, Ints, Padding, Reduction, SizeLike, Tensor, TensorLike
from collections.abc import Sequence
from typing import Literal
from .recurrent import gru as gru
from .recurrent import lstm as lstm
from .recurrent import rnn as rnn

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "batch_norm_updates",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "cosine_embedding",
    "cosine_similarity",
    "cross_entropy",
    "ctc_loss",
    "dropout",
    "elu",
    "embedding",
    "embedding_bag",
    "focal",
    "gaussian_nll",
    "gelu",
    "glu",
    "group_norm",
    "gru",
    "gumbel_softmax",
    "hard_sigmoid",
    "hardshrink",
    "hardswish",
    "hardtanh",
    "hinge_embedding",
    "huber",
    "instance_norm",
    "interpolate",
    "kl_div",
    "l1",
    "layer_norm",
    "leaky_relu",
    "linear",
    "local_response_norm",
    "log_sigmoid",
    "log_softmax",
    "lstm",
    "margin_ranking",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "mish",
    "mse",
    "multi_margin",
    "multilabel_soft_margin",
    "nll",
    "pairwise_distance",
    "pixel_shuffle",
    "pixel_unshuffle",
    "poisson_nll",
    "prelu",
    "relu",
    "relu6",
    "rms_norm",
    "rnn",
    "rotary_embedding",
    "scaled_dot_product_attention",
    "selu",
    "sigmoid",
    "silu",
    "smooth_l1",
    "soft_margin",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "triplet_margin",
]

def adaptive_avg_pool1d(x: TensorLike, output_size: SizeLike) -> Tensor:
    """``output_size`` means along x (N, C, L): the i-th of the elements from i L / m rounded down up to (i + 1) L / m
    rounded up, m being output_size.

    Dtypes: float32, float64
    Shapes: (N, C, L) -> (N, C, output_size)
    Edges: adaptive_avg_pool1d([[[nan, 1.0]]], 2) = [[[nan, 1.0]]]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.nn.adaptive_avg_pool1d([[[1.0, 2.0, 6.0]]], 2) -> [[[1.5, 4.0]]]
    Source: as torch.nn.functional.adaptive_avg_pool1d"""

def adaptive_avg_pool2d(x: TensorLike, output_size: SizeLike | tuple[SizeLike | None, SizeLike | None]) -> Tensor:
    """As many means as ``output_size`` says along each of the last two axes of x (N, C, H, W), of parts as
    adaptive_avg_pool1d has them; None keeps a size.

    Dtypes: float32, float64
    Shapes: (N, C, H, W) -> (N, C, H', W'), output_size being H' and W'
    Edges: adaptive_avg_pool2d([[[[nan, 1.0]]]], (1, 2)) = [[[[nan, 1.0]]]]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.nn.adaptive_avg_pool2d([[[[1.0, 2.0], [3.0, 4.0]]]], 1) -> [[[[2.5]]]]
    Source: as torch.nn.functional.adaptive_avg_pool2d"""

def avg_pool1d(
    x: TensorLike,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Padding = 0,
    count_include_pad: bool = True,
    ceil_mode: bool = False,
    dilation: Ints = 1,
) -> Tensor:
    """The mean of each window of x (N, C, L), as avg_pool2d of images of height 1.

    Arguments: ``x``: signals (N, C, L); ``kernel_size``: an int; ``stride``: an int; kernel_size unless given;
    ``padding``: an int or ((low, high),); ``count_include_pad``: whether padding counts as zeros; ``ceil_mode``: as
    max_pool2d's; ``dilation``: an int
    Dtypes: float32, float64
    Shapes: (N, C, L) -> (N, C, L') with L' = (L + 2 padding - dilation (kernel - 1) - 1) // stride + 1
    Edges: avg_pool1d([[[nan, 1.0]]], 2) = [[[nan]]]
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.avg_pool1d([[[1.0, 2.0, 3.0, 5.0]]], 2) -> [[[1.5, 4.0]]]
    Source: as torch.nn.functional.avg_pool1d"""

def avg_pool2d(
    x: TensorLike,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Padding = 0,
    count_include_pad: bool = True,
    ceil_mode: bool = False,
    dilation: Ints = 1,
) -> Tensor:
    """The mean of each window of x (N, C, H, W); stride is kernel_size unless given. Padding counts as zeros, or
    with ``count_include_pad=False`` not at all; what a window that rounds up has beyond the padding never counts.

    Arguments: ``x``: images (N, C, H, W); ``kernel_size``: an int or a pair; ``stride``: an int or a pair; kernel_size
    unless given; ``padding``: an int, a pair, or two pairs (low, high); ``count_include_pad``: whether padding counts
    as zeros; ``ceil_mode``: as max_pool2d's; ``dilation``: an int or a pair
    Dtypes: float32, float64
    Shapes: (N, C, H, W) -> (N, C, H', W') with H' = (H + 2 padding - dilation (kernel - 1) - 1) // stride + 1
    Edges: avg_pool2d([[[[nan, 1.0]]]], (1, 2)) = [[[[nan]]]]
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.avg_pool2d([[[[1.0, 2.0], [3.0, 4.0]]]], 2) -> [[[[2.5]]]]
    Source: as torch.nn.functional.avg_pool2d"""

def avg_pool3d(
    x: TensorLike,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Padding = 0,
    count_include_pad: bool = True,
    ceil_mode: bool = False,
    dilation: Ints = 1,
) -> Tensor:
    """The mean of each window of x (N, C, D, H, W), with padding as avg_pool2d has it.

    Arguments: ``x``: volumes (N, C, D, H, W); ``kernel_size``: an int or three; ``stride``: likewise; kernel_size
    unless given; ``padding``: an int, three, or three pairs (low, high); ``count_include_pad``: whether padding counts
    as zeros; ``ceil_mode``: as max_pool2d's; ``dilation``: an int or three
    Dtypes: float32, float64
    Shapes: (N, C, D, H, W) -> (N, C, D', H', W') with D' = (D + 2 padding - dilation (kernel - 1) - 1) // stride + 1
    Edges: avg_pool3d([[[[[nan, 1.0]]]]], (1, 1, 2)) = [[[[[nan]]]]]
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.avg_pool3d([[[[[1.0, 2.0]], [[4.0, 3.0]]]]], (2, 1, 2)) -> [[[[[2.5]]]]]
    Source: as torch.nn.functional.avg_pool3d"""

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
    given by ``batch_norm_updates``, for ``compile(updates=…)``.

    Arguments: ``x``: (N, C, ...); ``running_mean``: (C,), needed unless training; ``running_var``: likewise;
    ``weight``: (C,), or None; ``bias``: (C,), or None; ``training``: whether the statistics are those of x;
    ``momentum``: for batch_norm_updates alone; ``eps``: added to the variance
    Dtypes: float32, float64
    Shapes: of x (N, C, ...); means, variances, weight and bias (C,)
    Edges: batch_norm([[2.0], [2.0]], training=True) = [[0.0], [0.0]]; a channel of equal elements gives bias
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.nn.batch_norm([[1.0], [3.0]], training=True) -> [[-0.999995], [0.999995]]
    Source: Ioffe and Szegedy 2015, arXiv:1502.03167"""

def batch_norm_updates(
    x: TensorLike, running_mean: TensorLike, running_var: TensorLike, momentum: float = 0.1,
) -> tuple[Tensor, Tensor]:
    """The running mean and variance after a training batch x: (1 - momentum) times the old and momentum times the
    batch's own, its variance unbiased. A pair, for ``updates={mean: pair[0], var: pair[1]}``; what it shares with
    ``batch_norm`` of the same x is computed once. A batch with fewer than two values for each channel has no such
    variance: FeedError, at the call where the size is known only then, and nothing is updated.

    Arguments: ``x``: (N, C, ...); ``running_mean``: (C,); ``running_var``: (C,); ``momentum``: the share of the new
    Dtypes: float32, float64
    Shapes: x (N, C, ...), (C,), (C,) -> (C,), (C,)
    Edges: batch_norm_updates([[nan, 1.0], [1.0, 1.0]], [0.0, 0.0], [1.0, 1.0]) = [[nan, 0.1], [nan, 0.9]]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.nn.batch_norm_updates([[1.0], [3.0]], [0.0], [1.0]) -> [[0.2], [1.1]]
    Source: Ioffe and Szegedy 2015, arXiv:1502.03167"""

def binary_cross_entropy(
    input: TensorLike, target: TensorLike, reduction: Reduction = 'mean', weight: TensorLike | None = None,
) -> Tensor:
    """-t log(p) - (1 - t) log(1 - p) of probabilities; logarithms are held above -100, as in torch. ``weight``
    multiplies each element's loss, and broadcasts to it.

    The derivative is that of this function, so 0 by a logarithm that is held, and finite for every p from 0 to 1.

    Arguments: ``input``: probabilities; ``target``: of input's shape; ``reduction``: "mean", "sum" or "none";
    ``weight``: broadcasts to input, or None
    Dtypes: float32, float64
    Shapes: input and target alike; 0-d, or that shape where reduction is "none"
    Edges: binary_cross_entropy([0.0], [0.0]) = 0.0; binary_cross_entropy([0.0], [1.0]) = 100.0;
    binary_cross_entropy([2.0], [1.0]) = nan
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.binary_cross_entropy([0.5, 0.5], [1.0, 0.0]) -> 0.6931472"""

def binary_cross_entropy_with_logits(
    input: TensorLike,
    target: TensorLike,
    reduction: Reduction = 'mean',
    weight: TensorLike | None = None,
    pos_weight: TensorLike | None = None,
) -> Tensor:
    """The binary cross-entropy of sigmoid(input), without overflow. ``weight`` multiplies each element's loss,
    ``pos_weight`` the part of it that counts where the target is 1; both broadcast.

    Arguments: ``input``: logits; ``target``: of input's shape; ``reduction``: "mean", "sum" or "none"; ``weight``:
    broadcasts to input, or None; ``pos_weight``: likewise
    Dtypes: float32, float64
    Shapes: input and target alike; 0-d, or that shape where reduction is "none"
    Edges: binary_cross_entropy_with_logits([inf], [0.0]) = inf; binary_cross_entropy_with_logits([inf], [1.0]) = nan;
    binary_cross_entropy_with_logits([-1000.0], [1.0]) = 1000.0
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.binary_cross_entropy_with_logits([0.0, 0.0], [1.0, 0.0]) -> 0.6931472"""

def celu(x: TensorLike, /, alpha: float = 1.0) -> Tensor:
    """x where positive, else ``alpha * (exp(x / alpha) - 1)``: elu whose derivative has no jump.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: celu(-inf) = -1.0; celu(inf) = inf; celu(nan) = nan; celu'(0.0) = 1.0
    Derivative: by its body
    Raises: DTypeError, GraphError
    Example: gd.nn.celu([-1.0, 2.0]) -> [-0.6321205, 2.0]
    Source: Barron 2017, arXiv:1704.07483"""

def conv1d(
    x: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: Ints = 1,
    padding: Padding | Literal['same', 'valid'] = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> Tensor:
    """The cross-correlation of signals x (N, C, L) with weight (O, C/groups, k), plus bias (O,).

    Arguments: ``x``: signals (N, C, L); ``weight``: (O, C/groups, k); ``bias``: (O,), or None; ``stride``: an int;
    ``padding``: an int, "same" (stride 1) or "valid"; ``dilation``: an int; ``groups``: in how many the channels are
    parted
    Dtypes: float32, float64
    Shapes: (N, C, L), (O, C/groups, k) -> (N, O, L') with L' = (L + 2 padding - dilation (k - 1) - 1) // stride + 1
    Edges: conv1d([[[nan, 1.0]]], [[[1.0]]]) = [[[nan, 1.0]]]
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.conv1d([[[1.0, 2.0, 3.0]]], [[[1.0, -1.0]]]) -> [[[-1.0, -1.0]]]
    Source: as torch.nn.functional.conv1d"""

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
    and dilation are ints or pairs; padding may be "same" (stride 1) or "valid".

    Arguments: ``x``: images (N, C, H, W); ``weight``: (O, C/groups, h, w); ``bias``: (O,), or None; ``stride``: an int
    or a pair; ``padding``: an int, a pair, two pairs (low, high), "same" (stride 1) or "valid"; ``dilation``: an int or
    a pair; ``groups``: in how many the channels are parted
    Dtypes: float32, float64
    Shapes: (N, C, H, W), (O, C/groups, h, w) -> (N, O, H', W') with H' = (H + 2 padding - dilation (h - 1) - 1) //
    stride + 1
    Edges: conv2d([[[[nan, 1.0]]]], [[[[1.0]]]]) = [[[[nan, 1.0]]]]
    Derivative: linear in each of its first two operands: the cotangents are two transposes
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.conv2d([[[[1.0, 2.0], [3.0, 4.0]]]], [[[[1.0, 1.0], [1.0, 1.0]]]]) -> [[[[10.0]]]]
    Source: as torch.nn.functional.conv2d"""

def conv3d(
    x: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: Ints = 1,
    padding: Padding | Literal['same', 'valid'] = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> Tensor:
    """The cross-correlation of volumes x (N, C, D, H, W) with weight (O, C/groups, d, h, w), plus bias (O,).

    It is one conv2d over planes: the d planes that a result is made of are channels of an image, so x is in memory d
    times.

    Arguments: ``x``: volumes (N, C, D, H, W); ``weight``: (O, C/groups, d, h, w); ``bias``: (O,), or None; ``stride``:
    an int or three; ``padding``: an int, three, three pairs (low, high), "same" (stride 1) or "valid"; ``dilation``: an
    int or three; ``groups``: in how many the channels are parted
    Dtypes: float32, float64
    Shapes: (N, C, D, H, W), (O, C/groups, d, h, w) -> (N, O, D', H', W') with D' = (D + 2 padding - dilation (d - 1) -
    1) // stride + 1
    Edges: conv3d([[[[[nan, 1.0]]]]], [[[[[1.0]]]]]) = [[[[[nan, 1.0]]]]]
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.conv3d([[[[[1.0]], [[2.0]], [[4.0]]]]], [[[[[1.0]], [[1.0]]]]]) -> [[[[[3.0]], [[6.0]]]]]
    Source: as torch.nn.functional.conv3d"""

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
    (L - 1) stride - 2 padding + dilation (k - 1) + output_padding + 1. output_padding is below stride or dilation.

    Arguments: ``x``: signals (N, C, L); ``weight``: (C, O/groups, k); ``bias``: (O,), or None; ``stride``: an int;
    ``padding``: an int; ``output_padding``: an int, of the end alone; ``groups``: in how many the channels are parted;
    ``dilation``: an int
    Dtypes: float32, float64
    Shapes: (N, C, L), (C, O/groups, k) -> (N, O, L')
    Edges: conv_transpose1d([[[nan, 1.0]]], [[[1.0]]]) = [[[nan, 1.0]]]
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.conv_transpose1d([[[2.0]]], [[[1.0, 3.0]]]) -> [[[2.0, 6.0]]]
    Source: as torch.nn.functional.conv_transpose1d"""

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
    (H - 1) stride - 2 padding + dilation (h - 1) + output_padding + 1. output_padding is below stride or dilation.

    Arguments: ``x``: images (N, C, H, W); ``weight``: (C, O/groups, h, w); ``bias``: (O,), or None; ``stride``: an int
    or a pair; ``padding``: an int or a pair; ``output_padding``: an int or a pair, of the ends alone; ``groups``: in
    how many the channels are parted; ``dilation``: an int or a pair
    Dtypes: float32, float64
    Shapes: (N, C, H, W), (C, O/groups, h, w) -> (N, O, H', W')
    Edges: conv_transpose2d([[[[nan, 1.0]]]], [[[[1.0]]]]) = [[[[nan, 1.0]]]]
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.conv_transpose2d([[[[2.0]]]], [[[[1.0, 2.0], [3.0, 4.0]]]]) -> [[[[2.0, 4.0], [6.0, 8.0]]]]
    Source: as torch.nn.functional.conv_transpose2d"""

def cosine_embedding(
    x1: TensorLike, x2: TensorLike, target: TensorLike, margin: float = 0.0, reduction: Reduction = 'mean',
) -> Tensor:
    """1 less the cosine of the angle between vectors where target is 1, and by how much the cosine exceeds ``margin``
    where target is -1.

    Arguments: ``x1``: vectors (..., d); ``x2``: vectors of x1's shape; ``target``: 1 or -1, (...); ``margin``: as
    above; ``reduction``: "mean", "sum" or "none"
    Dtypes: float32, float64
    Shapes: (..., d), (..., d), (...) -> 0-d, or (...) where reduction is "none"
    Edges: cosine_embedding([0.0, 0.0], [1.0, 1.0], 1.0) = 1.0
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.cosine_embedding([[3.0, 4.0]], [[1.0, 0.0]], [1.0]) -> 0.4
    Source: as torch.nn.functional.cosine_embedding_loss"""

def cosine_similarity(x1: TensorLike, x2: TensorLike, axis: Axes = 1, eps: float = 1e-08) -> Tensor:
    """The cosine of the angle between vectors along ``axis``: their product by that of their lengths, each length at
    least ``eps``.

    Arguments: ``x1``: vectors; ``x2``: vectors, which broadcast with x1; ``axis``: of their elements; ``eps``: as above
    Dtypes: float32, float64
    Shapes: the operands broadcast, without axis
    Edges: cosine_similarity([0.0, 0.0], [1.0, 1.0], axis=0) = 0.0; cosine_similarity([nan], [1.0], axis=0) = nan
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.nn.cosine_similarity([[3.0, 4.0]], [[1.0, 0.0]]) -> [0.6]
    Source: as torch.nn.functional.cosine_similarity"""

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
    losses by the sum of the labels' weights, as in torch. A label out of range fails the call.

    Arguments: ``logits``: (..., c) with the classes along axis; ``labels``: integers, or distributions; ``reduction``:
    "mean", "sum" or "none"; ``weight``: (c,), or None; ``ignore_index``: a label, or None; ``label_smoothing``: from 0
    to 1; ``axis``: of the classes
    Dtypes: float32, float64
    Shapes: (..., c), (...) or (..., c) -> 0-d, or (...) where reduction is "none"
    Edges: cross_entropy([[0.0, 0.0]], [1], ignore_index=1) = nan; a label out of range fails the call
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.cross_entropy([[0.0, 0.0]], [1]) -> 0.6931472"""

def ctc_loss(
    log_probs: TensorLike,
    targets: TensorLike,
    input_lengths: TensorLike,
    target_lengths: TensorLike,
    blank: int = 0,
    reduction: Reduction = 'mean',
    zero_infinity: bool = False,
) -> Tensor:
    """Minus the logarithm of the probability that classes drawn at each time, repetitions merged and blanks left out,
    are the labels.

    ``log_probs``: (T, N, C), or (T, C) for one sequence: the logarithms of each time's probabilities, as log_softmax
    gives them, -inf allowed. ``targets``: labels (N, S), of which target_lengths count, or all of them one after
    another (sum of the lengths,). "mean" is of the losses by their target's length. A sequence that no way leads to has
    loss inf, or with ``zero_infinity`` 0, and no derivative. Lengths and labels out of range fail the call. The
    derivative is that by log_probs alone; torch's is that by what log_softmax was taken of.

    Arguments: ``log_probs``: as above; ``targets``: as above; ``input_lengths``: (N,), how many times count;
    ``target_lengths``: (N,), how many labels; ``blank``: the class that is none; ``reduction``: "mean", "sum" or
    "none"; ``zero_infinity``: as above
    Dtypes: float32, float64
    Shapes: (T, N, C), (N, S) or (total,), (N,), (N,) -> 0-d, or (N,) where reduction is "none"
    Edges: ctc_loss([[[0.0, -inf]]], [[1]], [1], [1]) = inf; a label out of range fails the call
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.ctc_loss([[[-0.6931472, -0.6931472]]], [[1]], [1], [1]) -> 0.6931472
    Source: Graves et al. 2006; arguments of torch.nn.functional.ctc_loss"""

def dropout(x: TensorLike, p: float = 0.5, *, key: TensorLike) -> Tensor:
    """Each element 0 with probability ``p``, else divided by 1 - p (Srivastava et al. 2014): ``key`` alone says which,
    so two uses want two keys, and a recomputation gives the same.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: dropout([1.0, 2.0], 1.0, key=0) = [0.0, 0.0]; p = 0 gives x
    Derivative: by its body
    Raises: DTypeError, GraphError
    Example: gd.nn.dropout([1.0, 2.0], 0.0, key=0) -> [1.0, 2.0]
    Source: Srivastava et al. 2014"""

def elu(x: TensorLike, /, alpha: float = 1.0) -> Tensor:
    """x where positive, else ``alpha * (exp(x) - 1)``.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: elu(-inf) = -1.0; elu(inf) = inf; elu(nan) = nan
    Derivative: by its body
    Raises: DTypeError
    Example: gd.nn.elu([-1.0, 2.0]) -> [-0.6321205, 2.0]
    Source: Clevert et al. 2015, arXiv:1511.07289"""

def embedding(ids: TensorLike, weight: TensorLike, padding_idx: int | None = None) -> Tensor:
    """The rows of ``weight``, of shape (n, d), that integer ``ids`` name: shape (*ids.shape, d). Negative ids count
    from the end; one out of range fails the call. No derivative reaches the row ``padding_idx``.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: (...), (n, d) -> (..., d)
    Edges: embedding([-1], [[1.0], [2.0]]) = [[2.0]]; an id used twice has its gradients added up
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.embedding([1, 0], [[1.0, 2.0], [3.0, 4.0]]) -> [[3.0, 4.0], [1.0, 2.0]]"""

def embedding_bag(
    ids: TensorLike,
    weight: TensorLike,
    offsets: TensorLike | None = None,
    mode: Literal['mean', 'sum', 'max'] = 'mean',
    per_sample_weights: TensorLike | None = None,
    padding_idx: int | None = None,
) -> Tensor:
    """The mean, sum or maximum of the rows of ``weight`` that each bag of ids names; 0 of an empty bag.

    Bags are the rows of ids (bags, k), or with ``offsets`` the parts of ids (n,) that start there, from 0 in order;
    others fail the call, as ids out of range do. ``padding_idx``: a row whose ids do not count.

    Arguments: ``ids``: integers, (bags, k), or (n,) with offsets; ``weight``: (rows, d); ``offsets``: integers (bags,),
    or None; ``mode``: "mean", "sum" or "max"; ``per_sample_weights``: of ids' shape, factors of the rows of a sum;
    ``padding_idx``: as above
    Dtypes: float32, float64
    Shapes: (bags, k), (rows, d) -> (bags, d); (n,), (rows, d), (bags,) -> (bags, d)
    Edges: embedding_bag([0], [[1.0]], [0, 1]) = [[1.0], [0.0]]
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.embedding_bag([0, 1, 1], [[1.0], [3.0]], [0, 2]) -> [[2.0], [3.0]]
    Source: as torch.nn.functional.embedding_bag"""

def focal(
    logits: TensorLike,
    target: TensorLike,
    alpha: float | None = 0.25,
    gamma: float = 2.0,
    reduction: Reduction = 'mean',
) -> Tensor:
    """binary_cross_entropy_with_logits times (1 - p)^gamma, p the probability of the target: what is well classified
    counts little. ``alpha`` weighs positive targets and 1 - alpha the others; None: both alike.

    The power is taken in logarithms, so every derivative is finite at every finite logit.

    Arguments: ``logits``: predictions; ``target``: from 0 to 1, of logits' shape; ``alpha``: from 0 to 1, or None;
    ``gamma``: at least 0; ``reduction``: "mean", "sum" or "none"
    Dtypes: float32, float64
    Shapes: logits and target alike; 0-d, or that shape where reduction is "none"
    Edges: focal([1000.0], [1.0]) = 0.0; focal([1000.0], [0.0]) = 750.0; focal([nan], [0.0]) = nan
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.focal([0.0, 0.0], [1.0, 1.0]) -> 0.0433217
    Source: Lin et al. 2017, arXiv:1708.02002"""

def gaussian_nll(
    input: TensorLike,
    target: TensorLike,
    var: TensorLike,
    full: bool = False,
    eps: float = 1e-06,
    reduction: Reduction = 'mean',
) -> Tensor:
    """The negative log-likelihood of ``target`` under normal distributions with means ``input`` and variances ``var``,
    half of log(2 pi) left out unless ``full``. A variance below ``eps`` counts as eps, with the derivative there.

    Arguments: ``input``: means; ``target``: of input's shape; ``var``: of input's shape, or without its last axis, or
    what broadcasts to it; ``full``: as above; ``eps``: above 0; ``reduction``: "mean", "sum" or "none"
    Dtypes: float32, float64
    Shapes: input and target alike; 0-d, or that shape where reduction is "none"
    Edges: gaussian_nll([], [], 1.0) = nan; gaussian_nll([nan], [0.0], [1.0]) = nan
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.gaussian_nll([1.0, 2.0], [1.0, 4.0], [1.0, 1.0]) -> 1.0
    Source: Nix and Weigend 1994"""

def gelu(x: TensorLike, /, approximate: Literal['none', 'tanh'] = 'none') -> Tensor:
    """x * Phi(x), or its tanh form (Hendrycks and Gimpel 2016).

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: gelu(-inf) = nan; gelu(inf) = inf; gelu(nan) = nan
    Derivative: by its body
    Raises: DTypeError, GraphError
    Example: gd.nn.gelu([-1.0, 2.0]) -> [-0.1586553, 1.9545]
    Source: Hendrycks and Gimpel 2016, arXiv:1606.08415"""

def glu(x: TensorLike, /, axis: Axes = -1) -> Tensor:
    """a * sigmoid(b) of the two halves a, b of x along ``axis``.

    Dtypes: float32, float64
    Shapes: of x, with half the size along axis
    Edges: glu([2.0, -inf]) = [0.0]; glu([nan, 0.0]) = [nan]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.nn.glu([4.0, 0.0]) -> [2.0]
    Source: Dauphin et al. 2016, arXiv:1612.08083"""

def group_norm(
    x: TensorLike,
    num_groups: int,
    weight: TensorLike | None = None,
    bias: TensorLike | None = None,
    eps: float = 1e-05,
) -> Tensor:
    """x (N, C, ..) less the mean of its sample and group of channels, by the standard deviation there; weight and
    bias (C,) are by channel (Wu and He 2018).

    Arguments: ``x``: (N, C, ...); ``num_groups``: a divisor of C; ``weight``: (C,), or None; ``bias``: (C,), or None;
    ``eps``: added to the variance
    Dtypes: float32, float64
    Shapes: of x (N, C, ...); weight and bias (C,)
    Edges: group_norm([[2.0, 2.0]], 1) = [[0.0, 0.0]]; a group of equal elements gives bias
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.group_norm([[1.0, 3.0]], 1) -> [[-0.999995, 0.999995]]
    Source: Wu and He 2018, arXiv:1803.08494"""

def gumbel_softmax(x: TensorLike, tau: float = 1.0, hard: bool = False, axis: Axes = -1, *, key: TensorLike) -> Tensor:
    """A draw of one of the classes along ``axis`` with the probabilities softmax(x), relaxed: softmax((x + g) / tau)
    with g Gumbel noise of ``key``. ``hard``: 1 at the largest and 0 elsewhere, with the derivative of the relaxed draw.

    Arguments: ``x``: logits; ``tau``: above 0, the nearer to 0 the nearer to one class; ``hard``: as above; ``axis``:
    of the classes; ``key``: a 0-d integer Tensor or an int
    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: gumbel_softmax([0.0, -inf], key=0) = [1.0, 0.0]; the same key gives the same draw
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.gumbel_softmax([9.0, -99.0], hard=True, key=0) -> [1.0, 0.0]
    Source: Jang et al. 2016, arXiv:1611.01144; Maddison et al. 2016, arXiv:1611.00712"""

def hard_sigmoid(x: TensorLike, /) -> Tensor:
    """x / 6 + 1/2 limited to [0, 1]; derivative 0 at the two kinks, as in torch.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: hard_sigmoid(-inf) = 0.0; hard_sigmoid(inf) = 1.0; hard_sigmoid(nan) = nan; hard_sigmoid'(3.0) = 0.0
    Derivative: by its body
    Raises: DTypeError
    Example: gd.nn.hard_sigmoid([-4.0, 0.0, 4.0]) -> [0.0, 0.5, 1.0]"""

def hardshrink(x: TensorLike, /, lambd: float = 0.5) -> Tensor:
    """x, and 0 where it lies within ``lambd`` of 0.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: hardshrink(-inf) = -inf; hardshrink(nan) = nan; hardshrink'(0.5) = 0.0
    Derivative: by its body
    Raises: DTypeError
    Example: gd.nn.hardshrink([-1.0, 0.2, 2.0]) -> [-1.0, 0.0, 2.0]"""

def hardswish(x: TensorLike, /) -> Tensor:
    """x * hard_sigmoid(x), 0 up to -3 and x from 3 on.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: hardswish(-inf) = 0.0; hardswish(inf) = inf; hardswish(nan) = nan; hardswish'(-3.0) = 0.0
    Derivative: by its body
    Raises: DTypeError
    Example: gd.nn.hardswish([-4.0, 1.0, 4.0]) -> [0.0, 0.6666667, 4.0]
    Source: Howard et al. 2019, arXiv:1905.02244"""

def hardtanh(x: TensorLike, /, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """x limited to [min_val, max_val]; derivative 0 at the two kinks, as in torch.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: hardtanh(-inf) = -1.0; hardtanh(inf) = 1.0; hardtanh(nan) = nan; hardtanh'(1.0) = 0.0
    Derivative: by its body
    Raises: DTypeError, GraphError
    Example: gd.nn.hardtanh([-4.0, 0.5, 4.0]) -> [-1.0, 0.5, 1.0]"""

def hinge_embedding(
    input: TensorLike, target: TensorLike, margin: float = 1.0, reduction: Reduction = 'mean',
) -> Tensor:
    """The distance where target is 1, and how much it falls short of ``margin`` where target is -1.

    Arguments: ``input``: distances; ``target``: 1 or -1, of input's shape; ``margin``: as above; ``reduction``: "mean",
    "sum" or "none"
    Dtypes: float32, float64
    Shapes: input and target alike; 0-d, or that shape where reduction is "none"
    Edges: hinge_embedding([], []) = nan; hinge_embedding([nan], [1.0]) = nan
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.hinge_embedding([0.5, 0.25], [1.0, -1.0]) -> 0.625
    Source: as torch.nn.functional.hinge_embedding_loss"""

def huber(input: TensorLike, target: TensorLike, reduction: Reduction = 'mean', delta: float = 1.0) -> Tensor:
    """Half the squared error where it is below delta, else delta * (|error| - delta / 2) (Huber 1964).

    Arguments: ``input``: predictions; ``target``: of input's shape; ``reduction``: "mean", "sum" or "none"; ``delta``:
    where the square ends, above 0
    Dtypes: float32, float64
    Shapes: input and target alike; 0-d, or that shape where reduction is "none"
    Edges: huber([], []) = nan; huber([nan], [0.0]) = nan
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.huber([1.0, 2.0], [1.0, 4.0]) -> 0.75
    Source: Huber 1964"""

def instance_norm(
    x: TensorLike,
    running_mean: TensorLike | None = None,
    running_var: TensorLike | None = None,
    weight: TensorLike | None = None,
    bias: TensorLike | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-05,
) -> Tensor:
    """x (N, C, ..) less the mean of its sample and channel, by the standard deviation there; weight and bias (C,) are
    by channel (Ulyanov et al. 2016). ``use_input_stats=False``: by the running mean and variance, as batch_norm.

    Arguments: ``x``: (N, C, L, ...); ``running_mean``: (C,), read without use_input_stats alone; ``running_var``:
    likewise; ``weight``: (C,), or None; ``bias``: (C,), or None; ``use_input_stats``: as above; ``momentum``: for what
    moves running statistics alone; ``eps``: added to the variance
    Dtypes: float32, float64
    Shapes: of x (N, C, L, ...); means, variances, weight and bias (C,)
    Edges: instance_norm([[[2.0, 2.0]]]) = [[[0.0, 0.0]]]; a channel of equal elements gives bias
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.instance_norm([[[1.0, 3.0]]]) -> [[[-0.999995, 0.999995]]]
    Source: Ulyanov et al. 2016, arXiv:1607.08022"""

def interpolate(
    x: TensorLike,
    size: SizeLike | Sequence[SizeLike] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: Literal['nearest', 'nearest-exact', 'linear', 'bilinear', 'trilinear', 'bicubic', 'area'] = 'nearest',
    align_corners: bool = False,
) -> Tensor:
    """x (N, C, ..) at other sizes of the axes after the second: those of ``size``, or ``scale_factor`` times its own,
    rounded down.

    Element i of m lies at (i + 1/2) n / m - 1/2 of n elements, or with ``align_corners`` at i (n - 1) / (m - 1); with a
    scale factor 1 / factor stands for n / m. "nearest" takes the element at i n / m rounded down, "nearest-exact" the
    nearest; "linear" (signals), "bilinear" (images) and "trilinear" (volumes) go straight from one to the next,
    "bicubic" (images) by cubics of four, "area" takes means as adaptive_avg_pool2d does.

    Arguments: ``x``: (N, C, ...); ``size``: one, or one an axis; ``scale_factor``: likewise, instead of size; ``mode``:
    as above; ``align_corners``: as above, of the linear and cubic modes
    Dtypes: float32, float64
    Shapes: (N, C, ...) -> (N, C, *size)
    Edges: interpolate([[[nan, 1.0]]], 4) = [[[nan, nan, 1.0, 1.0]]]
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.interpolate([[[1.0, 3.0]]], 4, mode="linear") -> [[[1.0, 1.5, 2.5, 3.0]]]
    Source: as torch.nn.functional.interpolate; bicubic after Keys 1981"""

def kl_div(input: TensorLike, target: TensorLike, reduction: Reduction = 'mean', log_target: bool = False) -> Tensor:
    """target * (log(target) - input) by element, for log-probabilities ``input``; 0 where the target is 0.
    "mean" is over all elements. ``log_target``: the target is given as its logarithm.

    Arguments: ``input``: log-probabilities; ``target``: of input's shape; ``reduction``: "mean", "sum" or "none";
    ``log_target``: whether target is a logarithm
    Dtypes: float32, float64
    Shapes: input and target alike; 0-d, or that shape where reduction is "none"
    Edges: kl_div([], []) = nan; kl_div([nan], [0.0]) = nan
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.kl_div([-0.5, -1.0], [0.0, 1.0]) -> 0.5
    Source: Kullback and Leibler 1951"""

def l1(input: TensorLike, target: TensorLike, reduction: Reduction = 'mean') -> Tensor:
    """The absolute error; derivative 0 where it is 0.

    Dtypes: float32, float64
    Shapes: input and target alike; 0-d, or that shape where reduction is "none"
    Edges: l1([], []) = nan; l1([nan], [0.0]) = nan
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.l1([1.0, 2.0], [1.0, 4.0]) -> 1.0"""

def layer_norm(
    x: TensorLike, weight: TensorLike | None = None, bias: TensorLike | None = None, eps: float = 1e-05,
) -> Tensor:
    """x less its mean over the last axis, by its standard deviation there; weight and bias have that axis' size.

    Arguments: ``x``: (..., n); ``weight``: (n,), or None; ``bias``: (n,), or None; ``eps``: added to the variance
    Dtypes: float32, float64
    Shapes: of x; weight and bias (n,), n x's last size
    Edges: layer_norm([2.0, 2.0]) = [0.0, 0.0]; layer_norm([nan, 1.0]) = [nan, nan]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.nn.layer_norm([1.0, 3.0]) -> [-0.999995, 0.999995]
    Source: Ba et al. 2016, arXiv:1607.06450"""

def leaky_relu(x: TensorLike, /, negative_slope: float = 0.01) -> Tensor:
    """x where positive, else ``negative_slope * x``.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: leaky_relu(-inf) = -inf; leaky_relu(nan) = nan; leaky_relu'(0.0) = 0.01
    Derivative: by its body
    Raises: DTypeError
    Example: gd.nn.leaky_relu([-1.0, 2.0]) -> [-0.01, 2.0]"""

def linear(x: TensorLike, weight: TensorLike, bias: TensorLike | None = None) -> Tensor:
    """``x @ weight + bias``; weight has shape (in, out).

    Dtypes: float32, float64, int32, int64
    Shapes: (..., n), (n, m) and (m,) -> (..., m)
    Edges: linear([inf], [[0.0]]) = [nan]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.nn.linear([1.0, 2.0], [[1.0], [1.0]], [0.5]) -> [3.5]"""

def local_response_norm(x: TensorLike, size: int, alpha: float = 0.0001, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """x (N, C, ..) by (k + alpha m)^beta, m the mean of the squares of ``size`` channels about each, which are 0 beyond
    the first and last.

    Arguments: ``x``: (N, C, ...); ``size``: how many channels, at least 1; ``alpha``, ``beta``, ``k``: as above
    Dtypes: float32, float64
    Shapes: of x (N, C, ...)
    Edges: local_response_norm([[[0.0]]], 1) = [[[0.0]]]
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.local_response_norm([[[1.0]], [[3.0]]], 1, alpha=1.0, beta=0.5) -> [[[0.7071068]], [[0.9486833]]]
    Source: Krizhevsky et al. 2012, section 3.3"""

def log_sigmoid(x: TensorLike, /) -> Tensor:
    """log(sigmoid(x)) without overflow.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: log_sigmoid(-1000.0) = -1000.0; log_sigmoid(inf) = 0.0; log_sigmoid(nan) = nan; log_sigmoid'(-1000.0) = 1.0
    Derivative: by its body
    Raises: DTypeError
    Example: gd.nn.log_sigmoid([0.0, 2.0]) -> [-0.6931472, -0.126928]"""

def log_softmax(x: TensorLike, /, axis: Axes = -1) -> Tensor:
    """log(softmax(x)) without loss of accuracy.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: log_softmax([nan, 0.0]) = [nan, nan]; log_softmax([inf, 0.0]) = [nan, -inf]; log_softmax([-inf, -inf]) =
    [nan, nan]; log_softmax([-inf, 0.0]) = [-inf, 0.0]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.nn.log_softmax([0.0, 0.0]) -> [-0.6931472, -0.6931472]"""

def margin_ranking(
    x1: TensorLike, x2: TensorLike, target: TensorLike, margin: float = 0.0, reduction: Reduction = 'mean',
) -> Tensor:
    """How much x1 falls short of being ``margin`` above x2 where target is 1, below it where target is -1.

    Arguments: ``x1``: scores; ``x2``: scores; ``target``: 1 or -1; ``margin``: as above; ``reduction``: "mean", "sum"
    or "none"
    Dtypes: float32, float64
    Shapes: the operands broadcast; 0-d, or that shape where reduction is "none"
    Edges: margin_ranking([nan], [0.0], [1.0]) = nan
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.margin_ranking([1.0, 2.0], [3.0, 1.0], [1.0, 1.0]) -> 1.0
    Source: as torch.nn.functional.margin_ranking_loss"""

def max_pool1d(
    x: TensorLike,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Padding = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """The largest element of each window of x (N, C, L), as max_pool2d of images of height 1.

    Arguments: ``x``: signals (N, C, L); ``kernel_size``: an int; ``stride``: an int; kernel_size unless given;
    ``padding``: an int or ((low, high),); ``dilation``: an int; ``ceil_mode``: as max_pool2d's
    Dtypes: float32, float64
    Shapes: (N, C, L) -> (N, C, L') with L' = (L + 2 padding - dilation (kernel - 1) - 1) // stride + 1
    Edges: max_pool1d([[[nan, 1.0]]], 2) = [[[nan]]]; padding is at most half of the kernel
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.max_pool1d([[[1.0, 2.0, 3.0, 0.0]]], 2) -> [[[2.0, 3.0]]]
    Source: as torch.nn.functional.max_pool1d"""

def max_pool2d(
    x: TensorLike,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Padding = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """The largest element of each window of x (N, C, H, W); stride is kernel_size unless given, padding counts as -inf.
    NaN wins; of equal elements the first, row by row, takes the gradient.

    Arguments: ``x``: images (N, C, H, W); ``kernel_size``: an int or a pair; ``stride``: an int or a pair; kernel_size
    unless given; ``padding``: an int, a pair, or two pairs (low, high); ``dilation``: how far taps are apart, an int or
    a pair; ``ceil_mode``: whether a last window may reach beyond the padding
    Dtypes: float32, float64
    Shapes: (N, C, H, W) -> (N, C, H', W') with H' = (H + 2 padding - dilation (kernel - 1) - 1) // stride + 1
    Edges: max_pool2d([[[[nan, 1.0]]]], (1, 2)) = [[[[nan]]]]; padding is at most half of the kernel
    Derivative: by rules of its own
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.max_pool2d([[[[1.0, 2.0], [3.0, 4.0]]]], 2) -> [[[[4.0]]]]
    Source: as torch.nn.functional.max_pool2d"""

def max_pool3d(
    x: TensorLike,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Padding = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """The largest element of each window of x (N, C, D, H, W); of equal ones the first takes the gradient.

    Arguments: ``x``: volumes (N, C, D, H, W); ``kernel_size``: an int or three; ``stride``: likewise; kernel_size
    unless given; ``padding``: an int, three, or three pairs (low, high); ``dilation``: an int or three; ``ceil_mode``:
    as max_pool2d's
    Dtypes: float32, float64
    Shapes: (N, C, D, H, W) -> (N, C, D', H', W') with D' = (D + 2 padding - dilation (kernel - 1) - 1) // stride + 1
    Edges: max_pool3d([[[[[nan, 1.0]]]]], (1, 1, 2)) = [[[[[nan]]]]]; padding is at most half of the kernel
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.max_pool3d([[[[[1.0, 2.0]], [[4.0, 3.0]]]]], (2, 1, 2)) -> [[[[[4.0]]]]]
    Source: as torch.nn.functional.max_pool3d"""

def mish(x: TensorLike, /) -> Tensor:
    """x * tanh(softplus(x)).

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: mish(-inf) = nan; mish(inf) = inf; mish(nan) = nan; mish'(-1000.0) = 0.0
    Derivative: by its body
    Raises: DTypeError
    Example: gd.nn.mish([-1.0, 2.0]) -> [-0.3034015, 1.943959]
    Source: Misra 2019, arXiv:1908.08681"""

def mse(input: TensorLike, target: TensorLike, reduction: Reduction = 'mean') -> Tensor:
    """The squared error.

    Dtypes: float32, float64
    Shapes: input and target alike; 0-d, or that shape where reduction is "none"
    Edges: mse([], []) = nan; mse([nan], [0.0]) = nan
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.mse([1.0, 2.0], [1.0, 4.0]) -> 2.0"""

def multi_margin(
    input: TensorLike,
    target: TensorLike,
    p: int = 1,
    margin: float = 1.0,
    weight: TensorLike | None = None,
    reduction: Reduction = 'mean',
) -> Tensor:
    """The mean over classes of how much each other class comes nearer than ``margin`` to that of the label, to the
    power ``p``; ``weight``: one number a class, of the label's. A label out of range fails the call.

    Arguments: ``input``: scores (..., c); ``target``: integers (...); ``p``: 1 or 2; ``margin``: as above; ``weight``:
    (c,), or None; ``reduction``: "mean", "sum" or "none"
    Dtypes: float32, float64
    Shapes: (..., c), (...) -> 0-d, or (...) where reduction is "none"
    Edges: multi_margin([[nan, 1.0]], [1]) = nan; a label out of range fails the call
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.multi_margin([[0.5, 1.0]], [1]) -> 0.25
    Source: as torch.nn.functional.multi_margin_loss"""

def multilabel_soft_margin(
    input: TensorLike, target: TensorLike, weight: TensorLike | None = None, reduction: Reduction = 'mean',
) -> Tensor:
    """The mean over classes, the last axis, of binary_cross_entropy_with_logits.

    Arguments: ``input``: logits (..., c); ``target``: from 0 to 1, of input's shape; ``weight``: (c,), or None;
    ``reduction``: "mean", "sum" or "none"
    Dtypes: float32, float64
    Shapes: (..., c), (..., c) -> 0-d, or (...) where reduction is "none"
    Edges: multilabel_soft_margin([[1000.0]], [[0.0]]) = 1000.0
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.multilabel_soft_margin([[0.0, 0.0]], [[1.0, 0.0]]) -> 0.6931472
    Source: as torch.nn.functional.multilabel_soft_margin_loss"""

def nll(
    log_probabilities: TensorLike,
    labels: TensorLike,
    reduction: Reduction = 'mean',
    weight: TensorLike | None = None,
    ignore_index: int | None = None,
) -> Tensor:
    """Minus the log-probability of each label, classes along the last axis: what cross_entropy takes of log_softmax.
    ``weight`` and ``ignore_index`` as there. A label out of range fails the call.

    Arguments: ``log_probabilities``: (..., c); ``labels``: integers (...); ``reduction``: "mean", "sum" or "none";
    ``weight``: (c,), or None; ``ignore_index``: a label, or None
    Dtypes: float32, float64
    Shapes: (..., c), (...) -> 0-d, or (...) where reduction is "none"
    Edges: nll([[0.0, 0.0]], [1], ignore_index=1) = nan; a label out of range fails the call
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.nll([[-1.0, -2.0]], [1]) -> 2.0"""

def pairwise_distance(
    x1: TensorLike, x2: TensorLike, p: float = 2.0, eps: float = 1e-06, keepdims: bool = False,
) -> Tensor:
    """The ``p``-norm of x1 - x2 + eps along the last axis.

    Arguments: ``x1``: vectors (..., d); ``x2``: vectors, which broadcast with x1; ``p``: of the norm; ``eps``: added to
    each difference; ``keepdims``: whether the last axis stays, of size 1
    Dtypes: float32, float64
    Shapes: (..., d), (..., d) -> (...)
    Edges: pairwise_distance([nan], [1.0]) = nan
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.pairwise_distance([[3.0, 4.0]], [[0.0, 0.0]], eps=0.0) -> [5.0]
    Source: as torch.nn.functional.pairwise_distance"""

def pixel_shuffle(x: TensorLike, upscale_factor: int) -> Tensor:
    """Channels made pixels: x (N, C r², H, W) as (N, C, H r, W r), r being ``upscale_factor``.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: (N, C r², H, W) -> (N, C, H r, W r)
    Edges: pixel_shuffle(np.ones((1, 1, 1, 1)), 1) = [[[[1.0]]]]
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.pixel_shuffle([[[[1.0]], [[2.0]], [[3.0]], [[4.0]]]], 2) -> [[[[1.0, 2.0], [3.0, 4.0]]]]
    Source: Shi et al. 2016, arXiv:1609.05158"""

def pixel_unshuffle(x: TensorLike, downscale_factor: int) -> Tensor:
    """Pixels made channels, the reverse of pixel_shuffle: x (N, C, H r, W r) as (N, C r², H, W).

    Dtypes: float32, float64, int32, int64, bool
    Shapes: (N, C, H r, W r) -> (N, C r², H, W)
    Edges: pixel_unshuffle(np.ones((1, 1, 1, 1)), 1) = [[[[1.0]]]]
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.pixel_unshuffle([[[[1.0, 2.0], [3.0, 4.0]]]], 2) -> [[[[1.0]], [[2.0]], [[3.0]], [[4.0]]]]
    Source: Shi et al. 2016, arXiv:1609.05158"""

def poisson_nll(
    input: TensorLike,
    target: TensorLike,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-08,
    reduction: Reduction = 'mean',
) -> Tensor:
    """The negative log-likelihood of counts under Poisson distributions, without log(target!) unless ``full``: then
    with Stirling's approximation of it for targets above 1.

    Arguments: ``input``: rates, or their logarithms; ``target``: counts, of input's shape; ``log_input``: whether input
    is a logarithm; ``full``: as above; ``eps``: added to a rate before its logarithm; ``reduction``: "mean", "sum" or
    "none"
    Dtypes: float32, float64
    Shapes: input and target alike; 0-d, or that shape where reduction is "none"
    Edges: poisson_nll([], []) = nan; poisson_nll([0.0], [0.0], log_input=False) = 0.0
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.poisson_nll([0.0, 0.0], [1.0, 3.0]) -> 1.0
    Source: as torch.nn.functional.poisson_nll_loss"""

def prelu(x: TensorLike, weight: TensorLike) -> Tensor:
    """x where positive, else ``weight * x``: weight is one number, or one a channel (axis 1).

    Dtypes: float32, float64
    Shapes: x (N, C, ...) and weight (C,), (1,) or (); of x
    Edges: prelu([[-inf]], [0.5]) = [[-inf]]; prelu([[nan]], [0.5]) = [[nan]]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.nn.prelu([[-1.0, -1.0]], [0.5, 0.25]) -> [[-0.5, -0.25]]
    Source: He et al. 2015, arXiv:1502.01852"""

def relu(x: TensorLike, /) -> Tensor:
    """max(x, 0); derivative 0 at 0.

    Dtypes: float32, float64, int32, int64
    Shapes: of x, as is the result's
    Edges: relu(inf) = inf; relu(-inf) = 0.0; relu(nan) = nan; relu'(0.0) = 0.0
    Derivative: dy/dx = 1 where y > 0, else 0
    Raises: DTypeError for other dtypes
    Example: gd.nn.relu([-1.0, 0.0, 2.0]) -> [0.0, 0.0, 2.0]"""

def relu6(x: TensorLike, /) -> Tensor:
    """x limited to [0, 6]; derivative 0 at the two kinks, as in torch.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: relu6(-inf) = 0.0; relu6(inf) = 6.0; relu6(nan) = nan; relu6'(6.0) = 0.0
    Derivative: by its body
    Raises: DTypeError
    Example: gd.nn.relu6([-1.0, 2.0, 8.0]) -> [0.0, 2.0, 6.0]
    Source: Howard et al. 2017, arXiv:1704.04861"""

def rms_norm(x: TensorLike, weight: TensorLike | None = None, eps: float = 1e-05) -> Tensor:
    """x by the root of its mean square over the last axis; weight has that axis' size (Zhang and Sennrich 2019).

    Dtypes: float32, float64
    Shapes: of x; weight (n,), n x's last size
    Edges: rms_norm([0.0, 0.0]) = [0.0, 0.0]; rms_norm([nan, 1.0]) = [nan, nan]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.nn.rms_norm([1.0, 1.0]) -> [0.999995, 0.999995]
    Source: Zhang and Sennrich 2019, arXiv:1910.07467"""

def rotary_embedding(
    x: TensorLike, positions: TensorLike | None = None, base: float = 10000.0, interleaved: bool = False,
) -> Tensor:
    """Each row of x (.., L, d) turned by its position: element i of its first half and element i of its second are a
    point of a plane, turned by ``position / base^(2 i / d)``. So the product of two rows depends on how far apart they
    are. ``interleaved``: the points are elements 2i and 2i + 1.

    Arguments: ``x``: (..., L, d), d even; ``positions``: what broadcasts to (..., L); 0 to L - 1 unless given;
    ``base``: above 0; ``interleaved``: as above
    Dtypes: float32, float64
    Shapes: (..., L, d), of x
    Edges: rotary_embedding([[1.0, 2.0]]) = [[1.0, 2.0]]
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.rotary_embedding([[1.0, 0.0], [1.0, 0.0]]) -> [[1.0, 0.0], [0.5403023, 0.841471]]
    Source: Su et al. 2021, arXiv:2104.09864"""

def scaled_dot_product_attention(
    q: TensorLike,
    k: TensorLike,
    v: TensorLike,
    attn_mask: TensorLike | None = None,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    dropout_p: float = 0.0,
    key: TensorLike | None = None,
) -> Tensor:
    """softmax(q kᵀ scale) v over the last two axes: q (.., L, E), k (.., S, E), v (.., S, F) give (.., L, F), the other
    axes broadcasting; scale is 1/√E unless given (Vaswani et al. 2017).

    ``attn_mask`` broadcasts to (.., L, S): bool keeps what is True, float is added. ``is_causal`` keeps key j for
    query i where j <= i; with a mask both hold. A query that may attend to nothing gives 0, and 0 as derivative.
    ``enable_gqa``: fewer heads (axis -3) of keys and values, each for as many queries' heads one after another.
    ``dropout_p``: of the weights, those that ``key`` says are 0 and the others divided by 1 - p.

    Where no axes are broadcast but the mask's and the groups', and nothing is dropped, it is run block by block in both
    directions (after Dao et al. 2022): the scores of all pairs are never in memory.

    Arguments: ``q``: queries; ``k``: keys; ``v``: values; ``attn_mask``: or None; ``is_causal``: with q and k counted
    from the first; ``scale``: a number; 1/√E unless given; ``enable_gqa``: as above; ``dropout_p``: from 0 to 1;
    ``key``: a 0-d integer Tensor or an int, needed where dropout_p is not 0
    Dtypes: float32, float64
    Shapes: (..., L, E), (..., S, E), (..., S, F) -> (..., L, F)
    Edges: scaled_dot_product_attention([[1.0]], [[nan], [1.0]], [[2.0], [4.0]]) = [[nan]]; a query that may attend to
    nothing gives 0
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.scaled_dot_product_attention([[1.0]], [[1.0], [1.0]], [[2.0], [4.0]]) -> [[3.0]]
    Source: Vaswani et al. 2017; by blocks after Dao et al. 2022; groups of queries after Ainslie et al. 2023"""

def selu(x: TensorLike, /) -> Tensor:
    """elu scaled so that activations keep mean 0 and variance 1 (Klambauer et al. 2017).

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: selu(-inf) = -1.758099; selu(inf) = inf; selu(nan) = nan
    Derivative: by its body
    Raises: DTypeError
    Example: gd.nn.selu([-1.0, 2.0]) -> [-1.111331, 2.101402]
    Source: Klambauer et al. 2017, arXiv:1706.02515"""

def sigmoid(x: TensorLike, /) -> Tensor:
    """1 / (1 + exp(-x)).

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: sigmoid(inf) = 1.0; sigmoid(-inf) = 0.0; sigmoid(nan) = nan
    Derivative: dy/dx = sigmoid_slope(x)
    Accuracy: within 2 ulp; first derivatives 3, second 3
    Raises: DTypeError for other dtypes
    Example: gd.nn.sigmoid([0.0, 1.0]) -> [0.5, 0.7310586]"""

def silu(x: TensorLike, /) -> Tensor:
    """x * sigmoid(x).

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: silu(-inf) = nan; silu(inf) = inf; silu(nan) = nan
    Derivative: by its body
    Raises: DTypeError
    Example: gd.nn.silu([-1.0, 2.0]) -> [-0.2689414, 1.761594]
    Source: Elfwing et al. 2017, arXiv:1702.03118"""

def smooth_l1(input: TensorLike, target: TensorLike, reduction: Reduction = 'mean', beta: float = 1.0) -> Tensor:
    """The squared error by 2 beta where the error is below beta, else |error| - beta / 2: huber by its delta.

    Arguments: ``input``: predictions; ``target``: of input's shape; ``reduction``: "mean", "sum" or "none"; ``beta``:
    where the square ends; l1 where it is 0
    Dtypes: float32, float64
    Shapes: input and target alike; 0-d, or that shape where reduction is "none"
    Edges: smooth_l1([], []) = nan; smooth_l1([nan], [0.0]) = nan
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.smooth_l1([1.0, 2.0], [1.0, 4.0]) -> 0.75
    Source: Girshick 2015, arXiv:1504.08083"""

def soft_margin(input: TensorLike, target: TensorLike, reduction: Reduction = 'mean') -> Tensor:
    """log(1 + exp(-target * input)), target 1 or -1.

    Dtypes: float32, float64
    Shapes: input and target alike; 0-d, or that shape where reduction is "none"
    Edges: soft_margin([1000.0], [-1.0]) = 1000.0; soft_margin([nan], [1.0]) = nan
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.soft_margin([0.0, 0.0], [1.0, -1.0]) -> 0.6931472
    Source: as torch.nn.functional.soft_margin_loss"""

def softmax(x: TensorLike, /, axis: Axes = -1) -> Tensor:
    """exp(x) / sum(exp(x)) along ``axis``, without overflow.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: softmax([nan, 0.0]) = [nan, nan]; softmax([inf, 0.0]) = [nan, 0.0]; softmax([-inf, -inf]) = [nan, nan];
    softmax([-inf, 0.0]) = [0.0, 1.0]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.nn.softmax([0.0, 0.0]) -> [0.5, 0.5]"""

def softmin(x: TensorLike, /, axis: Axes = -1) -> Tensor:
    """softmax(-x) along ``axis``.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: softmin([inf, 0.0]) = [0.0, 1.0]; softmin([nan, 0.0]) = [nan, nan]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.nn.softmin([0.0, 0.0]) -> [0.5, 0.5]"""

def softplus(x: TensorLike, /) -> Tensor:
    """log(1 + exp(x)) without overflow.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: softplus(inf) = inf; softplus(-inf) = 0.0; softplus(nan) = nan
    Derivative: dy/dx = sigmoid(x)
    Accuracy: within 1.5 ulp; first derivatives 2, second 3
    Raises: DTypeError for other dtypes
    Example: gd.nn.softplus([0.0, 100.0]) -> [0.6931472, 100.0]"""

def softshrink(x: TensorLike, /, lambd: float = 0.5) -> Tensor:
    """x brought ``lambd`` nearer to 0, and 0 where it lies within that.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: softshrink(-inf) = -inf; softshrink(nan) = nan; softshrink'(0.5) = 0.0
    Derivative: by its body
    Raises: DTypeError
    Example: gd.nn.softshrink([-1.0, 0.2, 2.0]) -> [-0.5, 0.0, 1.5]"""

def softsign(x: TensorLike, /) -> Tensor:
    """x / (1 + abs(x)).

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: softsign(inf) = nan; softsign(nan) = nan; softsign'(0.0) = 1.0
    Derivative: by its body
    Raises: DTypeError
    Example: gd.nn.softsign([-1.0, 3.0]) -> [-0.5, 0.75]"""

def tanh(x: TensorLike, /) -> Tensor:
    """The hyperbolic tangent.

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: tanh(inf) = 1.0; tanh(-inf) = -1.0; tanh(nan) = nan; tanh'(inf) = 0.0
    Derivative: dy/dx = tanh_slope(x)
    Accuracy: within 1.5 ulp; first derivatives 3, second 5
    Raises: DTypeError for other dtypes
    Example: gd.tanh([0.0, 1.0]) -> [0.0, 0.7615942]"""

def tanhshrink(x: TensorLike, /) -> Tensor:
    """x - tanh(x).

    Dtypes: float32, float64
    Shapes: of x, as is the result's
    Edges: tanhshrink(inf) = inf; tanhshrink(nan) = nan; tanhshrink'(0.0) = 0.0
    Derivative: by its body
    Raises: DTypeError
    Example: gd.nn.tanhshrink([-1.0, 2.0]) -> [-0.2384058, 1.035972]"""

def triplet_margin(
    anchor: TensorLike,
    positive: TensorLike,
    negative: TensorLike,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-06,
    swap: bool = False,
    reduction: Reduction = 'mean',
) -> Tensor:
    """How much an anchor's pairwise_distance to the positive falls short of being ``margin`` less than that to the
    negative. ``swap``: the negative's is the lesser of those to anchor and positive (Balntas et al. 2016).

    Arguments: ``anchor``: vectors (..., d); ``positive``: alike; ``negative``: alike; ``margin``: as above; ``p``: of
    the norm; ``eps``: added to each difference; ``swap``: as above; ``reduction``: "mean", "sum" or "none"
    Dtypes: float32, float64
    Shapes: (..., d) three times -> 0-d, or (...) where reduction is "none"
    Edges: triplet_margin([nan], [0.0], [0.0]) = nan
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.triplet_margin([[0.0, 0.0]], [[3.0, 4.0]], [[0.0, 5.0]], eps=0.0) -> 1.0
    Source: Schroff et al. 2015, arXiv:1503.03832"""
