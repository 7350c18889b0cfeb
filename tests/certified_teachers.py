"""Random teachers of the verdict table, and its checks in plain NumPy, loaded from the example that makes the table."""

import importlib.util
from pathlib import Path
from types import ModuleType

from srinr.measures import DiscreteMeasure
from srinr.neuron_dictionary import NeuronDictionary

_PATH = Path(__file__).resolve().parent.parent / "examples" / "certify_teachers.py"


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("certify_teachers", _PATH)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


plain = _load()


def certified_teacher(width: int, seed: int) -> DiscreteMeasure:
    """Directions uniform in a cube, scaled to unit length; amplitudes uniform in [1, 5]; 25 features."""
    teacher: DiscreteMeasure = plain.draw_teacher(width, seed)
    return teacher


def lattice_2d(cutoff: int) -> NeuronDictionary:
    """Features up to frequency 2 in two dimensions, on 64 x 64 points."""
    return NeuronDictionary.lattice(2, cutoff, n_grid=64)
