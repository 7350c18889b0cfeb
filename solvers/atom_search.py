"""Search for neurons that a dual vector correlates with most: maximize ``|eta(w)| / rho(w)`` over directions.

Many random starts climb together in float32 (two matrix products a step); the few that end high are valued
again in float64. A clean search is evidence that no violation exists, never a proof.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from srinr.dictionary import Dictionary
from srinr.neuron_dictionary import NeuronDictionary
from srinr.weightings import StandardWeighting, Weighting

Vector = NDArray[np.float64]

#: Peaks whose directions have a larger absolute cosine are the same.
_SAME = 0.995
#: Steps before the lower part of the starts is given up.
_SIEVE_STEP = 15


@dataclass(frozen=True)
class AtomSearch:
    """Size of a search.

    Parameters
    ----------
    n_starts : int, default 256
        Fresh random starts.
    n_steps : int, default 60
        Ascent steps; each evaluates all starts that are left.
    keep : float, default 1/3
        Part of the starts kept after the first 15 steps.
    """

    n_starts: int = 256
    n_steps: int = 60
    keep: float = 1 / 3

    def __post_init__(self) -> None:
        if self.n_starts < 1 or self.n_steps < 1 or not 0 < self.keep <= 1:
            raise ValueError(
                f"need n_starts >= 1, n_steps >= 1 and 0 < keep <= 1; got {self.n_starts}, {self.n_steps}, {self.keep}"
            )


@dataclass(frozen=True, eq=False)
class Peaks:
    """Local maxima of ``|eta| / rho``, highest first.

    Attributes
    ----------
    atoms : array, shape (Q, D)
        Unit directions.
    ratios : array, shape (Q,)
        ``eta / rho`` with its sign, in float64.
    """

    atoms: Vector
    ratios: Vector

    @property
    def max_ratio(self) -> float:
        """Largest ``|eta| / rho`` found; 0 without peaks."""
        return float(np.abs(self.ratios).max(initial=0.0))


def search_atoms(
    dictionary: Dictionary,
    weighting: Weighting,
    dual: Vector,
    rng: np.random.Generator,
    search: AtomSearch | None = None,
    *,
    extra_starts: Vector | None = None,
    one_sided: bool = False,
) -> Peaks:
    """Local maxima of ``|eta| / rho`` from fresh random starts and the given ones.

    Parameters
    ----------
    dictionary, weighting
        The dictionary of neurons, and what they cost.
    dual : array, shape (m,)
        The dual vector q.
    rng : numpy.random.Generator
        Of the random starts.
    search : AtomSearch, optional
        Size of the search.
    extra_starts : array, shape (E, D), optional
        Further starts, e.g. the support and earlier peaks; they are climbed to the end.
    one_sided : bool, default False
        Maximize ``eta / rho`` instead of its absolute value.

    Returns
    -------
    Peaks
        Without repetitions (absolute cosine above 0.995).

    Examples
    --------
    >>> from srinr.weightings import StandardWeighting
    >>> dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=3, dim=1)
    >>> dual = dictionary.coefficients(np.array([[0.0, 0.6, 0.8]]))[0]
    >>> peaks = search_atoms(dictionary, StandardWeighting(), dual, np.random.default_rng(0))
    >>> bool(peaks.max_ratio >= dual @ dual)
    True
    """
    size = search or AtomSearch()
    starts = _starts(dictionary, weighting, dual, rng, size.n_starts)
    n_fresh = len(starts)
    if extra_starts is not None and len(extra_starts):
        starts = np.concatenate([starts, extra_starts])
    w = _normalized(torch.from_numpy(starts).to(torch.float32))
    if isinstance(dictionary, NeuronDictionary):
        w = w.to(dictionary.device)
    w, sign = _better_hemisphere(dictionary, weighting, dual, w, one_sided)
    w = _climb(dictionary, weighting, dual, w, sign, size, n_fresh)
    atoms = _normalized(w.to(torch.float64))
    ratios = ratio_and_gradient(dictionary, weighting, dual, atoms)[0].cpu().numpy()
    return _distinct(atoms.cpu().numpy(), np.maximum(ratios, 0.0) if one_sided else ratios)


def refined(
    dictionary: Dictionary, weighting: Weighting, dual: Vector, peaks: Peaks, n_steps: int = 60
) -> Peaks:
    """Peaks climbed on in double precision (a search climbs in single precision and only values the ends again)."""
    if not len(peaks.atoms):
        return peaks
    w = torch.from_numpy(np.array(peaks.atoms, dtype=np.float64))
    if isinstance(dictionary, NeuronDictionary):
        w = w.to(dictionary.device)
    sign = torch.from_numpy(np.where(peaks.ratios < 0, -1.0, 1.0)).to(w)
    w = _climb(dictionary, weighting, dual, w, sign, AtomSearch(1, n_steps, 1.0), 0)
    values = ratio_and_gradient(dictionary, weighting, dual, w)[0].cpu().numpy()
    return Peaks(w.cpu().numpy(), values)


def ratios(dictionary: Dictionary, weighting: Weighting, dual: Vector, atoms: Vector) -> Vector:
    """``eta / rho`` at atoms (P, D), float64; 0 where the neuron is dead."""
    tensor = torch.from_numpy(np.array(atoms, dtype=np.float64))
    return ratio_and_gradient(dictionary, weighting, dual, tensor)[0].cpu().numpy()


def ratio_and_gradient(
    dictionary: Dictionary, weighting: Weighting, dual: Vector, atoms: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """``eta / rho`` (P,) and its gradients (P, D); both 0 where the neuron is dead."""
    eta, eta_gradient = dictionary.correlations(dual, atoms)
    rho, rho_gradient = weighting.evaluate(dictionary, atoms)
    # A neuron of one pixel on a fine grid has a small mean and is not dead.
    floor = 1e-12 if atoms.dtype == torch.float64 else 1e-8
    alive = rho > floor * atoms.norm(dim=1)
    safe = torch.where(alive, rho, torch.ones_like(rho))
    ratio = torch.where(alive, eta / safe, torch.zeros_like(eta))
    gradient = (eta_gradient - ratio[:, None] * rho_gradient) / safe[:, None]
    return ratio, torch.where(alive[:, None], gradient, torch.zeros_like(gradient))


def _starts(
    dictionary: Dictionary, weighting: Weighting, dual: Vector, rng: np.random.Generator, n_starts: int
) -> Vector:
    """Random directions; for weightings that allow them, also small bumps where ``|p|`` is largest."""
    starts = rng.standard_normal((n_starts, dictionary.encoding.n_features))
    has_constant = getattr(dictionary.encoding, "constant", False)
    if isinstance(weighting, StandardWeighting) or not isinstance(dictionary, NeuronDictionary):
        return starts
    if not has_constant:
        return starts
    features = dictionary.features(torch.float64).cpu().numpy()
    peaks = np.argsort(-np.abs(dictionary.dual_image(dual)))[: max(1, n_starts // 16)]
    return np.concatenate([starts, *_bumps(features, peaks)])


def _bumps(features: Vector, points: NDArray[np.intp]) -> list[Vector]:
    """Neurons active around grid points: on 1, 2, 4, ... pixels, up to half of the grid."""
    # <gamma(x0), gamma(x)> peaks at x0: lowered by its (n + 1)-th largest value it is positive on n pixels.
    heights = -np.sort(-(features[points] @ features.T), axis=1)
    bumps = []
    for size in 2 ** np.arange(int(np.log2(len(features)))):
        bump = features[points].copy()
        # Not all the way down, so that the height survives single precision.
        bump[:, -1] -= 0.25 * heights[:, size - 1] + 0.75 * heights[:, size]
        bumps.append(bump)
    return bumps


def _normalized(w: torch.Tensor) -> torch.Tensor:
    return w / w.norm(dim=1, keepdim=True).clamp_min(torch.finfo(w.dtype).tiny)


def _better_hemisphere(
    dictionary: Dictionary, weighting: Weighting, dual: Vector, w: torch.Tensor, one_sided: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Of each pair ``{w, -w}`` the one with the larger ratio, and the sign of its ratio (1 when one-sided)."""
    here = ratio_and_gradient(dictionary, weighting, dual, w)[0]
    there = ratio_and_gradient(dictionary, weighting, dual, -w)[0]
    flip = there > here if one_sided else there.abs() > here.abs()
    chosen = torch.where(flip[:, None], -w, w)
    value = torch.where(flip, there, here)
    negative = (value < 0) & (not one_sided)
    return chosen, torch.where(negative, -1.0, 1.0).to(w.dtype)


