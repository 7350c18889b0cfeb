"""Aliasing of INRs between their samples (figures 3 and 9).

A sine of 23 cycles per field of view is known on every second of 256 points. On those 128 points it cannot be told from
105 = 128 - 23 cycles: a network that fits them may hold any mixture, and its mapping decides which.

Source: section 4.2 and appendix C of Yüce, Ortiz-Jiménez, Besbinar and Frossard, "A Structured Dictionary Perspective
on Implicit Neural Representations", CVPR 2022.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srinr.analysis.spectrum import Spectrum, measured_spectrum
from srinr.domain import Grid, grid_frequencies
from srinr.encodings.fourier_features import FourierFeatures
from srinr.encodings.identity import Coordinates
from srinr.inr import INR
from srinr.networks.base import BiasInit
from srinr.networks.mlp import MLP
from srinr.networks.siren import Siren
from srinr.operators.fourier import FourierOperator
from srinr.optimizers import Adam, Optimizer
from srinr.samples import FourierSamples
from srinr.status import Status
from srinr.training import fit

#: Phases of the target for seeds 0, 1, 2 (that of the paper is random and unknown).
PHASES = (0.0, 1.1, 2.5)


@dataclass(frozen=True)
class SampledSine:
    """The target ``sin(2 pi frequency x + phase)`` on [0, 1), known on every second of ``n_test`` points.

    Parameters
    ----------
    frequency : int, default 23
        Cycles per field of view, from 1 to below ``n_test / 4``.
    phase : float, default 0
        Radians.
    n_test : int, default 256
        Points, end point excluded; even.

    Examples
    --------
    >>> SampledSine().alias, SampledSine().n_train
    (105, 128)
    """

    frequency: int = 23
    phase: float = 0.0
    n_test: int = 256

    def __post_init__(self) -> None:
        for name in ("frequency", "n_test"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer):
                raise ValueError(f"{name} must be an integer, got {value!r}")
        if self.n_test < 8 or self.n_test % 2:
            raise ValueError(f"n_test must be an even number of at least 8 points, got {self.n_test}")
        if not 1 <= self.frequency < self.n_test / 4:
            raise ValueError(
                f"frequency must lie between 1 and n_test / 4 = {self.n_test / 4:g} (exclusive), the band of the "
                f"training points, got {self.frequency}"
            )
        if not math.isfinite(self.phase):
            raise ValueError(f"phase must be a finite number of radians, got {self.phase!r}")

    @property
    def n_train(self) -> int:
        """Number of training points."""
        return self.n_test // 2

    @property
    def alias(self) -> int:
        """Lowest other frequency with the same values, up to sign and phase, on the training points."""
        return self.n_train - self.frequency

    def on_grid(self, grid: Grid) -> NDArray[np.float64]:
        """Values on a 1-D grid."""
        return np.asarray(np.sin(2.0 * np.pi * self.frequency * grid.axes[0] + self.phase))


@dataclass(frozen=True, eq=False)
class AliasingResult:
    """What a network made of the samples of a sine.

    Attributes
    ----------
    inr : INR
        After training.
    target : SampledSine
    train_spectrum, test_spectrum : Spectrum
        Of the network on the ``n_train`` and on the ``n_test`` points.
    signal_level, alias_level, other_level : float
        dB relative to a sine of amplitude 1, on the test points: at the target's frequency, at its alias, and at the
        largest other bin.
    other_frequency : int
        That bin, cycles per field of view.
    train_mse, test_mse : float
        Mean squared error on the training points, and on all test points.
    status : Status
        How the training ended.
    """

    inr: INR
    target: SampledSine
    train_spectrum: Spectrum
    test_spectrum: Spectrum
    signal_level: float
    alias_level: float
    other_level: float
    other_frequency: int
    train_mse: float
    test_mse: float
    status: Status

    @property
    def alias_relative(self) -> float:
        """Level at the alias relative to the target's frequency, dB."""
        return self.alias_level - self.signal_level

    @property
    def other_relative(self) -> float:
        """Level at the largest other bin relative to the target's frequency, dB."""
        return self.other_level - self.signal_level

    @property
    def aliases(self) -> bool:
        """Whether the alias lies above -25 dB and stands out of all other bins by 4 dB or more."""
        return self.alias_relative > -25.0 and self.alias_relative - self.other_relative >= 4.0

    def numbers(self) -> dict[str, float]:
        """Levels relative to the target's frequency (dB) and errors, for tables and JSON."""
        return {
            "alias_relative": self.alias_relative,
            "other_relative": self.other_relative,
            "other_frequency": self.other_frequency,
            "train_mse": self.train_mse,
            "test_mse": self.test_mse,
        }

    def __str__(self) -> str:
        return (
            f"{self.target.alias} cycles {self.alias_relative:6.1f} dB, largest other {self.other_relative:6.1f} dB "
            f"(k = {self.other_frequency}); MSE on training points {self.train_mse:.1e}, on all {self.test_mse:.1e}"
        )


