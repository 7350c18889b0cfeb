"""One worker process: it runs trials one at a time for the process that started it, and dies with it.

A worker is a fresh interpreter (nothing is forked), so that the number of threads can be set before NumPy or
torch start theirs. It leads a session of its own: Ctrl-C at the terminal reaches the driver only, and killing
a worker also kills what its trial has started.
"""

from __future__ import annotations

import contextlib
import multiprocessing.spawn
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from typing import Any

from srinr.status import SrinrError
from srinr.sweep_trials import Row, Task, Trial, run_trial

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
_MAIN = ("init_main_from_name", "init_main_from_path", "sys_argv", "orig_dir", "dir")


class WorkerStartError(SrinrError):
    """Worker processes cannot run the trial: it cannot be imported there, or they die while starting."""


@dataclass(frozen=True)
class Setup:
    """What a worker is told once: the trial function (pickled), the seed, and its number of threads."""

    trial: bytes
    seed: int
    threads: int
    main: dict[str, Any]
    idle_seconds: float | None = None


@dataclass(frozen=True)
class Ready:
    """A worker's first message: ``problem`` is empty, or says why it cannot load the trial."""

    problem: str = ""


def local_setup(trial: Trial, seed: int, threads: int) -> Setup:
    """Set up workers of this machine; a function of the main script is imported from it again.

    Raises
    ------
    ValueError
        A function that cannot be found by its name.
    WorkerStartError
        On Windows, which has neither sessions nor signals to end a worker with what it started.
    """
    if os.name == "nt":
        raise WorkerStartError(
            "worker processes need Linux or macOS: pass n_workers=0 to run in this process"
        )
    try:
        data = pickle.dumps(trial)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(
            f"trial cannot be sent to worker processes ({error}); define it by def at the top level of a module, "
            "or pass n_workers=0 to run in this process"
        ) from error
    main: dict[str, Any] = {}
    if b"__main__" in data:
        preparation = multiprocessing.spawn.get_preparation_data("trial worker")
        main = {name: preparation[name] for name in _MAIN if name in preparation}
    return Setup(data, seed, threads, main)


class WorkerProcess:
    """A running worker, as its driver sees it.

    Attributes
    ----------
    connection : Connection
        Readable when there is a message.
    is_ready : bool
        Whether it has loaded the trial function.
    task : Task or None
        What it is running.
    started : float
        When it was given the task (``time.monotonic``).
    """

    def __init__(self, setup: Setup) -> None:
        self.connection, theirs = Pipe()
        life, self._life = os.pipe()
        self.is_ready, self.task, self.started = False, None, 0.0
        self._is_cut = False
        code = (
            f"import sys; sys.path[:] = {sys.path!r}; from srinr.sweep_process import serve; "
            f"serve({theirs.fileno()}, {life})"
        )
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", code],
                env=os.environ
                | dict.fromkeys(_THREAD_VARIABLES, str(setup.threads))
                | {"OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE")},
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), life),
                start_new_session=True,
            )
        except BaseException:
            self.connection.close()
            os.close(self._life)
            raise
        finally:
            theirs.close()
            os.close(life)
        with contextlib.suppress(OSError):  # it died at once: `has_died` will say so
            self.connection.send(setup)

    task: Task | None

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def has_died(self) -> bool:
        """Whether the process has ended or hung up; it is not reaped: its id stays its own until `kill`."""
        if self._is_cut:
            return True
        if not hasattr(os, "waitid"):  # macOS before Python 3.13
            return self._process.poll() is not None
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True

    def give(self, task: Task) -> None:
        """Start a trial."""
        self.task, self.started = task, time.monotonic()
        with contextlib.suppress(OSError):
            self.connection.send(task)

    def receive(self) -> Ready | Row | None:
        """Return the next message, or None when there is none (yet)."""
        try:
            return self.connection.recv() if self.connection.poll() else None
        except (EOFError, OSError, pickle.UnpicklingError):
            self._is_cut = True  # it died, perhaps in the middle of a message, or its trial closed all files
            return None

    def kill(self) -> str:
        """End the process and all it started; returns how it ended."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        return self._end()

    def dismiss(self, patience: float = 2.0) -> None:
        """Let an idle worker finish by itself, which saves its caches; end it when that takes too long."""
        self.connection.close()
        deadline = time.monotonic() + patience
        while not self.has_died and time.monotonic() < deadline:
            time.sleep(0.005)
        self.kill()

    def _end(self) -> str:
        code = self._process.wait()
        self.connection.close()
        if self._life >= 0:
            os.close(self._life)
            self._life = -1
        if code >= 0:
            return f"exit code {code}"
        return f"signal {-code}, {signal.Signals(-code).name}"


def serve(task_fd: int, life_fd: int) -> None:
    """Run trials until the driver hangs up; the main function of a worker process."""
    for fd in (task_fd, life_fd):
        os.set_inheritable(fd, False)
    _die_with_driver(life_fd)
    connection: Connection = Connection(task_fd)
    with contextlib.suppress(EOFError, ConnectionError):
        setup: Setup = connection.recv()
        try:
            trial = _load(setup)
        except Exception:
            connection.send(Ready(traceback.format_exc()))
            return
        connection.send(Ready())
        while connection.poll(setup.idle_seconds):
            connection.send(run_trial(trial, setup.seed, connection.recv(), setup.threads))


def _load(setup: Setup) -> Trial:
    import numpy  # noqa: F401  (every trial needs it: the first one's time limit does not pay for it)

    if setup.main:
        multiprocessing.spawn.prepare(setup.main)
    trial: Trial = pickle.loads(setup.trial)
    return trial


def _die_with_driver(life_fd: int) -> None:
    """End this session when the other end of a pipe closes, which it does however the driver ends."""
    group = os.getpgrp()
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        # The kernel ends the group by SIGIO, also while a compiled loop holds the interpreter lock.
        signal.signal(signal.SIGIO, signal.SIG_DFL)
        fcntl.fcntl(life_fd, fcntl.F_SETOWN, -group)
        fcntl.fcntl(life_fd, fcntl.F_SETFL, fcntl.fcntl(life_fd, fcntl.F_GETFL) | os.O_ASYNC)

    def watch() -> None:  # where the kernel does not, and when the driver had died before the lines above
        os.read(life_fd, 1)
        os.killpg(group, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="driver watch").start()
