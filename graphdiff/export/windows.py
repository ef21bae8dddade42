"""Convolutions: the bands, taps and parts that csrc/kernels/conv.c's preparation makes of a payload, as tables.

Invariant: the same numbers as there wherever a sum's order depends on them; one part where it does not.
Must not know: how bands are multiplied (csrc does), where operands lie.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .blocks import Fields, block_text
from .calls import CODES, activation, call, table
from .formula import least, real, whole
from .program import MICROOPS
from .unit import Unit

_SLACK, _LEAST_LANES, _VECTOR, _PIECE = 64, 16, 8, 16  # csrc/kernels/conv.c
_BAND = 262144.0
_FIELDS = 17


class Sizes(NamedTuple):
    """A payload: images (n, c, h, w), results (n, o, ho, wo), a kernel (kh, kw)."""

    n: int
    c: int
    h: int
    w: int
    o: int
    ho: int
    wo: int
    kh: int
    kw: int
    sh: int
    sw: int
    top: int
    left: int
    dh: int
    dw: int
    groups: int


def _up(n: int, to: int) -> int:
    return -(-n // to) * to


def _remainders(n: int, step: int, first: int, split: int) -> list[int]:
    """The different remainders of first + i * step by split, in order."""
    return list(dict.fromkeys((first + i * step) % split for i in range(min(n, split))))


class _Correlation:
    """conv2d and conv2d_dx: a source's bands, correlated with the weight."""

    def __init__(self, unit: Unit, q: Sizes, source: tuple[int, int], target: tuple[int, int]):
        self.unit, self.q = unit, q
        self.source_channels, self.source_plane = source
        self.target_channels, self.target_plane = target
        self.dtype = unit.dtype(0)

    def write(
        self,
        image: dict[str, int | str],
        phases: tuple[list[int], list[int]],
        rows: tuple[int, int],
        pitch: int,
        extra: int,
        fields: dict[str, int | str],
        make: Callable[[int], tuple[list[tuple[int, int]], list[dict[str, int | str]]]],
    ) -> None:
        """``rows``: of all phases; ``make``: the taps and phases for so many rows in a band."""
        unit, q = self.unit, self.q
        item = 8 if self.dtype == "float64" else 4
        n_rows = rows[1] - rows[0]
        planes = self.source_channels * len(phases[0]) * len(phases[1])
        size = float(planes) * float(n_rows + extra) * float(pitch * item)
        bands = max(n_rows // max(extra, 4), 1)
        if size < bands * _BAND:
            bands = int(size / _BAND) + 1
        band_rows = -(-n_rows // bands)
        bands = -(-n_rows // band_rows)
        height = band_rows + extra
        elements = planes * height
        vectors = (pitch // (_LEAST_LANES // item) + 1) * band_rows + 1
        vectors_at = _up((elements * pitch + _SLACK) * item, 64)
        pieces_at = vectors_at + _up((vectors + 1) * _VECTOR, 64)
        scratch = pieces_at + _up((vectors + band_rows) * _PIECE, 64)
        taps, made = make(height)
        table(unit, "int64_t", "row_phases", [[r] for r in phases[0]])
        table(unit, "int64_t", "col_phases", [[c] for c in phases[1]])
        table(unit, "gd_conv_tap", "taps", taps)
        texts = ", ".join(block_text("gd_conv_phase", phase) for phase in made)
        unit.out(f"const gd_conv_phase phases[] = {{{texts}}};")
        source = {
            **image,
            "n_row_phases": len(phases[0]),
            "n_col_phases": len(phases[1]),
            "row_phases": "row_phases",
            "col_phases": "col_phases",
            "rows": height,
            "pitch": pitch,
        }
        units = q.n * q.groups * bands
        block: dict[str, int | str] = {
            "dtype": CODES[self.dtype],
            "source": block_text("gd_conv_source", source),
            "groups": q.groups,
            "source_channels": self.source_channels,
            "target_channels": self.target_channels,
            "source_plane": self.source_plane,
            "target_plane": self.target_plane,
            **fields,
            "row_low": rows[0],
            "row_high": rows[1],
            "band_rows": band_rows,
            "bands": bands,
            "n_phases": len(made),
            "phases": "phases",
            "units": units,
            "part_units": units,
            "channel_step": _up(self.target_channels, 8),
            "channel_blocks": 1,
            "vectors_at": vectors_at,
            "pieces_at": pieces_at,
            "result": unit.step.n_reads,
            "epilogue": self._epilogue(),
        }
        function = f"gd_k_{unit.step.kernel}"
        call(unit, "conv", function, block, self.dtype, scratch, block_type="gd_conv_correlation")

    def _epilogue(self) -> str:
        words = self.unit.step.payload[_FIELDS:]
        if not words:
            return block_text("gd_epilogue", {"operand": -1})
        act, operand, offset, stride = words
        function = activation(self.unit, MICROOPS[act], self.dtype) if act >= 0 else "NULL"
        fields: Fields = {"operand": operand, "offset": offset, "stride": stride, "act": function}
        return block_text("gd_epilogue", fields)


def _is_empty(unit: Unit) -> bool:
    """Whether there are no results, and so nothing to do."""
    return unit.count(unit.step.n_reads) == 0


def _conv2d(unit: Unit) -> None:
    q = Sizes(*unit.step.payload[1:_FIELDS])
    if _is_empty(unit):
        return
    c, o = q.c // q.groups, q.o // q.groups
    n_taps = c * q.kh * q.kw
    extra, beside = (q.kh - 1) * q.dh // q.sh, (q.kw - 1) * q.dw // q.sw
    pitch = q.wo + beside
    rows, cols = _remainders(q.kh, q.dh, 0, q.sh), _remainders(q.kw, q.dw, 0, q.sw)

    def make(height: int) -> tuple[list[tuple[int, int]], list[dict[str, int | str]]]:
        taps: list[tuple[int, int]] = []
        for channel in range(c):
            for i in range(q.kh):
                for j in range(q.kw):
                    plane = channel * len(rows) + rows.index(i * q.dh % q.sh)
                    plane = plane * len(cols) + cols.index(j * q.dw % q.sw)
                    taps.append((len(taps), (plane * height + i * q.dh // q.sh) * pitch + j * q.dw // q.sw))
        phase: dict[str, int | str] = {"taps": "taps", "n_taps": n_taps, "row_high": q.ho, "col_high": q.wo}
        return taps, [phase]

    image: dict[str, int | str] = {
        "height": q.h,
        "width": q.w,
        "split_y": q.sh,
        "split_x": q.sw,
        "top": q.top,
        "left": q.left,
    }
    fields: dict[str, int | str] = {"weight_group": o * n_taps, "weight_row": n_taps, "row_step": q.wo, "col_step": 1}
    _Correlation(unit, q, (c, q.h * q.w), (o, q.ho * q.wo)).write(
        image, (rows, cols), (0, q.ho), pitch, extra, fields, make
    )


def _valid(size: int, split: int, phase: int, before: int) -> tuple[int, int]:
    """The q with 0 <= q * split + phase - before < size."""
    low = -(-(before - phase) // split) if before > phase else 0
    return low, -(-(size + before - phase) // split) if size + before > phase else low


def _conv2d_dx(unit: Unit) -> None:
    q = Sizes(*unit.step.payload[1:_FIELDS])
    if _is_empty(unit):
        return
    c, o = q.c // q.groups, q.o // q.groups
    kernel = q.kh * q.kw
    extra, beside = (q.kh - 1) * q.dh // q.sh, (q.kw - 1) * q.dw // q.sw
    col_low, col_high = q.left // q.sw, (q.left + q.w - 1) // q.sw + 1
    pitch = col_high - col_low + beside
    row_phases = _remainders(min(q.sh, q.h), 1, q.top, q.sh)
    col_phases = _remainders(min(q.sw, q.w), 1, q.left, q.sw)

    def make(height: int) -> tuple[list[tuple[int, int]], list[dict[str, int | str]]]:
        taps: list[tuple[int, int]] = []
        phases = []
        for row_phase in row_phases:
            for col_phase in col_phases:
                first = len(taps)
                for result in range(o):
                    for i in (i for i in range(q.kh) if i * q.dh % q.sh == row_phase):
                        for j in (j for j in range(q.kw) if j * q.dw % q.sw == col_phase):
                            row, col = extra - i * q.dh // q.sh, beside - j * q.dw // q.sw
                            at = (result * height + row) * pitch + col
                            taps.append((result * c * kernel + i * q.kw + j, at))
                low, high = _valid(q.h, q.sh, row_phase, q.top)
                left, right = _valid(q.w, q.sw, col_phase, q.left)
                phase: dict[str, int | str] = {
                    "taps": f"taps + {first}" if first else "taps",
                    "n_taps": len(taps) - first,
                    "row_low": low,
                    "row_high": high,
                    "col_low": left,
                    "col_high": right,
                    "to": (row_phase - q.top) * q.w + col_phase - q.left,
                }
                phases.append(phase)
        return taps, phases

    image: dict[str, int | str] = {
        "height": q.ho,
        "width": q.wo,
        "split_y": 1,
        "split_x": 1,
        "top": extra,
        "left": beside - col_low,
    }
    fields: dict[str, int | str] = {
        "weight_group": o * c * kernel,
        "weight_row": kernel,
        "col_low": col_low,
        "row_step": q.sh * q.w,
        "col_step": q.sw,
    }
    rows = q.top // q.sh, (q.top + q.h - 1) // q.sh + 1
    _Correlation(unit, q, (o, q.ho * q.wo), (c, q.h * q.w)).write(image, ([0], [0]), rows, pitch, extra, fields, make)


def _conv2d_dw(unit: Unit) -> None:
    q = Sizes(*unit.step.payload[1:_FIELDS])
    if _is_empty(unit):
        return
    dtype, c, o = unit.dtype(0), q.c // q.groups, q.o // q.groups
    item = 8 if dtype == "float64" else 4
    kernel, positions = q.kh * q.kw, q.ho * q.wo
    pitch = max((q.wo - 1) * q.sw + (q.kw - 1) * q.dw + 1, 1)
    work = 2.0 * real(q.n * q.o) * real(positions) * real(c * kernel)
    result_step = min(o, 32) if work > 4e6 else o
    result_blocks = -(-o // result_step)
    wanted = 64 if work > 64 * 4e6 else whole(work / 4e6)
    blocks = max(min(wanted // (result_blocks * q.groups), c * kernel // 128), 1)
    channel_step = -(-c // min(blocks, c))
    channel_blocks = -(-c // channel_step)
    lanes = _up(result_step, 16)
    by_rows = positions > 0 and q.sw == 1 and result_blocks == 1 and 2 * o * -(-q.wo * item // 64) <= q.wo
    sums = o * 16 if by_rows else lanes
    spread = max(channel_step * pitch * q.sh, lanes * q.wo) * item
    band_rows = max(min(int(_BAND / float(max(spread, 1))), q.ho), 1)
    bands = -(-q.ho // band_rows)
    height = (band_rows - 1) * q.sh + (q.kh - 1) * q.dh + 1
    image = height * pitch
    image_step = most = 1
    if bands == 1 and positions > 0:
        most = max(min(512 // positions, int(_BAND / float(image * channel_step))), 1)
        image_step = least(most, q.n) if q.n > 0 else 1
    columns, elements = image_step * band_rows * q.wo, image_step * channel_step
    taps: list[tuple[int, int]] = []
    for n in range(most):  # of fewer images those of the first
        for y in range(band_rows):
            taps += [((n * height + y * q.sh) * pitch + x * q.sw, (len(taps) + x) * lanes) for x in range(q.wo)]
    results_at = _up((elements * image + _SLACK) * item, 64)
    sums_at = results_at + _up((columns * lanes + _SLACK) * item, 64)
    scratch = sums_at + _up(channel_step * kernel * sums * item, 64)
    table(unit, "int64_t", "phase", [[0]])
    table(unit, "gd_conv_tap", "taps", taps)
    source: dict[str, int | str] = {
        "height": q.h,
        "width": q.w,
        "split_y": 1,
        "split_x": 1,
        "top": q.top,
        "left": q.left,
        "n_row_phases": 1,
        "n_col_phases": 1,
        "row_phases": "phase",
        "col_phases": "phase",
        "rows": height,
        "pitch": pitch,
    }
    block: dict[str, int | str] = {
        "dtype": CODES[dtype],
        "source": block_text("gd_conv_source", source),
        "images": q.n if positions else 0,
        "groups": q.groups,
        "source_channels": c,
        "result_channels": o,
        "source_plane": q.h * q.w,
        "result_plane": positions,
        "kernel_rows": q.kh,
        "kernel_cols": q.kw,
        "tap_row": q.dh * pitch,
        "tap_col": q.dw,
        "result_rows": q.ho,
        "result_cols": q.wo,
        "band_rows": band_rows,
        "bands": bands,
        "image_step": image_step,
        "row_stride": q.sh,
        "by_rows": int(by_rows),
        "n_taps": columns,
        "taps": "taps",
        "channel_step": channel_step,
        "channel_blocks": channel_blocks,
        "result_step": result_step,
        "result_blocks": result_blocks,
        "lanes": lanes,
        "results_at": results_at,
        "sums_at": sums_at,
    }
    parts = q.groups * result_blocks * channel_blocks
    call(unit, "conv", "gd_k_conv2d_dw", block, dtype, scratch, parts, block_type="gd_conv_weight")


WRITERS: dict[str, Callable[[Unit], None]] = {"conv2d": _conv2d, "conv2d_dx": _conv2d_dx, "conv2d_dw": _conv2d_dw}
