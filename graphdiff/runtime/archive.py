"""The file of a saved function: a zip archive of named members, none of them compressed.

Nothing in a file is trusted: sizes are held against those of the file before anything is read, each member's checksum
is checked, an array must be as its reader expects it, and whatever is wrong is a ValueError.
Invariant: the same members make the same bytes.
Must not know: what members mean.
"""

from __future__ import annotations

import errno
import io
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable
from typing import Any, BinaryIO

import numpy as np

VERSION, DATE, FULL = 45, 0x21, 0xFFFFFFFF  # of the format: 4.5; 1 January 1980; "see the ZIP64 field"
ENTRY_BYTES = 76  # at least, of a member's two headers
_HEADER = re.compile(rb"\{'descr': '([^']*)', 'fortran_order': False, 'shape': \(([0-9, ]*)\), \} *\n")


def pack(file: BinaryIO, members: Iterable[tuple[str, bytes | np.ndarray]]) -> None:
    """Writes an archive, front to back; arrays as .npy files.

    By hand: zipfile's writer, interrupted, raises errors of its own. All sizes are those of ZIP64 (APPNOTE 4.5.3)."""
    directory, at = [], 0
    for name, data in members:
        parts = _npy(data) if isinstance(data, np.ndarray) else [data]
        size, crc = sum(map(len, parts)), 0
        for part in parts:
            crc = zlib.crc32(part, crc)
        path = name.encode()
        common = (VERSION, 0x800, 0, 0, DATE, crc, FULL, FULL, len(path))
        local = struct.pack("<4s5H3I2H", b"PK\3\4", *common, 20) + path + struct.pack("<2H2Q", 1, 16, size, size)
        directory.append(
            struct.pack("<4s6H3I5H2I", b"PK\1\2", VERSION, *common, 28, 0, 0, 0, 0, FULL)
            + path
            + struct.pack("<2H3Q", 1, 24, size, size, at)
        )
        for part in (local, *parts):
            file.write(part)
        at += len(local) + size
    whole, n = b"".join(directory), len(directory)
    end = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, VERSION, VERSION, 0, 0, n, n, len(whole), at)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, at + len(whole), 1)
    file.write(whole + end + locator + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, FULL, FULL, 0))


def _npy(array: np.ndarray) -> list[bytes]:
    """The header and the elements of a .npy file."""
    header = io.BytesIO()
    little = array.dtype.newbyteorder("<")
    np.lib.format.write_array_header_1_0(header, {"descr": little.str, "fortran_order": False, "shape": array.shape})
    return [header.getvalue(), array.astype(little, copy=False).tobytes()]


class Archive:
    """An archive open for reading. Raises ValueError for what is none, OSError where it cannot be read."""

    def __init__(self, file: BinaryIO):
        size = file.seek(0, os.SEEK_END)
        self._zip = checked(zipfile.ZipFile, file)
        infos = self._zip.infolist()
        self._infos = {i.filename: i for i in infos}
        if len(self._infos) != len(infos):
            raise ValueError("a member is there twice")
        for i in infos:
            if i.compress_type != zipfile.ZIP_STORED or i.flag_bits & 1 or i.file_size != i.compress_size:
                raise ValueError(f"{i.filename} is compressed or encrypted")
        if sum(i.file_size + ENTRY_BYTES for i in infos) > size:
            raise ValueError("its members are larger than the file")
        self._left = set(self._infos)

    def take(self, name: str) -> bytes:
        """The bytes of a member."""
        info = self._infos.get(name)
        if info is None:
            raise ValueError(f"{name} is missing")
        data: bytes = checked(self._zip.read, info)
        if len(data) != info.file_size:
            raise ValueError(f"{name} is cut short")
        self._left.discard(name)
        return data

    def take_array(self, name: str, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """A member that is an array of this shape and dtype; it is read-only."""
        data = self.take(name)
        length = int.from_bytes(data[8:10], "little")
        header = _HEADER.fullmatch(data[10 : 10 + length])
        if data[:8] != b"\x93NUMPY\x01\x00" or header is None:
            raise ValueError(f"{name} is no array")
        found = tuple(int(n[:20]) for n in header[2].replace(b",", b" ").split())
        elements = (len(data) - 10 - length) / dtype.itemsize
        if header[1].decode("latin1") != dtype.newbyteorder("<").str or elements != _count(found):
            raise ValueError(f"{name} is no array of {dtype.name}, or not as long as it says")
        if found != shape:
            raise ValueError(f"{name} has shape {found}, not {shape}")
        array = np.frombuffer(data, dtype.newbyteorder("<"), _count(found), 10 + length)
        return array.astype(dtype, copy=False).reshape(found)

    def finish(self) -> None:
        """Raises ValueError where a member was not taken."""
        if self._left:
            raise ValueError(f"{min(self._left)} does not belong here")


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for n in shape:
        count *= n
    return count


def checked(read: Any, *args: Any) -> Any:
    """``read(*args)``, what zipfile and NumPy make of a damaged archive, some twenty kinds of errors, as ValueError."""
    try:
        return read(*args)
    except MemoryError:
        raise
    except OSError as error:
        if error.errno != errno.EINVAL:  # a place before the file's beginning, that damage points to
            raise
        raise ValueError(str(error)) from None
    except Exception as error:
        raise ValueError(str(error) or type(error).__name__) from None
