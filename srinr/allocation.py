"""Memory: reuse of what was freed during CPU training, and errors that say what to lower.

A training step allocates and frees the same large arrays again and again. The C library hands each of them
back to the operating system at once, and asks for fresh zeroed pages at the next step: with hidden images of
tens of megabytes, these page faults make a step up to 3 times longer (more beside busy neighbors).
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Iterator

import torch

from srinr.status import OutOfMemoryError

# Parameters of glibc's mallopt(3). What is restored is where glibc's own adaptive rule ends up in a process
# that frees large arrays; its rule itself cannot be switched on again.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_DEFAULT_TRIM, _DEFAULT_MMAP = 64 * 2**20, 32 * 2**20
_KEEP = 2**31 - 1
_depth, _active = 0, False


@contextlib.contextmanager
def reuse_freed_memory() -> Iterator[bool]:
    """Keep freed memory in the process within the block, and give it back to the system afterwards.

    Yields whether it took effect: elsewhere than on Linux with glibc the block changes nothing.

    Examples
    --------
    >>> with reuse_freed_memory() as active:
    ...     isinstance(active, bool)
    True
    """
    global _depth, _active
    library = _glibc()
    if library is None:
        yield False
        return
    if _depth == 0:
        # Both are set whatever the other gives: mallopt returns 0 for a value that a version does not take.
        taken = [library.mallopt(name, _KEEP) for name in (_MMAP_THRESHOLD, _TRIM_THRESHOLD)]
        _active = all(taken)
    _depth += 1
    try:
        yield _active
    finally:
        _depth -= 1
        if _depth == 0:
            library.mallopt(_MMAP_THRESHOLD, _DEFAULT_MMAP)
            library.mallopt(_TRIM_THRESHOLD, _DEFAULT_TRIM)
            library.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018 - raises on other C libraries
    except (OSError, AttributeError):
        return None
    library.malloc_trim.argtypes = [ctypes.c_size_t]
    return library


class memory_hint:
    """Turn an allocation failure into an error that says what to lower."""

    def __init__(self, remedy: str) -> None:
        self.remedy = remedy

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None and is_out_of_memory(error):
            raise OutOfMemoryError(f"out of memory ({error}); pass a {self.remedy}") from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception is an allocation failure of NumPy or torch, on CPU or GPU."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError)
        and ("can't allocate memory" in str(error) or "not enough memory" in str(error))
    )
