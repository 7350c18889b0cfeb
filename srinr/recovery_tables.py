"""The exact-recovery tables of the sampling theory: which cells, which trial, which conjecture.

Two modes that are never mixed: ``srinr`` (exact coefficients, convex steps, certificates) and ``paper`` (the published
protocol: a wide student, Adam, samples and image from the same closed grid).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srinr.encodings.fourier_features import FourierFeatures
from srinr.published_trial import published_trial
from srinr.recovery_trial import Figures, recovery_trial
from srinr.weightings import FourierWeighting, IntegralWeighting, StandardWeighting

#: Image error (range 1) up to which the published experiments count a trial as a success.
RECOVERED = 1e-9
#: Frequencies e_1 and e_2 without the constant: the restricted features.
_RESTRICTED = ((1, 0), (0, 1))


@dataclass(frozen=True)
class RecoveryTable:
    """A table of exact recovery.

    Attributes
    ----------
    name, title : str
        For files and figures.
    trial, published : callable
        ``trial(rng, n_neurons, cutoff, ...)`` in the modes srinr and paper.
    widths, cutoffs : tuple of int
        Cells.
    max_frequency : int
        K0 of the conjecture ``K >= (2 s + 1) K0``.
    """

    name: str
    title: str
    trial: Callable[..., Figures]
    published: Callable[..., Figures]
    widths: tuple[int, ...]
    cutoffs: tuple[int, ...]
    max_frequency: int

    def conjectured_cutoff(self, width: NDArray[np.float64]) -> NDArray[np.float64]:
        """The line ``K = (2 s + 1) K0``: the cutoff conjectured to identify s neurons."""
        return (2.0 * np.asarray(width, dtype=np.float64) + 1.0) * self.max_frequency


def standard(
    rng: np.random.Generator,
    n_neurons: int,
    cutoff: int,
    *,
    recovery_seconds: float = 3600.0,
    max_restarts: int = 0,
    certify_seconds: float = 60.0,
) -> Figures:
    """Lattice features up to 2, standard weight decay."""
    return recovery_trial(
        rng, n_neurons, cutoff, recovery_seconds=recovery_seconds, max_restarts=max_restarts,
        certify_seconds=certify_seconds,
    )  # fmt: skip


def modified_1(
    rng: np.random.Generator,
    n_neurons: int,
    cutoff: int,
    *,
    recovery_seconds: float = 3600.0,
    max_restarts: int = 0,
    certify_seconds: float = 60.0,
) -> Figures:
    """Lattice features up to 2, modified weight decay I."""
    return recovery_trial(
        rng, n_neurons, cutoff, weighting=FourierWeighting(), recovery_seconds=recovery_seconds,
        max_restarts=max_restarts, certify_seconds=certify_seconds,
    )  # fmt: skip


def restricted_standard(
    rng: np.random.Generator,
    n_neurons: int,
    cutoff: int,
    *,
    recovery_seconds: float = 3600.0,
    max_restarts: int = 0,
    certify_seconds: float = 60.0,
) -> Figures:
    """Frequencies e_1 and e_2 without the constant, standard weight decay."""
    return recovery_trial(
        rng, n_neurons, cutoff, encoding=restricted_features(), recovery_seconds=recovery_seconds,
        max_restarts=max_restarts, certify_seconds=certify_seconds,
    )  # fmt: skip


def restricted_modified_2(
    rng: np.random.Generator,
    n_neurons: int,
    cutoff: int,
    *,
    recovery_seconds: float = 3600.0,
    max_restarts: int = 0,
    certify_seconds: float = 60.0,
) -> Figures:
    """Frequencies e_1 and e_2 without the constant, modified weight decay II."""
    return recovery_trial(
        rng, n_neurons, cutoff, encoding=restricted_features(), weighting=IntegralWeighting(),
        recovery_seconds=recovery_seconds, max_restarts=max_restarts, certify_seconds=certify_seconds,
    )  # fmt: skip


def restricted_features() -> FourierFeatures:
    """Frequencies e_1 and e_2, no constant: four features."""
    return FourierFeatures(np.array(_RESTRICTED), constant=False)


def published_standard(
    rng: np.random.Generator, n_neurons: int, cutoff: int, *, n_grid: int = 1024, n_steps: int = 5000
) -> Figures:
    """The published protocol with standard weight decay."""
    return published_trial(rng, n_neurons, cutoff, n_grid=n_grid, n_steps=n_steps)


def published_modified_1(
    rng: np.random.Generator, n_neurons: int, cutoff: int, *, n_grid: int = 1024, n_steps: int = 5000
) -> Figures:
    """The published protocol with modified weight decay I."""
    return published_trial(
        rng, n_neurons, cutoff, weighting=FourierWeighting(), n_grid=n_grid, n_steps=n_steps
    )


def published_restricted_standard(
    rng: np.random.Generator, n_neurons: int, cutoff: int, *, n_grid: int = 1024, n_steps: int = 5000
) -> Figures:
    """The published protocol on restricted features, standard weight decay."""
    return _published_restricted(rng, n_neurons, cutoff, StandardWeighting(), n_grid, n_steps)


def published_restricted_modified_2(
    rng: np.random.Generator, n_neurons: int, cutoff: int, *, n_grid: int = 1024, n_steps: int = 5000
) -> Figures:
    """The published protocol on restricted features, modified weight decay II."""
    return _published_restricted(rng, n_neurons, cutoff, IntegralWeighting(), n_grid, n_steps)


def _published_restricted(
    rng: np.random.Generator,
    n_neurons: int,
    cutoff: int,
    weighting: StandardWeighting | IntegralWeighting,
    n_grid: int,
    n_steps: int,
) -> Figures:
    return published_trial(
        rng, n_neurons, cutoff, encoding=restricted_features(), weighting=weighting, n_grid=n_grid,
        n_steps=n_steps, n_stages=100, growth=1.1,
    )  # fmt: skip


_WIDTHS = tuple(range(1, 11))

STANDARD = RecoveryTable(
    "standard", "Lattice features, standard weight decay", standard, published_standard,
    _WIDTHS, tuple(range(2, 31, 2)), 2,
)  # fmt: skip
MODIFIED_1 = RecoveryTable(
    "modified-I", "Lattice features, modified weight decay I", modified_1, published_modified_1,
    _WIDTHS, tuple(range(2, 31, 2)), 2,
)  # fmt: skip
RESTRICTED_STANDARD = RecoveryTable(
    "restricted-standard", "Restricted features, standard weight decay", restricted_standard,
    published_restricted_standard, _WIDTHS, tuple(range(1, 31)), 1,
)  # fmt: skip
RESTRICTED_MODIFIED_2 = RecoveryTable(
    "restricted-modified-II", "Restricted features, modified weight decay II", restricted_modified_2,
    published_restricted_modified_2, _WIDTHS, tuple(range(1, 31)), 1,
)  # fmt: skip

TABLES: tuple[RecoveryTable, ...] = (STANDARD, MODIFIED_1, RESTRICTED_STANDARD, RESTRICTED_MODIFIED_2)


def recovered(figures: Mapping[str, object]) -> bool:
    """Whether the final iterate is the teacher, to the published threshold."""
    return _number(figures, "mse") <= RECOVERED


def recovered_at_any_step(figures: Mapping[str, object]) -> bool:
    """The published rule: some iterate passed through the threshold."""
    return _number(figures, "best_mse") <= RECOVERED


def certified(figures: Mapping[str, object]) -> bool | None:
    """Whether the teacher was found optimal; None without a certificate."""
    return None if "level" not in figures else figures["level"] in ("RIGOROUS", "SEARCHED")


def refuted(figures: Mapping[str, object]) -> bool | None:
    """Whether a cheaper network with the same samples was found; None without a certificate."""
    return None if "level" not in figures else figures["level"] == "REFUTED"


def undecided(figures: Mapping[str, object]) -> bool | None:
    """Whether the certificate was left open; None without a certificate."""
    return None if "level" not in figures else figures["level"] == "NONE"


def _number(figures: Mapping[str, object], name: str) -> float:
    value = figures[name]
    return float(value) if isinstance(value, int | float) else float("inf")