def _climb(
    dictionary: Dictionary,
    weighting: Weighting,
    dual: Vector,
    w: torch.Tensor,
    sign: torch.Tensor,
    size: AtomSearch,
    n_fresh: int,
) -> torch.Tensor:
    """Projected gradient ascent of ``sign eta / rho``, with a step size of its own for each start."""
    value, gradient = ratio_and_gradient(dictionary, weighting, dual, w)
    value = value * sign
    step = torch.full_like(value, 0.5)
    given = torch.arange(len(w), device=w.device) >= n_fresh
    for index in range(size.n_steps):
        trial = _normalized(w + (step * sign)[:, None] * gradient)
        new_value, new_gradient = ratio_and_gradient(dictionary, weighting, dual, trial)
        new_value = new_value * sign
        better = new_value > value
        w = torch.where(better[:, None], trial, w)
        gradient = torch.where(better[:, None], new_gradient, gradient)
        value = torch.where(better, new_value, value)
        step = torch.where(better, 1.5 * step, 0.4 * step)
        if index == _SIEVE_STEP and size.keep < 1:
            rank = torch.where(given, torch.inf, value)
            chosen = rank.topk(max(1, int(size.keep * n_fresh)) + int(given.sum())).indices
            w, gradient, value, step = w[chosen], gradient[chosen], value[chosen], step[chosen]
            sign, given = sign[chosen], given[chosen]
    return w


def _distinct(atoms: Vector, values: Vector) -> Peaks:
    """Highest first, one of each cluster."""
    order = np.argsort(-np.abs(values), kind="stable")
    atoms, values = atoms[order], values[order]
    cosines = np.abs(atoms @ atoms.T) > _SAME
    chosen: list[int] = []
    taken = np.zeros(len(atoms), dtype=bool)
    for index in range(len(atoms)):
        if not taken[index]:
            chosen.append(index)
            taken |= cosines[index]
    return Peaks(atoms[chosen], values[chosen])
