"""Networks of the structured-dictionary paper (Yüce, Ortiz-Jiménez, Besbinar and Frossard, CVPR 2022).

Scalar images on the field of view, hidden biases zero, coordinates in [0, 1): the settings of the tangent-kernel and
the meta-learning figures (4, 5, 10 to 16). Three things differ from the released code: our Fourier features carry a
factor sqrt2 (they are orthonormal); weights of ReLU networks are uniform with the variance of its truncated normal ones;
a constant 0.5 that it adds to the output of the SIREN alone is left out unless asked for (``output_shift``; it does not
change any kernel).
"""

from __future__ import annotations

import math

import torch

from srinr.encodings.fourier_features import FourierFeatures
from srinr.encodings.identity import Coordinates
from srinr.inr import INR
from srinr.networks.base import BiasInit
from srinr.networks.mlp import MLP
from srinr.networks.siren import Siren

_COORDINATES = Coordinates(dim=2, low=0.0, high=1.0)
_LECUN_GAIN = math.sqrt(3.0)
_MISLABELED_SIGMA = 10.0


def published_siren(
    omega_first: float = 30.0,
    *,
    width: int = 256,
    n_hidden: int = 4,
    seed: int = 0,
    bias_init: BiasInit = BiasInit.HAIKU_ZERO,
    output_shift: float = 0.0,
) -> INR:
    """SIREN with ``omega_hidden`` 30.

    Parameters
    ----------
    omega_first : float, default 30
        Radians per field of view that a first weight of 1 means.
    width, n_hidden : int, default 256, 4
        Neurons per hidden layer, and their number.
    seed : int, default 0
        Of the weights.
    bias_init : BiasInit, default BiasInit.HAIKU_ZERO
        Initial biases.
    output_shift : float, default 0
        Added to the bias of the output; the released code adds 0.5, the middle of the gray scale.

    Examples
    --------
    >>> published_siren(width=8).network.depth
    5
    """
    network = Siren(2, width, n_hidden + 1, omega_first=omega_first, seed=seed, bias_init=bias_init)
    with torch.no_grad():
        network.biases[-1] += output_shift
    return INR(_COORDINATES, network)


def published_mlp(
    *, width: int = 256, n_hidden: int = 4, seed: int = 0, bias_init: BiasInit = BiasInit.HAIKU_ZERO
) -> INR:
    """ReLU network on the plain coordinates.

    Parameters are those of :func:`published_siren`.

    Examples
    --------
    >>> published_mlp(width=8).network.depth
    5
    """
    return INR(_COORDINATES, _relu(2, width, n_hidden, seed, bias_init))


def published_ffn(
    sigma: float = 10.0,
    *,
    n_frequencies: int = 256,
    width: int = 256,
    n_hidden: int = 3,
    seed: int = 0,
    bias_init: BiasInit = BiasInit.HAIKU_ZERO,
    as_printed: bool = False,
) -> INR:
    """ReLU network on Gaussian Fourier features.

    Parameters
    ----------
    sigma : float, default 10
        Standard deviation of the frequencies, cycles per field of view.
    n_frequencies : int, default 256
        Frequencies; twice as many features.
    width, n_hidden, seed, bias_init
        As in :func:`published_siren`; the seed draws the frequencies as well.
    as_printed : bool, default False
        The network behind the panel that figure 5 calls sigma = 10: the released code built it with 1.

    Raises
    ------
    ValueError
        When ``as_printed`` is asked for another sigma: no such panel was printed.

    Examples
    --------
    >>> published_ffn(n_frequencies=4, width=8).network.depth
    4
    """
    if as_printed and sigma != _MISLABELED_SIGMA:
        raise ValueError(
            f"as_printed reproduces the panel called sigma = {_MISLABELED_SIGMA:g}, got sigma={sigma:g}; leave it out"
        )
    encoding = FourierFeatures.gaussian(n_frequencies, 1.0 if as_printed else sigma, seed=seed)
    return INR(encoding, _relu(encoding.n_features, width, n_hidden, seed, bias_init))


def _relu(n_features: int, width: int, n_hidden: int, seed: int, bias_init: BiasInit) -> MLP:
    return MLP(
        n_features,
        width,
        n_hidden + 1,
        seed=seed,
        init_gain=_LECUN_GAIN,
        bias_init=bias_init,
        first_bias=True,
    )
