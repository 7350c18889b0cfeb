"""Networks that are finite sums of sinusoids, expanded exactly: polynomial activations, multiplicative filters.

Source of the support: Theorem 1 of Yüce et al., "A Structured Dictionary Perspective on Implicit Neural
Representations", CVPR 2022; the coefficients come from multiplying the sums out, layer by layer.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from srinr.analysis.harmonic_support import FREQUENCY_TOLERANCE, MAX_TERMS
from srinr.analysis.inr_parts import inr_parts, parameter_array
from srinr.analysis.sinusoid_bank import SinusoidBank
from srinr.analysis.sinusoids import Sinusoids, bank_images
from srinr.encodings.fourier_features import FourierFeatures
from srinr.encodings.identity import Coordinates
from srinr.inr import INR
from srinr.networks.multiplicative_filters import FourierFilterNetwork
from srinr.networks.polynomial import PolynomialMLP


def sine_mapping(frequencies: ArrayLike, phases: ArrayLike) -> SinusoidBank:
    """The mapping ``gamma_t(x) = sin(2 pi k_t.x + phase_t)`` of eq. 1.

    Parameters
    ----------
    frequencies : array, shape (T, d)
        k in cycles per field of view.
    phases : array, shape (T,)
        In rad; pi/2 makes a cosine.

    Returns
    -------
    SinusoidBank
        T images.

    Examples
    --------
    >>> sine_mapping([[1.0], [1.0]], [0.0, np.pi / 2]).values([[0.25]]).round(12).ravel().tolist()
    [1.0, 0.0]
    """
    phi = np.asarray(phases, dtype=np.float64)
    if phi.ndim != 1:
        raise ValueError(f"phases must have shape (T,), got {phi.shape}")
    return SinusoidBank(frequencies, np.diag(-1j * np.exp(1j * phi)), np.zeros(len(phi)))


def feature_mapping(encoding: FourierFeatures) -> SinusoidBank:
    """The features ``sqrt2 sin, sqrt2 cos, 1`` of an encoding as a bank of ``encoding.n_features`` images.

    Examples
    --------
    >>> len(feature_mapping(FourierFeatures.lattice(2, dim=2)))
    25
    """
    if not isinstance(encoding, FourierFeatures):
        raise TypeError(f"encoding: expected FourierFeatures, got {type(encoding).__name__}")
    n = len(encoding.frequencies)
    wave = math.sqrt(2.0) * np.eye(n)
    c = np.concatenate([-1j * wave, wave, np.zeros((int(encoding.constant), n))])
    return SinusoidBank(encoding.frequencies, c, np.r_[np.zeros(2 * n), np.ones(int(encoding.constant))])


def expand_polynomial_network(
    mapping: SinusoidBank,
    network: PolynomialMLP,
    *,
    tolerance: float = FREQUENCY_TOLERANCE,
    max_terms: int = MAX_TERMS,
) -> tuple[Sinusoids, ...]:
    """Multiply a network with polynomial activation on any sinusoidal mapping out into sinusoids.

    Parameters
    ----------
    mapping : SinusoidBank
        What the network reads, ``network.first_weight.shape[1]`` images: :func:`sine_mapping`,
        :func:`feature_mapping`.
    network : PolynomialMLP
        Read in float64.
    tolerance : float
        Frequencies closer than this (cycles per field of view) are one.
    max_terms : int
        Terms that one product may make before equal frequencies are merged.

    Returns
    -------
    tuple of Sinusoids
        One per output. Exact but for rounding; the frequencies lie in H(Omega).

    Raises
    ------
    ValueError
        When sizes do not match, or a product needs more than ``max_terms`` terms.

    Examples
    --------
    >>> network = PolynomialMLP(2, width=3, depth=4, coefficients=(0.0, 0.0, 1.0))
    >>> (f,) = expand_polynomial_network(sine_mapping([[1.0], [1.0]], [0.0, np.pi / 2]), network)
    >>> float(f.frequencies.max())  # 2^(4 - 1)
    8.0
    """
    if not isinstance(network, PolynomialMLP):
        raise TypeError(f"network: expected a PolynomialMLP, got {type(network).__name__}")
    layers = [parameter_array(weight) for weight in network.weights]
    if len(mapping) != layers[0].shape[1]:
        raise ValueError(f"the network takes {layers[0].shape[1]} features, the mapping gives {len(mapping)}")
    bank = mapping.linear(layers[0])
    for weight, bias in zip(layers[1:], network.biases, strict=True):
        active = bank.polynomial(network.coefficients, tolerance=tolerance, max_terms=max_terms)
        bank = active.linear(weight, parameter_array(bias))
    return bank_images(bank)


def expand_polynomial_inr(
    inr: INR, *, tolerance: float = FREQUENCY_TOLERANCE, max_terms: int = MAX_TERMS
) -> tuple[Sinusoids, ...]:
    """:func:`expand_polynomial_network` for ``INR(FourierFeatures, PolynomialMLP)``.

    Returns
    -------
    tuple of Sinusoids
        The image, or real and imaginary part of a complex one.

    Raises
    ------
    TypeError
        For another encoding or network.
    ValueError
        When a product needs more than ``max_terms`` terms.

    Examples
    --------
    >>> encoding = FourierFeatures.lattice(1, dim=2)
    >>> inr = INR(encoding, PolynomialMLP(9, width=3, depth=3, coefficients=(0.1, 1.0, 0.5)))
    >>> (f,) = expand_polynomial_inr(inr)
    >>> x = np.array([[0.3, 0.8], [0.1, 0.6]])
    >>> bool(np.allclose(f.image(x), inr.image(x), rtol=0, atol=1e-12)), float(f.frequencies.max())
    (True, 4.0)
    """
    encoding, network = inr_parts(inr, FourierFeatures, PolynomialMLP)
    return expand_polynomial_network(
        feature_mapping(encoding), network, tolerance=tolerance, max_terms=max_terms
    )


def affine_phases(
    weight: NDArray[np.float64], bias: NDArray[np.float64], coordinates: Coordinates
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequencies and phases of ``weight @ c(x) + bias`` for coordinates ``c(x) = low + (high - low) x``.

    Parameters
    ----------
    weight : array, shape (T, d)
        Radians per unit of the coordinates.
    bias : array, shape (T,)
        Radians.
    coordinates : Coordinates
        [-1, 1) by default: 1 cycle per unit is 2 cycles per field of view.

    Returns
    -------
    frequencies : array, shape (T, d)
        Cycles per field of view.
    phases : array, shape (T,)
        Radians, at x = 0.

    Examples
    --------
    >>> k, phase = affine_phases(np.array([[2 * np.pi]]), np.array([0.0]), Coordinates(dim=1))
    >>> k.tolist(), bool(np.isclose(phase[0], -2 * np.pi))
    ([[2.0]], True)
    """
    span = coordinates.high - coordinates.low
    return weight * span / (2.0 * math.pi), bias + coordinates.low * weight.sum(axis=1)


