"""Trial functions for the tests of sweeps, and a driver that is run in a process of its own to be killed.

Workers import this module: it imports nothing heavy. Trials write lines to a side log, appended atomically,
so that a test sees what has really been run, whatever a store says.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def note(text: str) -> None:
    """Append one line to the side log."""
    handle = os.open(os.environ["SWEEP_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, (text + "\n").encode())
    os.close(handle)


def logged(rng, a, b, trial_index):
    """About 20 ms; says when it starts and ends, and in which run of the driver."""
    name = f"{os.environ.get('SWEEP_RUN', '0')} {a} {b} {trial_index}"
    note(f"start {name}")
    time.sleep(0.01 + 0.02 * rng.random())
    note(f"end {name}")
    return {"value": rng.random(), "b": b}


def quick(rng, a):
    """No delay; the draw identifies the random numbers."""
    return float(rng.random()) + a


def about_itself(rng, a):
    """Process, group, threads, and whether torch has been loaded."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    return {
        "pid": os.getpid(),
        "group": os.getpgrp(),
        "threads": " ".join(os.environ.get(name, "") for name in names),
        "has_torch": "torch" in sys.modules,
    }


def sleeper(rng, a):
    """Sleep for ``a`` seconds, beside a process it has started."""
    child = subprocess.Popen(["sleep", "1000"])
    note(f"pid {child.pid}")
    time.sleep(a)
    child.kill()
    child.wait()
    return 1.0


def dying(rng, a):
    """End the process without a word when a is 1."""
    note(f"start {a}")
    if a == 1:
        os._exit(7)
    return 1.0


def hanging_up(rng, a):
    """Close all files, also the connection to the driver, and go on."""
    os.closerange(3, 100)
    time.sleep(1000)


def dies_once(rng, a):
    """End the process at the first start only."""
    before = Path(os.environ["SWEEP_LOG"]).exists()
    note(f"start {a}")
    if not before:
        os.kill(os.getpid(), signal.SIGKILL)
    return 1.0


def raising(rng, a):
    """Fail in several ways."""
    if a == 0:
        raise RuntimeError("bad luck")
    if a == 1:
        raise SystemExit(3)
    if a == 2:
        return {"list": [1, 2]}
    return "text" if a == 3 else float("nan")


def counting(rng, a):
    """Hold the interpreter lock in one long call into C."""
    note(f"pid {os.getpid()}")
    return sum(range(10**11))


def large(rng, a):
    """A figure of 4 kB, to fill a disk."""
    return {"text": "x" * 4000}


def not_importable():
    """A trial that only this process can find."""

    def inner(rng, a):
        return 1.0

    return inner


#: Runs a sweep in a new interpreter: name of the trial, cells, and the other arguments, as JSON.
DRIVER = """
import json, sys
import sweep_cases
from srinr.sweeps import phase_transition

name, cells, options = json.loads(sys.argv[1])
try:
    diagram = phase_transition(getattr(sweep_cases, name), cells, progress=False, **options)
    print(json.dumps({"n_rows": len(diagram.rows), "is_interrupted": diagram.is_interrupted}))
except Exception as error:
    print(json.dumps({"error": type(error).__name__, "message": str(error)}))
"""


def start_driver(name, cells, limit_bytes=None, env=None, **options) -> subprocess.Popen:
    """Start a driver as the leader of its own process group."""
    code = DRIVER
    if limit_bytes is not None:
        code = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit_bytes},) * 2)\n" + code
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n" + code
    argument = json.dumps([name, cells, {key: str(v) if key == "store" else v for key, v in options.items()}])
    return subprocess.Popen(
        [sys.executable, "-c", code, argument],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | (env or {}),
    )


def finish(driver: subprocess.Popen, timeout: float = 120.0) -> dict:
    """Wait for a driver; what it printed."""
    out, err = driver.communicate(timeout=timeout)
    assert out.strip(), f"the driver ended by {driver.returncode} without a word: {err}"
    return json.loads(out.strip().splitlines()[-1])


def children(pid: int) -> list[int]:
    """Processes started by a process."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def is_running(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def wait_until(condition, seconds: float = 30.0) -> bool:
    """Poll a condition."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return bool(condition())


def log_lines(path: Path) -> list[list[str]]:
    """Words of the side log's lines."""
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []
