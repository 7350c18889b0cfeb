"""A sinusoidal mapping with parameters of its own, in front of any network of linear layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from srinr.networks.mlp import MLP
from srinr.networks.polynomial import PolynomialMLP
from srinr.networks.siren import Siren

#: What may follow the mapping, by the name that files carry.
_INNER: dict[str, Any] = {"MLP": MLP, "PolynomialMLP": PolynomialMLP, "Siren": Siren}


class SinusoidalMapping(torch.nn.Module):
    """``f(r) = network(sin(Omega r + phi))``: Fourier features whose frequencies and phases can be learned.

    With an ``MLP`` behind it, this is the Fourier feature network with a learnable mapping (SFM* and FFN* of Yüce et
    al., CVPR 2022, eq. 1 and appendix B.2); with a ``Siren``, a SIREN whose first layer has a width of its own.

    Parameters
    ----------
    omega : array, shape (T, n_features)
        Radians per unit of the input (the unit of ``Coordinates(low, high)``; 2 pi f0 for f0 cycles per unit).
    phase : array, shape (T,)
        phi, in radians; the pair [sin, cos] of one frequency is the phases 0 and pi/2.
    network : MLP, PolynomialMLP or Siren
        Takes T features. Give an MLP ``first_bias=True``: the mapping has no constant feature.
    train_mapping : bool, default True
        False keeps ``omega`` and ``phase`` as they are: they are then no parameters but buffers, also after they
        were saved and loaded.

    Raises
    ------
    TypeError
        For another kind of network.
    ValueError
        For shapes that do not match, or numbers that are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from srinr import INR, MLP, Coordinates
    >>> omega = 2 * np.pi * np.array([[1.0], [1.0]])
    >>> network = SinusoidalMapping(omega, [0.0, np.pi / 2], MLP(2, width=8, depth=3, first_bias=True))
    >>> inr = INR(Coordinates(dim=1), network)
    >>> bool(np.allclose(inr.image(np.array([[0.1]])), inr.image(np.array([[0.6]]))))  # f0 = 1 repeats on [-1, 1)
    True
    """

    omega: torch.Tensor
    phase: torch.Tensor

    def __init__(
        self,
        omega: ArrayLike,
        phase: ArrayLike,
        network: MLP | PolynomialMLP | Siren,
        *,
        train_mapping: bool = True,
    ) -> None:
        super().__init__()
        frequencies, phases = (np.array(v, dtype=np.float64) for v in (omega, phase))
        if frequencies.ndim != 2 or frequencies.size == 0 or phases.shape != frequencies.shape[:1]:
            raise ValueError(
                "omega must have shape (T, n_features) and phase (T,), without empty axes, "
                f"got {frequencies.shape} and {phases.shape}"
            )
        if not (np.isfinite(frequencies).all() and np.isfinite(phases).all()):
            raise ValueError("omega or phase contains NaN or infinite entries")
        if type(network).__name__ not in _INNER or not isinstance(network, tuple(_INNER.values())):
            raise TypeError(
                f"network: expected one of {', '.join(sorted(_INNER))}, got {type(network).__name__}"
            )
        if network.first_weight.shape[1] != len(phases):
            raise ValueError(
                f"network takes {network.first_weight.shape[1]} features, the mapping gives {len(phases)}; "
                "build it with as many features as omega has rows"
            )
        self.train_mapping = bool(train_mapping)
        for name, value in (("omega", frequencies), ("phase", phases)):
            if self.train_mapping:
                self.register_parameter(name, torch.nn.Parameter(torch.from_numpy(value)))
            else:
                self.register_buffer(name, torch.from_numpy(value))
        self.network = network

    @property
    def first_weight(self) -> torch.Tensor:
        """Omega, shape (T, n_features), radians per unit of the input."""
        return self.omega

    @property
    def first_bias(self) -> torch.Tensor:
        """Phases phi, shape (T,), radians."""
        return self.phase

    @property
    def out_features(self) -> int:
        """Number of outputs."""
        return self.network.out_features

    @property
    def values_per_point(self) -> int:
        """The mapping keeps its arguments and sines, beside what the network keeps."""
        return 2 * len(self.first_bias) + self.network.values_per_point

    def after_first(self, preactivation: torch.Tensor) -> torch.Tensor:
        """Outputs (n, out_features) from the arguments of the sines (n, T)."""
        out: torch.Tensor = self.network(torch.sin(preactivation))
        return out

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Outputs (n, out_features) from inputs (n, n_features)."""
        return self.after_first(torch.nn.functional.linear(features, self.first_weight, self.first_bias))

    def spec(self) -> dict[str, Any]:
        """JSON description without the weights."""
        return {
            "shape": list(self.first_weight.shape),
            "train_mapping": self.train_mapping,
            "network": {"name": type(self.network).__name__, **self.network.spec()},
        }

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> SinusoidalMapping:
        """Rebuild from :meth:`spec`, with a mapping of zeros and fresh weights."""
        inner = dict(spec["network"])
        network = _INNER[inner.pop("name")].from_spec(inner)
        n_frequencies, n_features = spec["shape"]
        zeros = np.zeros((n_frequencies, n_features))
        return cls(zeros, zeros[:, 0], network, train_mapping=spec["train_mapping"])