def expand_filter_network(
    inr: INR, *, tolerance: float = FREQUENCY_TOLERANCE, max_terms: int = MAX_TERMS
) -> tuple[Sinusoids, ...]:
    """Multiply ``INR(Coordinates, FourierFilterNetwork)`` out into sinusoids.

    With L filters of width P there are up to ``(2 P)^L / 2`` sinusoids and lower orders.

    Parameters
    ----------
    inr : INR
        Read in float64.
    tolerance : float
        Frequencies closer than this (cycles per field of view) are one.
    max_terms : int
        Terms that one product may make before equal frequencies are merged.

    Returns
    -------
    tuple of Sinusoids
        The image, or real and imaginary part of a complex one. Exact but for rounding.

    Raises
    ------
    TypeError
        For another encoding or network.
    ValueError
        When a product needs more than ``max_terms`` terms.

    References
    ----------
    Fathony, Sahu, Willmott, Kolter, "Multiplicative Filter Networks", ICLR 2021.

    Examples
    --------
    >>> inr = INR(Coordinates(dim=1), FourierFilterNetwork(1, width=3, n_filters=2))
    >>> (f,) = expand_filter_network(inr)
    >>> x = np.array([[0.3], [0.8]])
    >>> len(f), bool(np.allclose(f.image(x), inr.image(x), rtol=0, atol=1e-12))
    (21, True)
    """
    encoding, network = inr_parts(inr, Coordinates, FourierFilterNetwork)
    k, phases = affine_phases(
        parameter_array(network.filter_weight), parameter_array(network.filter_phase), encoding
    )
    width = network.width
    parts = [slice(start, start + width) for start in range(0, len(k), width)]
    bank = sine_mapping(k[parts[0]], phases[parts[0]])
    for weight, bias, part in zip(network.weights, network.biases, parts[1:], strict=False):
        filters = sine_mapping(k[part], phases[part])
        layer = bank.linear(parameter_array(weight), parameter_array(bias))
        bank = layer.product(filters, tolerance=tolerance, max_terms=max_terms)
    return bank_images(bank.linear(parameter_array(network.weights[-1]), parameter_array(network.biases[-1])))
