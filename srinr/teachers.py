"""Random networks to be recovered, as the experiments draw them."""

from __future__ import annotations

import numpy as np

from srinr.measures import DiscreteMeasure
from srinr.neuron_dictionary import NeuronDictionary


def random_teacher(
    rng: np.random.Generator, n_neurons: int, n_features: int, *, amplitudes: tuple[float, float] = (1.0, 5.0)
) -> DiscreteMeasure:
    """Directions uniform in a cube and scaled to unit length, amplitudes uniform in an interval ([S] IV-A).

    Parameters
    ----------
    rng : numpy.random.Generator
        Of the draw.
    n_neurons : int
        Number of neurons s.
    n_features : int
        Dimension D of the directions.
    amplitudes : pair of float, default (1, 5)
        Ends of the interval.

    Examples
    --------
    >>> teacher = random_teacher(np.random.default_rng(0), 2, 25)
    >>> teacher.atoms.shape, bool((teacher.amplitudes >= 1).all())
    ((2, 25), True)
    """
    if n_neurons < 1 or n_features < 1:
        raise ValueError(f"need n_neurons >= 1 and n_features >= 1, got {n_neurons} and {n_features}")
    w = rng.uniform(-1.0, 1.0, (n_neurons, n_features))
    return DiscreteMeasure(w / np.linalg.norm(w, axis=1, keepdims=True), rng.uniform(*amplitudes, n_neurons))


def scaled_to_unit_range(teacher: DiscreteMeasure, dictionary: NeuronDictionary) -> DiscreteMeasure:
    """Amplitudes divided by the range of the image on the grid, so that mean squared errors are comparable.

    The published code subtracts the minimum as well, which adds a constant where the minimum is positive: then the image
    is no longer one of ``s`` neurons.

    Raises
    ------
    ValueError
        For an image that is constant on the grid.
    """
    image = dictionary.image(teacher)
    span = float(image.max() - image.min())
    if not span > 0:
        raise ValueError("the teacher's image is constant on the grid; draw another one")
    return DiscreteMeasure(teacher.atoms, teacher.amplitudes / span)
