"""The arbitrary amplitude of data: taken out before training, so that strengths have a meaning, and put back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from srinr.baselines.zero_filled import root_sum_of_squares
from srinr.domain import Grid
from srinr.inr import INR
from srinr.networks.mlp import MLP
from srinr.networks.shallow import ShallowReLU
from srinr.networks.siren import Siren
from srinr.samples import FourierSamples


def zero_filled_amplitude(samples: FourierSamples, grid: Grid) -> float:
    """Largest magnitude of the zero-filled image on a grid (root of the sum of squares over coils).

    Raises
    ------
    ValueError
        When all samples are zero.

    Examples
    --------
    >>> zero_filled_amplitude(FourierSamples([[0]], [[3.0], [4.0]]), Grid(4, dim=1))
    5.0
    """
    coils = replace(samples, values=np.atleast_2d(samples.values))
    largest = float(np.abs(grid.rasterize(root_sum_of_squares(coils))).max())
    if largest == 0:
        raise ValueError("samples are all zero: there is no image to recover")
    return largest


def scaled_samples(samples: FourierSamples, factor: float) -> FourierSamples:
    """The samples, and their noise, times a positive factor."""
    return FourierSamples(samples.frequencies, samples.values * factor, samples.noise_std * factor)


def scale_output(inr: INR, factor: float) -> INR:
    """A copy of an INR whose values are ``factor`` times those of the given one.

    Raises
    ------
    TypeError
        For a network whose last layer is not known here.

    Examples
    --------
    >>> from srinr import FourierFeatures
    >>> encoding = FourierFeatures.lattice(1, dim=1)
    >>> inr = INR(encoding, ShallowReLU(encoding.n_features, width=4))
    >>> x = np.array([[0.3]])
    >>> bool(np.isclose(scale_output(inr, 3.0).image(x), 3.0 * inr.image(x)).all())
    True
    """
    scaled = inr.copy()
    network = scaled.network
    if isinstance(network, ShallowReLU):
        last = [network.outer]
    elif isinstance(network, MLP | Siren):
        last = [network.weights[-1], network.biases[-1]]
    else:
        raise TypeError(f"cannot scale the output of a {type(network).__name__}; scale its values instead")
    with torch.no_grad():
        for parameter in last:
            parameter.mul_(factor)
    return scaled
