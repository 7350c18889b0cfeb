"""Settings of the whole suite: one thread, no display, fixed seeds, a clear word when srinr is not installed."""

import os
from pathlib import Path

# Before NumPy and torch start their thread pools: spinning threads beside a busy neighbor cost a factor of 100.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ["MPLBACKEND"] = "Agg"

import numpy as np  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402
from hypothesis import settings  # noqa: E402

torch.set_num_threads(1)
settings.register_profile("srinr", deadline=None, max_examples=20, derandomize=True)
settings.load_profile("srinr")

ROOT = Path(__file__).resolve().parent.parent


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to start from a tree where the mapped packages cannot be found."""
    try:
        import srinr.phantoms
        import srinr.solvers  # noqa: F401
    except ImportError as error:
        raise pytest.UsageError(
            f"the packages of srinr cannot be imported ({error}). Folders solvers/ and phantoms/ are found only "
            'through an editable install: run pip install -e ".[test]" in ' + str(ROOT)
        ) from error


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Nothing in the library uses global random state; a test that does is at least repeatable."""
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with a fixed seed."""
    return np.random.default_rng(20240607)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Folder with real acquisitions, named by SRINR_DATA; they are not distributed with the library."""
    name = os.environ.get("SRINR_DATA")
    if name is None or not Path(name).is_dir():
        pytest.skip("set SRINR_DATA to a folder with real acquisitions to run this test")
    return Path(name)
