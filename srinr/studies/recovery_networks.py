"""Networks of figures 2, 6, 7 and 8: the same layers behind different mappings of the coordinates.

Source: section 4.1 and appendix B of Yüce, Ortiz-Jiménez, Besbinar and Frossard, "A Structured Dictionary Perspective
on Implicit Neural Representations", CVPR 2022. One output instead of three; weights of ReLU layers are uniform with the
variance of the truncated normal ones of the released code, and biases zero; biases of sine layers are uniform in
``+-1 / sqrt(fan_in)``.

Frequencies of mappings are given as in the paper, in cycles per unit of length on [-1, 1): twice as many are cycles
per field of view.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from srinr.encodings.fourier_features import FourierFeatures
from srinr.encodings.identity import Coordinates
from srinr.inr import INR
from srinr.networks.base import BiasInit
from srinr.networks.mapped import SinusoidalMapping
from srinr.networks.mlp import MLP
from srinr.networks.siren import Siren
from srinr.studies.published_networks import published_ffn

_UNITS = 2.0  # length of [-1, 1)
_LECUN_GAIN = math.sqrt(3.0)
_OMEGA_HIDDEN = 30.0


def figure_2_networks(*, width: int = 256, n_frequencies: int = 256, seed: int = 0) -> dict[str, INR]:
    """The three mappings of figure 2, by title.

    Examples
    --------
    >>> list(figure_2_networks(width=4, n_frequencies=4))
    ['(a) FFN, sigma = 10', '(b) pair of f0 = 1', '(c) pair of f0 = 0.5']
    """
    return {
        "(a) FFN, sigma = 10": gaussian_features(10.0, n_frequencies=n_frequencies, width=width, seed=seed),
        "(b) pair of f0 = 1": single_frequency(1.0, width=width, seed=seed),
        "(c) pair of f0 = 0.5": single_frequency(0.5, width=width, seed=seed),
    }


def mapping_networks(
    *, width: int = 256, n_frequencies: int = 256, seed: int = 0, literal: bool = False
) -> dict[str, INR]:
    """The nine mappings of figures 6, 7 and 8, by title; an asterisk marks a trained mapping.

    Parameters
    ----------
    width, n_frequencies, seed : int
        Neurons per hidden layer; frequencies of FFN*; seed of all weights.
    literal : bool, default False
        As in :func:`single_frequency_siren`.

    Examples
    --------
    >>> list(mapping_networks(width=4, n_frequencies=4))[:2]
    ['SIREN, f0 = 1', 'SIREN, f0 = 0.5']
    """
    networks: dict[str, INR] = {}
    for train, star in ((False, ""), (True, "*")):
        for f0 in (1.0, 0.5):
            networks[f"SIREN{star}, f0 = {f0:g}"] = single_frequency_siren(
                f0, train_mapping=train, literal=literal, width=width, seed=seed
            )
        networks[f"SIREN{star}, omega = 30"] = rich_siren(30.0, train_mapping=train, width=width, seed=seed)
    for f0 in (1.0, 0.5):
        networks[f"SFM*, f0 = {f0:g}"] = learnable_single_frequency(f0, width=width, seed=seed)
    networks["FFN*, sigma = 1"] = learnable_gaussian_features(
        1.0, n_frequencies=n_frequencies, width=width, seed=seed
    )
    return networks


def single_frequency(f0: float = 1.0, *, width: int = 256, depth: int = 4, seed: int = 0) -> INR:
    """ReLU network on the sine and cosine of one frequency along each axis (figure 2 b, c).

    Parameters
    ----------
    f0 : float, default 1
        Cycles per unit of [-1, 1): 1 repeats within the field of view, 0.5 does not.
    width, depth : int, default 256, 4
        Neurons per hidden layer; linear layers.
    seed : int, default 0
        Of the weights.

    Examples
    --------
    >>> single_frequency(0.5, width=4).encoding.frequencies.tolist()  # cycles per field of view
    [[1.0, 0.0], [0.0, 1.0]]
    """
    encoding = FourierFeatures(_UNITS * f0 * np.eye(2), constant=False)
    return INR(encoding, _relu(encoding.n_features, width, depth, seed))


def gaussian_features(
    sigma: float = 10.0, *, n_frequencies: int = 256, width: int = 256, depth: int = 4, seed: int = 0
) -> INR:
    """ReLU network on Gaussian Fourier features (figure 2 a).

    Parameters
    ----------
    sigma : float, default 10
        Standard deviation of the frequencies, cycles per unit of [-1, 1); 20 per field of view.
    n_frequencies : int, default 256
        Frequencies; twice as many features.
    width, depth, seed
        As in :func:`single_frequency`; the seed draws the frequencies as well.

    Examples
    --------
    >>> gaussian_features(n_frequencies=8, width=4).network.depth
    4
    """
    return published_ffn(
        _UNITS * sigma, n_frequencies=n_frequencies, width=width, n_hidden=depth - 1, seed=seed
    )


def single_frequency_siren(
    f0: float = 1.0,
    *,
    train_mapping: bool = False,
    literal: bool = False,
    phase: float = 0.0,
    width: int = 256,
    depth: int = 4,
    seed: int = 0,
) -> INR:
    """SIREN whose first layer is one sine along each axis (figures 6 and 7, a and b).

    ``sin(Omega r + phase)`` with ``Omega = 2 pi f0 I``: there is no cosine beside the sine, so that a fixed mapping
    mirrors its input as well as repeating it, about an axis that the phase moves.

    Parameters
    ----------
    f0 : float, default 1
        Cycles per unit of [-1, 1) at the start.
    train_mapping : bool, default False
        Learn Omega and the phases (figure 7) instead of keeping them (figure 6).
    literal : bool, default False
        ``Omega = f0 I`` in radians per unit, the literal reading of the text (omega_0 = 1, W_0 = f0 I), which leaves
        out the 2 pi that its frequencies need: sin(r) is one-to-one on [-1, 1), so that nothing is copied.
    phase : float, default 0
        First bias, radians, of both sines.
    width, depth, seed
        As in :func:`single_frequency`; ``depth`` linear layers follow the mapping.

    Examples
    --------
    >>> round(float(single_frequency_siren(0.5, width=4).network.first_weight[0, 0]), 4)
    3.1416
    """
    omega = (1.0 if literal else 2.0 * math.pi) * f0 * np.eye(2)
    network = Siren(2, width, depth, omega_first=_OMEGA_HIDDEN, omega_hidden=_OMEGA_HIDDEN, seed=seed)
    with torch.no_grad():  # not a first layer any more: the range of the hidden ones
        network.weights[0].mul_(2 * math.sqrt(6.0 / 2.0) / _OMEGA_HIDDEN)
    return INR(Coordinates(), SinusoidalMapping(omega, [phase, phase], network, train_mapping=train_mapping))


def rich_siren(
    omega_first: float = 30.0,
    *,
    train_mapping: bool = False,
    width: int = 256,
    depth: int = 4,
    seed: int = 0,
) -> INR:
    """SIREN with the usual random first layer ``W_0`` of shape (width, 2) (figures 6 and 7, c).

    Parameters
    ----------
    omega_first : float, default 30
        Radians per unit that a first weight of 1 means.
    train_mapping : bool, default False
        False freezes the first layer (``requires_grad`` False, which files do not keep).
    width, depth, seed
        As in :func:`single_frequency`; ``depth`` linear layers follow the first.

    Examples
    --------
    >>> rich_siren(width=4).network.first_weight.requires_grad
    False
    """
    network = Siren(2, width, depth + 1, omega_first=omega_first, omega_hidden=_OMEGA_HIDDEN, seed=seed)
    network.first_weight.requires_grad_(train_mapping)
    network.first_bias.requires_grad_(train_mapping)
    return INR(Coordinates(), network)


def learnable_single_frequency(f0: float = 1.0, *, width: int = 256, depth: int = 4, seed: int = 0) -> INR:
    """SFM*: the features of :func:`single_frequency` at the start, with a trained mapping (figure 8 a, b).

    All entries of Omega and the phases are trained (the text has one variable f).

    Examples
    --------
    >>> learnable_single_frequency(width=4).network.first_weight.shape
    torch.Size([4, 2])
    """
    return _learnable(f0 * np.eye(2), width, depth, seed)


def learnable_gaussian_features(
    sigma: float = 1.0, *, n_frequencies: int = 256, width: int = 256, depth: int = 4, seed: int = 0
) -> INR:
    """FFN*: Gaussian Fourier features with a trained mapping (figure 8 c); ``sigma`` in cycles per unit.

    Examples
    --------
    >>> learnable_gaussian_features(n_frequencies=8, width=4).network.first_weight.shape
    torch.Size([16, 2])
    """
    frequencies = sigma * np.random.default_rng(seed).standard_normal((n_frequencies, 2))
    return _learnable(frequencies, width, depth, seed)


def _learnable(frequencies: NDArray[np.float64], width: int, depth: int, seed: int) -> INR:
    omega = 2.0 * math.pi * np.concatenate([frequencies, frequencies])
    phase = np.repeat([0.0, math.pi / 2.0], len(frequencies))
    return INR(Coordinates(), SinusoidalMapping(omega, phase, _relu(len(omega), width, depth, seed)))


def _relu(n_features: int, width: int, depth: int, seed: int) -> MLP:
    return MLP(
        n_features,
        width,
        depth,
        seed=seed,
        init_gain=_LECUN_GAIN,
        bias_init=BiasInit.HAIKU_ZERO,
        first_bias=True,
    )
