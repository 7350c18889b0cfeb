"""Checks of verdicts on small problems in plain NumPy: features, samples and searches written out once more."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


class PlainGrid:
    """Neurons over given feature frequencies on a grid, sampled at given frequencies by explicit sums."""

    def __init__(
        self,
        features: NDArray[np.float64],
        samples: NDArray[np.int64],
        shape: tuple[int, ...],
        *,
        constant: bool,
    ) -> None:
        axes = np.meshgrid(*[np.arange(n) / n for n in shape], indexing="ij")
        points = np.stack([axis.ravel() for axis in axes], axis=1)
        angles = 2 * np.pi * points @ np.asarray(features).T
        columns = [np.sqrt(2) * np.sin(angles), np.sqrt(2) * np.cos(angles)]
        self.features = np.concatenate([*columns, np.ones((len(points), int(constant)))], axis=1)
        self.waves = np.exp(-2j * np.pi * points @ np.asarray(samples).T) / len(points)

    def samples(self, atoms: Vector) -> NDArray[np.complex128]:
        """Complex samples of neurons, shape (P, m)."""
        return np.maximum(np.asarray(atoms) @ self.features.T, 0) @ self.waves

    def measure(self, atoms: Vector, amplitudes: Vector) -> NDArray[np.complex128]:
        """Complex samples of a measure."""
        return np.asarray(amplitudes) @ self.samples(atoms)

    def correlations(self, p: Vector, atoms: Vector) -> Vector:
        """Mean of ``p relu(<w, gamma>)``."""
        return np.maximum(atoms @ self.features.T, 0) @ p.ravel() / len(self.features)


def largest_ratio(
    eta: Callable[[Vector], Vector],
    rho: Callable[[Vector], Vector],
    n_features: int,
    *,
    seed: int,
    near: Vector | None = None,
    n_starts: int = 2048,
    n_steps: int = 60,
) -> float:
    """Largest ``|eta| / rho`` found by climbing with random steps that shrink; no gradient is used.

    ``near`` are directions around which an eighth of the starts is placed.
    """
    rng = np.random.default_rng(seed)
    w = rng.standard_normal((n_starts, n_features))
    if near is not None and len(near):
        close = near[rng.integers(len(near), size=n_starts // 8)]
        w[: len(close)] = close + 0.1 * rng.standard_normal(close.shape)

    def ratio(atoms: Vector) -> Vector:
        cost = rho(atoms)
        return np.abs(eta(atoms)) / np.where(cost > 1e-9, cost, np.inf)

    w /= np.linalg.norm(w, axis=1, keepdims=True)
    value, size = ratio(w), np.full((n_starts, 1), 0.5)
    for step in range(n_steps):
        if step == n_steps // 3:
            top = np.argsort(-value)[: n_starts // 4]
            w, value, size = w[top], value[top], size[top]
        trial = w + size * rng.standard_normal(w.shape)
        trial /= np.linalg.norm(trial, axis=1, keepdims=True)
        new = ratio(trial)
        better = new > value
        w, value = np.where(better[:, None], trial, w), np.where(better, new, value)
        size = np.where(better[:, None], 1.5 * size, 0.7 * size)
    return float(value.max())
