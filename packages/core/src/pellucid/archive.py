"""Sealed archives: a JSON header and named arrays in one `.npz` file that cannot be altered unnoticed.

    header.json        a JSON object: "format", "format_version" and whatever the writer put there
    NAME.npy ...       the arrays, stored without compression, readable by `np.load`
    (comment)          "pellucid sha256 " and the SHA-256 of all bytes of the file before those 64 digits

The checksum finds accidents: a file that was cut short or changed in any byte. It proves nothing about who wrote the
file, so reading relies on nothing else that the file says: no member is compressed or overlaps another, every shape is
held against the bytes that are there before memory is taken for it, and no dtype may hold objects.

Writing goes to a temporary file in the same folder, which then replaces the target in one step.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import secrets
import stat
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

FORMAT = "pellucid"
FORMAT_VERSION = 1
ARRAY_KINDS = "biufcmMSU"  # the dtype kinds that are plain data

_HEADER = "header.json"
_SEAL = b"pellucid sha256 "
_DIGITS = 64  # of a SHA-256 in hexadecimal
_ENDING = 22 + len(_SEAL) + _DIGITS  # a zip archive ends with a record of 22 bytes and the comment


class LoadError(ValueError):
    """A file cannot be loaded; the message is one line with the file and the reason."""


class Unfit(Exception):
    """Something in a file is not as it must be; `open_archive` makes it a LoadError that names the file."""


# -- writing -------------------------------------------------------------------------------------------------------


def write_archive(path: Path, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a header and arrays to a file; whatever happens, `path` is then the old file or the new one, complete.

    Raises
    ------
    TypeError
        When the header holds anything but plain JSON values.
    OSError
        When the file cannot be written.
    """
    about = {"format": FORMAT, "format_version": FORMAT_VERSION, **header}
    try:
        words = json.dumps(about, allow_nan=False).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"the header must hold plain JSON values: {error}") from error
    with replacing(path) as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as members:
            members.writestr(_member(_HEADER), words)
            for name, array in arrays.items():
                with members.open(_member(f"{name}.npy"), "w", force_zip64=array.nbytes >= 2**31 - 2**16) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)
            members.comment = _SEAL + b"0" * _DIGITS
        end = file.seek(-_DIGITS, os.SEEK_END)
        digits = _digest(file, end)
        file.seek(end)
        file.write(digits)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path`, which takes its place when the block ends without an error."""
    target = Path(os.path.realpath(path))  # what a link points to is replaced, not the link
    mode = None
    if target.exists():
        mode = stat.S_IMODE(target.stat().st_mode)
        if not target.is_file():
            raise OSError(f"{path} exists and is not a regular file; choose another name")
    elif not target.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {target.parent} to write {target.name} into; create it first")
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(6)}.tmp")
    try:
        with open(temporary, "x+b") as file:  # made with the permissions that any new file gets
            yield file
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(temporary, mode)
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    with contextlib.suppress(OSError):  # not every system can open a folder
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _member(name: str) -> zipfile.ZipInfo:
    """A member with a fixed date, so that equal content gives equal files."""
    info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    info.external_attr = 0o644 << 16
    return info


def _digest(file: BinaryIO, end: int) -> bytes:
    """SHA-256 of the first `end` bytes, in hexadecimal."""
    digest = hashlib.sha256()
    file.seek(0)
    while end > 0 and (block := file.read(min(end, 1 << 20))):
        digest.update(block)
        end -= len(block)
    return digest.hexdigest().encode("ascii")


# -- reading -------------------------------------------------------------------------------------------------------


class Archive:
    """An open file whose seal and list of members are sound.

    Attributes
    ----------
    header : dict
        As it was written, with "format" and "format_version".
    left : dict of str to ZipInfo
        The arrays that have not been taken yet, by name.
    """

    def __init__(self, members: zipfile.ZipFile, n_bytes: int) -> None:
        self._members = members
        self.left = _checked_members(members, n_bytes)
        self.header = self._read_header()

    def take(self, name: Any) -> NDArray[Any]:
        """Read one array. Each can be taken once: a header that repeats a name cannot make a small file large."""
        if not isinstance(name, str) or name not in self.left:
            raise Unfit(f"its header refers to an array {str(name)[:80]!r} that is not there, or refers to it twice")
        info = self.left.pop(name)
        with _damage(f"array {name!r}"), self._members.open(info) as member:
            shape, fortran, dtype, start = _array_header(member, name)
            count = math.prod(shape)
            if count * dtype.itemsize != info.file_size - start:
                raise Unfit(
                    f"array {name!r} declares {count * dtype.itemsize:,} bytes (shape {shape}, {dtype}), "
                    f"but has {info.file_size - start:,}"
                )
            try:
                array = np.empty(shape, dtype=dtype, order="F" if fortran else "C")
            except ValueError as error:  # no bytes, but a side beyond what an index can count
                raise Unfit(f"array {name!r} declares an impossible shape {shape}") from error
            if array.size:
                _read_into((array.T if fortran else array).reshape(-1).view(np.uint8), member, name)
        return array

    def _read_header(self) -> dict[str, Any]:
        if _HEADER not in self.left:
            raise Unfit(f"it has no {_HEADER}; it is no file of pellucid's")
        with _damage(_HEADER):
            words = self._members.read(self.left.pop(_HEADER))
        try:
            header = json.loads(words, object_pairs_hook=_distinct, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise Unfit(f"its header is not valid JSON: {error}") from error
        if not isinstance(header, dict) or header.get("format") != FORMAT:
            raise Unfit("its header does not say that it is a file of pellucid's")
        version = header.get("format_version")
        if type(version) is not int or version < 1:
            raise Unfit(f"its format version is {str(version)[:40]!r}, not a number")
        if version > FORMAT_VERSION:
            raise Unfit(
                f"it has format version {version}, and this pellucid reads up to {FORMAT_VERSION}: "
                "pip install --upgrade pellucid"
            )
        return header


@contextlib.contextmanager
def open_archive(path: str | os.PathLike[str]) -> Iterator[Archive]:
    """Open a file that `write_archive` wrote; in the block, `Unfit` becomes a LoadError with the file's name.

    Raises
    ------
    LoadError
        When the file is missing, damaged, hostile or from a newer format version.
    """
    name = os.fspath(path)
    try:
        with open(path, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Unfit("it is not a regular file")
            n_bytes = _check_seal(file)
            with _damage("its list of members"):
                members = zipfile.ZipFile(file)
            yield Archive(members, n_bytes)
    except RecursionError as error:
        raise LoadError(_one_line(name, "its header is nested too deeply")) from error
    except Unfit as error:
        raise LoadError(_one_line(name, str(error))) from error.__cause__
    except OSError as error:
        raise LoadError(_one_line(name, error.strerror or str(error))) from error


@contextlib.contextmanager
def _damage(what: str) -> Iterator[None]:
    """Whatever zipfile raises at forged bytes is `Unfit`; it has no one class for that."""
    try:
        yield
    except Unfit:
        raise
    except Exception as error:
        raise Unfit(f"{what} is damaged: {error}") from error


def _read_into(target: NDArray[np.uint8], member: Any, name: str) -> None:
    """Fill an array from a member, block by block."""
    n = 0
    while n < len(target) and (block := member.read(1 << 20)):
        target[n : n + len(block)] = np.frombuffer(block, np.uint8)
        n += len(block)
    if n != len(target):
        raise Unfit(f"array {name!r} ends too early")


def _one_line(name: str, reason: str) -> str:
    return " ".join(f"{name}: cannot load: {reason}".split())


def _check_seal(file: BinaryIO) -> int:
    """Hold the checksum at the end against the bytes before it; return the size of the file."""
    n_bytes = file.seek(0, os.SEEK_END)
    file.seek(0)
    if file.read(4) != b"PK\x03\x04":
        raise Unfit("it is empty" if n_bytes == 0 else "it is not a zip archive, which a saved file is")
    ending = b""
    if n_bytes >= _ENDING:
        file.seek(-_ENDING, os.SEEK_END)
        ending = file.read(_ENDING)
    seal, digits = ending[22 : 22 + len(_SEAL)], ending[22 + len(_SEAL) :]
    if seal != _SEAL or not ending.startswith(b"PK\x05\x06"):
        raise Unfit("there is no checksum at its end: it was cut short, altered, or not written by pellucid")
    if _digest(file, n_bytes - _DIGITS) != digits:
        raise Unfit("its checksum does not match: it was altered after it was written")
    return n_bytes


def _checked_members(members: zipfile.ZipFile, n_bytes: int) -> dict[str, zipfile.ZipInfo]:
    """The members by name without ".npy": plain names, each once, not compressed, together no larger than the file."""
    found: dict[str, zipfile.ZipInfo] = {}
    total = 0
    for info in members.infolist():
        name = info.filename
        shown = ascii(name[:80])
        if not re.fullmatch(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*\.npy", name) and name != _HEADER:
            raise Unfit(f"it has a member with an unsafe name, {shown}")
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size or info.flag_bits & 0x1:
            raise Unfit(
                f"its member {shown} is compressed or encrypted ({info.compress_size:,} bytes that would become "
                f"{info.file_size:,}); saved files are neither"
            )
        total += info.file_size
        if total > n_bytes:
            raise Unfit(f"its members declare at least {total:,} bytes, but the whole file has {n_bytes:,}")
        key = name.removesuffix(".npy")
        if key in found:
            raise Unfit(f"it has two members named {shown}")
        found[key] = info
    return found


def _array_header(member: Any, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Shape, order and dtype of an array, and where its data begin."""
    try:
        version = np.lib.format.read_magic(member)
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(member)
        elif version == (2, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(member)
        else:
            raise ValueError(f"unknown version {version}")
    except Exception as error:  # whatever bytes can make of a parser
        raise Unfit(f"member {name!r} is not an array in npy format: {error}") from error
    if dtype.hasobject or dtype.kind not in ARRAY_KINDS or dtype.itemsize == 0 or dtype.subdtype is not None:
        raise Unfit(f"array {name!r} has the dtype {dtype}; only plain numbers, dates and text are loaded")
    if any(type(side) is not int or side < 0 for side in shape):
        raise Unfit(f"array {name!r} declares an impossible shape {shape}")
    return shape, fortran, dtype, member.tell()


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has the same key twice")
    return found


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")
