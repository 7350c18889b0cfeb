"""How a computation ended, as an enumeration whose members carry message and remedy, and the library's errors."""

from __future__ import annotations

from enum import Enum


class Status(Enum):
    """How an iterative computation ended; ``status.message`` says what it means and what to do."""

    CONVERGED = "the requested tolerance was reached"
    CONVERGED_INACCURATE = "only a looser tolerance than requested was reached; treat the digits with care"
    MAX_STEPS = (
        "the step limit was reached; raise max_steps, or accept the result if its residual is low enough"
    )
    TIME_LIMIT = "the time limit was reached; raise it, or resume from the checkpoint"
    STALLED = "no further progress was possible; try another start, a finer grid or another optimizer"
    INFEASIBLE = "the constraints cannot be met; check the data, or use the penalized form"
    NONFINITE = "a NaN or an infinity appeared; lower the learning rate, or use float64; the best finite state is kept"
    USER_STOP = "stopped by the user or the callback; what was reached is kept and can be resumed"
    BACKEND_FAILED = "an external solver failed; its own message is attached"

    @property
    def message(self) -> str:
        """What the status means, and the remedy."""
        return self.value

    @property
    def is_success(self) -> bool:
        """Whether the requested accuracy, or a looser one, was reached."""
        return self in (Status.CONVERGED, Status.CONVERGED_INACCURATE)


class SrinrError(Exception):
    """Base class of the errors that are not plain wrong arguments (those are ``ValueError``)."""


class FileFormatError(SrinrError, ValueError):
    """A file is missing, truncated, or not what it claims to be."""


class WriteError(SrinrError):
    """An output file cannot be written: full disk, missing folder, no permission; nothing is left half written."""


class OutOfMemoryError(SrinrError, MemoryError):
    """An allocation failed; the message says which setting lowers the memory needed."""


class MissingExtraError(SrinrError, ImportError):
    """An optional package is needed; the message names the extra to install."""
