"""Trials of a sweep: their names, their own random numbers, and the rows they become.

This module is imported in every worker process before the trial function is: it imports nothing heavy.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import inspect
import json
import os
import platform
import socket
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srinr._version import __version__
from srinr.sweep_cells import CANONICAL, Cell, Scalar, cell_key, plain_scalar

if TYPE_CHECKING:
    import numpy as np

Returned = Mapping[str, Scalar] | float | int | bool
Trial = Callable[..., Any]

_MAX_MESSAGE = 4000


class TrialStatus(Enum):
    """How a trial ended."""

    DONE = "done"
    FAILED = "failed"
    TIMED_OUT = "timed out"


@dataclass(frozen=True)
class Row:
    """One finished trial.

    Attributes
    ----------
    cell : mapping
        Names and values.
    trial : int
        Index of the trial within its cell.
    status : TrialStatus
        Failed and timed-out trials are rows too.
    returned : mapping, number or None
        What the trial returned; None unless it is done.
    message : str
        Why it failed.
    seconds : float
        Wall time of the trial function.
    attempts : int
        How often it was started; more than once when a worker died over it.
    worker : str
        Host and process.
    entropy : str
        Seed of its random numbers (hexadecimal).
    environment : mapping
        Versions, platform and number of threads.
    finished : str
        Time, ISO 8601, UTC.
    """

    cell: Cell
    trial: int
    status: TrialStatus
    returned: Returned | None = None
    message: str = ""
    seconds: float = 0.0
    attempts: int = 1
    worker: str = ""
    entropy: str = ""
    environment: Cell | None = None
    finished: str = ""

    @property
    def figures(self) -> Mapping[str, Scalar]:
        """The figures by name; a number returned alone is named ``value``."""
        if self.returned is None:
            return {}
        return self.returned if isinstance(self.returned, Mapping) else {"value": self.returned}


@dataclass(frozen=True)
class Task:
    """A trial to run; the cell is passed on as the caller gave it, ``name`` is its key."""

    cell: Cell
    trial: int
    name: str = ""

    def __post_init__(self) -> None:
        if not self.name:  # a sweep passes it: it is the same for all trials of a cell
            object.__setattr__(self, "name", cell_key(self.cell))

    @property
    def key(self) -> tuple[str, int]:
        """Identifies the trial in a store."""
        return self.name, self.trial


def trial_entropy(seed: int, cell: Cell, trial: int) -> int:
    """Entropy of a trial's random numbers: a hash of seed, cell and index, so no other trial matters.

    Examples
    --------
    >>> trial_entropy(0, {"a": 1, "b": 2}, 3) == trial_entropy(0, {"b": 2, "a": 1}, 3)
    True
    """
    text = json.dumps([int(seed), cell_key(cell), int(trial)], **CANONICAL)
    return int.from_bytes(hashlib.sha256(text.encode("ascii")).digest(), "big")


def trial_rng(seed: int, cell: Cell, trial: int) -> np.random.Generator:
    """The random generator a trial of a sweep receives, e.g. to look at one trial again."""
    import numpy as np

    return np.random.default_rng(np.random.SeedSequence(trial_entropy(seed, cell, trial)))


def trial_name(trial: Trial) -> str:
    """The name under which a store knows a trial function: module and name, and bound settings.

    Raises
    ------
    ValueError
        A function without a name of its own, whose store could not be told from another's.
    """
    if isinstance(trial, functools.partial):
        if trial.args:
            raise ValueError(
                "trial: bind settings by name (functools.partial(f, name=value)), not by position"
            )
        settings = json.dumps(
            {name: plain_scalar(v, f"setting {name!r}") for name, v in trial.keywords.items()}, **CANONICAL
        )
        return f"{trial_name(trial.func)} {settings}"
    named: Any = trial if hasattr(trial, "__qualname__") else type(trial)
    module = named.__module__
    if module == "__main__":
        main = sys.modules["__main__"]
        spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
        module = spec.name if spec is not None else Path(file).stem if file else "__main__"
    if "<lambda>" in named.__qualname__:
        raise ValueError("trial is a lambda, which a store cannot recognize; define it by def in a module")
    name = f"{module}.{named.__qualname__}"
    if named is trial:
        return name
    if " at 0x" in repr(trial):
        raise ValueError(f"trial: give {name} a repr that shows its settings, e.g. as a frozen dataclass")
    return f"{name} {trial!r}"


def wants_index(trial: Trial) -> bool:
    """Whether the trial function has an argument ``trial_index``."""
    try:
        return "trial_index" in inspect.signature(trial).parameters
    except (TypeError, ValueError):
        return False


def check_trial(trial: Trial, cell: Cell) -> None:
    """Raise unless the trial can be called with the names of a cell."""
    if not callable(trial):
        raise TypeError(f"trial must be a function trial(rng, **cell), got {type(trial).__name__}")
    try:
        signature = inspect.signature(trial)
    except (TypeError, ValueError):
        return  # some functions of extension modules have none
    extra = {"trial_index": 0} if wants_index(trial) else {}
    try:
        signature.bind(None, **cell, **extra)
    except TypeError as error:
        raise ValueError(
            f"trial cannot be called as trial(rng, {', '.join(cell)}): {error}; its arguments must be rng and "
            "the names of the cells"
        ) from error


def run_trial(trial: Trial, seed: int, task: Task, threads: int) -> Row:
    """Run one trial; what it raises becomes a failed row."""
    rng = trial_rng(seed, task.cell, task.trial)
    extra = {"trial_index": task.trial} if wants_index(trial) else {}
    returned: Returned | None = None
    status, message, start = TrialStatus.DONE, "", time.perf_counter()
    try:
        returned = _plain_figures(trial(rng, **task.cell, **extra))
    except (Exception, SystemExit):
        status, message = TrialStatus.FAILED, traceback.format_exc()[-_MAX_MESSAGE:]
    return make_row(
        seed, task, status, returned=returned, message=message, seconds=time.perf_counter() - start,
        worker=f"{socket.gethostname()}:{os.getpid()}", environment=environment(threads),
    )  # fmt: skip


def make_row(seed: int, task: Task, status: TrialStatus, **entries: Any) -> Row:
    """A row that finishes now."""
    entropy = f"{trial_entropy(seed, task.cell, task.trial):064x}"
    finished = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return Row(task.cell, task.trial, status, entropy=entropy, finished=finished, **entries)


def _plain_figures(returned: Any) -> Returned:
    if isinstance(returned, Mapping):
        return {str(name): plain_scalar(v, f"figure {name!r} of a trial") for name, v in returned.items()}
    value = plain_scalar(returned, "what a trial returns (if not a mapping of names to figures)")
    if value is None or isinstance(value, str):
        raise TypeError(f"a trial must return a number or a mapping of names to figures, got {value!r}")
    return value


@functools.cache
def environment(threads: int) -> Cell:
    """Versions and platform of this process."""
    found: dict[str, Scalar] = {"srinr": __version__, "python": platform.python_version()}
    for name in ("numpy", "scipy", "torch", "numba"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found | {"platform": platform.platform(), "threads": threads}
