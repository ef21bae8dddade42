"""How the package writes files: whole, or not at all; and what becomes of output that nobody reads.

A file is written beside its place under a name of its own, synced to the disk and renamed. Whatever interrupts it - a
full disk, a signal, a lost machine - what stood there before stays as it was.
Must not know: what is written.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

Path = str | os.PathLike[str]
Content = str | bytes | Callable[[BinaryIO], object]


def write_file(path: Path, content: Content) -> None:
    """Makes ``path`` a file of ``content``: bytes, text, or what a function writes to the open file. Text is written as
    UTF-8, what has no place there escaped.

    A link stays and the file it leads to is replaced; the permissions of a file that was there stay. What is no file
    (a pipe, a terminal) is written to as it is. Raises OSError, and what the function raises: then nothing has changed.
    """
    target = os.path.realpath(os.fsdecode(path))
    mode = _mode(target)
    if mode is not None and not stat.S_ISREG(mode):
        with open(target, "wb") as file:
            _write(file, content)
        return
    if mode is not None and not os.access(target, os.W_OK):
        raise PermissionError(13, "Permission denied", os.fspath(path))
    part = os.path.join(os.path.dirname(target), f".{os.urandom(8).hex()}.part")
    try:
        with open(part, "xb") as file:
            _write(file, content)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(part, stat.S_IMODE(mode))
        os.replace(part, target)
    except OSError as error:
        _remove(part)
        if error.filename in (part, None):  # the user knows no other name than this one
            error.filename, error.filename2 = os.fspath(path), None
        raise
    except BaseException:
        _remove(part)
        raise
    _sync_folder(os.path.dirname(target))


def _mode(target: str) -> int | None:
    try:
        return os.stat(target).st_mode
    except FileNotFoundError:
        return None


def _write(file: BinaryIO, content: Content) -> None:
    if callable(content):
        content(file)
    else:
        file.write(content.encode(errors="backslashreplace") if isinstance(content, str) else content)


def _remove(part: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(part)


def _sync_folder(folder: str) -> None:
    """The new name too is on the disk; some systems cannot sync a folder."""
    flags: Any = getattr(os, "O_DIRECTORY", None)
    if flags is None:
        return
    with contextlib.suppress(OSError):
        handle = os.open(folder, flags)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def let_go_of_output() -> None:
    """What could not be written to the standard output, and is flushed again at exit, goes nowhere."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