def fit_sampled_sine(
    inr: INR,
    target: SampledSine | None = None,
    n_steps: int = 2000,
    *,
    optimizer: Optimizer | None = None,
    progress: bool | None = None,
) -> AliasingResult:
    """Train a 1-D INR on every second point of a sine, in float64, and look at all points.

    The training minimizes the mean squared error over the training points (by ``fit``, through all their Fourier
    coefficients, which is the same by Parseval's theorem).

    Parameters
    ----------
    inr : INR
        Any real 1-D INR; it is not modified.
    target : SampledSine, optional
        23 cycles, phase 0, 256 points by default.
    n_steps : int, default 2000
        Full-batch steps.
    optimizer : Optimizer, optional
        ``Adam(1e-4)`` by default, the setting of the paper.
    progress : bool, optional
        Progress bar; by default on a terminal only.

    Returns
    -------
    AliasingResult

    Raises
    ------
    ValueError
        For an INR that is complex or of another dimension.

    Examples
    --------
    >>> target = SampledSine(frequency=3, n_test=32)
    >>> result = fit_sampled_sine(aliasing_siren(30.0, width=8), target, 5)
    >>> result.test_spectrum.coefficients.shape, result.target.alias
    ((32,), 13)
    """
    if not isinstance(inr, INR):
        raise TypeError(f"inr: expected an INR, got {type(inr).__name__}")
    if inr.dim != 1 or inr.complex_output:
        kind = "complex" if inr.complex_output else f"{inr.dim}-D"
        raise ValueError(f"inr must be real and 1-D, got a {kind} one; build it with dim=1 and one output")
    sine = target or SampledSine()
    train, test = Grid(sine.n_train, dim=1), Grid(sine.n_test, dim=1)
    operator = FourierOperator(train, grid_frequencies(train.shape))
    samples = FourierSamples(operator.frequencies, operator.forward(sine.on_grid(train)))
    result = fit(
        inr,
        operator,
        samples,
        optimizer=optimizer or Adam(1e-4, eps=1e-8),
        max_steps=n_steps,
        progress=progress,
    )
    return _judged(result.image, sine, train, test, result.status)


def _judged(inr: INR, sine: SampledSine, train: Grid, test: Grid, status: Status) -> AliasingResult:
    spectrum = measured_spectrum(inr, test)
    levels = spectrum.decibels(reference=0.5)[test.n_points // 2 :]  # of frequencies 0 .. n / 2 - 1
    others = levels.copy()
    others[[sine.frequency, sine.alias]] = -np.inf
    worst = int(others.argmax())
    errors = [float(((inr.on_grid(g) - sine.on_grid(g)) ** 2).mean()) for g in (train, test)]
    return AliasingResult(
        inr=inr,
        target=sine,
        train_spectrum=measured_spectrum(inr, train),
        test_spectrum=spectrum,
        signal_level=float(levels[sine.frequency]),
        alias_level=float(levels[sine.alias]),
        other_level=float(others[worst]),
        other_frequency=worst,
        train_mse=errors[0],
        test_mse=errors[1],
        status=status,
    )


def aliasing_siren(omega_first: float = 30.0, *, width: int = 128, depth: int = 3, seed: int = 0) -> INR:
    """SIREN of figure 3: first weights uniform in +-1, ``omega_hidden`` 30, biases from the range of the weights.

    Parameters
    ----------
    omega_first : float, default 30
        Radians per field of view that a first weight of 1 means; the figure has 30 and 300.
    width, depth : int, default 128, 3
        Neurons per hidden layer; linear layers.
    seed : int, default 0
        Of the weights.

    Examples
    --------
    >>> aliasing_siren(300.0, width=8).network.omega_first
    300.0
    """
    network = Siren(1, width, depth, omega_first=omega_first, seed=seed, bias_init=BiasInit.SIREN_UNIFORM)
    return INR(Coordinates(dim=1, low=0.0, high=1.0), network)


def aliasing_ffn(
    sigma: float = 3.0, *, n_frequencies: int = 128, width: int = 128, depth: int = 3, seed: int = 0
) -> INR:
    """Fourier feature network of figure 9 (its sizes are not printed).

    Parameters
    ----------
    sigma : float, default 3
        Standard deviation of the frequencies, cycles per field of view; the figure has 3 and 100.
    n_frequencies : int, default 128
        Twice as many features.
    width, depth, seed
        As in :func:`aliasing_siren`; the seed draws the frequencies as well.

    Examples
    --------
    >>> aliasing_ffn(100.0, n_frequencies=4, width=8).encoding.n_features
    8
    """
    encoding = FourierFeatures.gaussian(n_frequencies, sigma, dim=1, seed=seed)
    network = MLP(encoding.n_features, width, depth, seed=seed, init_gain=math.sqrt(3.0), first_bias=True)
    return INR(encoding, network)
