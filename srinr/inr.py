"""INR = encoding + network: a continuous image with parameters, and its bridge to measures."""

from __future__ import annotations

import copy
import json
import math
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch.utils.checkpoint import checkpoint

from srinr.allocation import memory_hint
from srinr.domain import Grid
from srinr.encodings.base import Encoding
from srinr.encodings.fourier_features import FourierFeatures
from srinr.encodings.identity import Coordinates
from srinr.files import atomic_path
from srinr.measures import DiscreteMeasure
from srinr.networks.base import Network
from srinr.networks.mapped import SinusoidalMapping
from srinr.networks.mlp import MLP
from srinr.networks.multiplicative_filters import FourierFilterNetwork
from srinr.networks.polynomial import PolynomialMLP
from srinr.networks.shallow import ShallowReLU
from srinr.networks.siren import Siren
from srinr.status import FileFormatError, SrinrError

_ENCODINGS: dict[str, Any] = {"FourierFeatures": FourierFeatures, "Coordinates": Coordinates}
_NETWORKS: dict[str, Any] = {
    "ShallowReLU": ShallowReLU,
    "MLP": MLP,
    "Siren": Siren,
    "PolynomialMLP": PolynomialMLP,
    "FourierFilterNetwork": FourierFilterNetwork,
    "SinusoidalMapping": SinusoidalMapping,
}
_FORMAT = "srinr-inr-1"

#: Numbers held at a time when an image is evaluated without a chunk_size (512 MB).
_CHUNK_NUMBERS = 2**26


class INR:
    """Implicit neural representation: ``image(x) = network(encoding(x))``.

    Parameters
    ----------
    encoding : Encoding
        Points to features, e.g. ``FourierFeatures.lattice(10)``.
    network : Network
        Features to values, e.g. ``ShallowReLU(encoding.n_features, width=100)``.
    complex_output : bool, default False
        Read two outputs as real and imaginary part of a complex image.

    Raises
    ------
    ValueError
        When the network's inputs do not match the encoding, or its outputs the kind of image.

    Examples
    --------
    >>> import numpy as np
    >>> from srinr import INR, FourierFeatures, Grid, ShallowReLU
    >>> encoding = FourierFeatures.lattice(max_frequency=2, dim=2)
    >>> inr = INR(encoding, ShallowReLU(encoding.n_features, width=8, seed=0))
    >>> grid = Grid(16, dim=2)
    >>> bool(np.allclose(inr.on_grid(grid).ravel(), inr.image(grid.points)))
    True
    """

    def __init__(self, encoding: Encoding, network: Network, *, complex_output: bool = False) -> None:
        if not isinstance(encoding, Encoding):
            raise TypeError(f"encoding: expected an Encoding, got {type(encoding).__name__}")
        if not isinstance(network, Network) or not isinstance(network, torch.nn.Module):
            raise TypeError(
                f"network: expected a torch module with the attributes of srinr.networks.base.Network, "
                f"got {type(network).__name__}"
            )
        n_inputs = network.first_weight.shape[1]
        if n_inputs != encoding.n_features:
            raise ValueError(
                f"the network takes {n_inputs} features, the encoding gives {encoding.n_features}; "
                "build the network with n_features=encoding.n_features"
            )
        expected = 2 if complex_output else 1
        if network.out_features != expected:
            raise ValueError(
                f"complex_output={complex_output} needs a network with out_features={expected}, "
                f"got {network.out_features}"
            )
        self.encoding = encoding
        self.network = network
        self.complex_output = complex_output
        #: Lower precision of the layers after the first (their matrix products), e.g. torch.bfloat16 for early
        #: training of float32 weights; None computes in the precision of the weights.
        self.hidden_dtype: torch.dtype | None = None

    @property
    def dim(self) -> int:
        """Dimension d of the domain."""
        return self.encoding.dim

    @property
    def module(self) -> torch.nn.Module:
        """The network as a torch module."""
        assert isinstance(self.network, torch.nn.Module)
        return self.network

    @property
    def n_parameters(self) -> int:
        """Number of real parameters."""
        return sum(p.numel() for p in self.parameters())

    def parameters(self) -> Iterator[torch.nn.Parameter]:
        """Parameters of the network, in a fixed order."""
        return self.module.parameters()

    def copy(self) -> INR:
        """A copy with its own parameters."""
        return INR(self.encoding, copy.deepcopy(self.network), complex_output=self.complex_output)

    def values(self, points: torch.Tensor) -> torch.Tensor:
        """Differentiable values (n,) at points (n, d)."""
        bias = self.network.first_bias
        pre = self.encoding.features(points) @ self.network.first_weight.T
        return self._after_first(pre if bias is None else pre + bias)

    def pixels(self, grid: Grid, *, chunk_size: int | None = None) -> torch.Tensor:
        """Differentiable pixel values, shape ``grid.shape``.

        Parameters
        ----------
        grid : Grid
            Where to evaluate; lattice features are synthesized separably.
        chunk_size : int, optional
            Points whose intermediate values are held at a time; the backward pass then computes them again.
            By default everything is held.
        """
        if grid.dim != self.dim:
            raise ValueError(f"the INR lives in dimension {self.dim}, the grid has shape {grid.shape}")
        n_rows = grid.shape[0]
        per_row = grid.n_points // n_rows
        step = n_rows if chunk_size is None else max(1, chunk_size // per_row)
        if step >= n_rows:
            return self._rows(grid, None).reshape(grid.shape)
        parts = [
            checkpoint(self._rows, grid, (start, min(start + step, n_rows)), use_reentrant=False)
            for start in range(0, n_rows, step)
        ]
        return torch.cat(parts).reshape(grid.shape)

    def _rows(self, grid: Grid, rows: tuple[int, int] | None) -> torch.Tensor:
        # (P, n) in memory, read as (n, P): matrix products take the transposed layout without a copy.
        pre = self.encoding.linear_on_grid(self.network.first_weight, grid, rows).T
        bias = self.network.first_bias
        return self._after_first(pre if bias is None else pre + bias)

    def _after_first(self, preactivation: torch.Tensor) -> torch.Tensor:
        if self.hidden_dtype is None:
            outputs = self.network.after_first(preactivation)
        else:
            with torch.autocast(preactivation.device.type, dtype=self.hidden_dtype):
                outputs = self.network.after_first(preactivation).to(preactivation.dtype)
        return torch.complex(outputs[:, 0], outputs[:, 1]) if self.complex_output else outputs[:, 0]

    def image(self, points: NDArray[np.float64], *, chunk_size: int | None = None) -> NDArray[Any]:
        """Values at points, as NumPy.

        Parameters
        ----------
        points : array, shape (n, d)
            In fields of view; lattice features repeat the image outside [0, 1)^d.
        chunk_size : int, optional
            Points evaluated at a time; by default as many as take half a gigabyte.

        Returns
        -------
        array of float64 (complex128 for complex images), shape (n,)
        """
        x = np.asarray(points, dtype=np.float64)
        if x.ndim != 2 or x.shape[1] != self.dim:
            raise ValueError(f"points must have shape (n, {self.dim}), got {x.shape}")
        n = self._points_at_a_time(chunk_size)
        reference = next(self.parameters())
        parts = [np.empty(0, dtype=np.complex128 if self.complex_output else np.float64)]
        with torch.no_grad(), memory_hint(f"chunk_size below {n}"):
            for start in range(0, len(x), n):
                chunk = torch.from_numpy(np.array(x[start : start + n]))
                parts.append(_to_numpy(self.values(chunk.to(reference))))
        return np.concatenate(parts)

    def _points_at_a_time(self, chunk_size: int | None) -> int:
        if chunk_size is None:
            return max(1, _CHUNK_NUMBERS // (self.network.values_per_point + 4 * self.encoding.n_features))
        if chunk_size < 1:
            raise ValueError(f"chunk_size must be at least 1, got {chunk_size}")
        return chunk_size

    def on_grid(self, grid: Grid, *, chunk_size: int | None = None) -> NDArray[Any]:
        """Pixel values on a grid as NumPy, shape ``grid.shape``; lattice features are evaluated separably."""
        if grid.dim != self.dim:
            raise ValueError(f"the INR lives in dimension {self.dim}, the grid has shape {grid.shape}")
        n = self._points_at_a_time(chunk_size)
        step = max(1, n // (grid.n_points // grid.shape[0]))
        with torch.no_grad(), memory_hint(f"chunk_size below {n} (to on_grid)"):
            parts = [
                _to_numpy(self._rows(grid, (start, min(start + step, grid.shape[0]))))
                for start in range(0, grid.shape[0], step)
            ]
        return np.concatenate(parts).reshape(grid.shape)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write weights (safetensors) with a JSON description in the file's metadata, atomically.

        Parameters that are not trained (``requires_grad`` is False) are read back as such.
        """
        names = type(self.encoding).__name__, type(self.network).__name__
        if names[0] not in _ENCODINGS or names[1] not in _NETWORKS:
            raise SrinrError(
                f"only INRs built from {sorted(_ENCODINGS)} and {sorted(_NETWORKS)} can be saved, got {names}; "
                "save inr.module.state_dict() yourself"
            )
        description = {
            "format": _FORMAT,
            "encoding": {"name": names[0], **self.encoding.spec()},
            "network": {"name": names[1], **self.network.spec()},
            "complex_output": self.complex_output,
            "frozen": [name for name, p in self.module.named_parameters() if not p.requires_grad],
        }
        tensors = {name: t.detach().cpu().contiguous() for name, t in self.module.state_dict().items()}
        with atomic_path(path) as temporary:
            try:
                save_file(tensors, temporary, metadata={"srinr": json.dumps(description)})
            except SafetensorError as error:
                raise OSError(str(error)) from error

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> INR:
        """Read a file written by :meth:`save`; nothing is unpickled.

        Raises
        ------
        FileFormatError
            When the file is missing, truncated, or not an INR of srinr.
        """
        try:
            with safe_open(path, framework="pt") as stream:
                description = json.loads((stream.metadata() or {})["srinr"])
                tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
            if description["format"] != _FORMAT:
                raise FileFormatError(f"{path}: format {description['format']!r} is not {_FORMAT!r}")
            encoding, network = dict(description["encoding"]), dict(description["network"])
            enc = _ENCODINGS[encoding.pop("name")].from_spec(encoding)
            net = _NETWORKS[network.pop("name")].from_spec(network)
            net.load_state_dict(tensors, assign=True)
            frozen = description.get("frozen", [])
            for name, parameter in net.named_parameters():
                parameter.requires_grad_(name not in frozen)
            return cls(enc, net, complex_output=description["complex_output"])
        except FileNotFoundError as error:
            raise FileFormatError(f"{path}: no such file") from error
        except (SafetensorError, OSError, KeyError, TypeError, RuntimeError, ValueError) as error:
            if isinstance(error, FileFormatError):
                raise
            raise FileFormatError(
                f"{path}: not an INR written by srinr, or damaged ({error}); expected a file of INR.save"
            ) from error

    def __repr__(self) -> str:
        return f"INR({self.encoding!r}, {type(self.network).__name__}, {self.n_parameters} parameters)"


def _to_numpy(values: torch.Tensor) -> NDArray[Any]:
    wanted = torch.complex128 if values.is_complex() else torch.float64
    return values.detach().to(device="cpu", dtype=wanted).numpy()


def inr_from_measure(measure: DiscreteMeasure, encoding: Encoding) -> INR:
    """The shallow ReLU INR that a discrete measure is, balanced so that ``|a_i| = |w_i|``.

    Examples
    --------
    >>> from srinr import DiscreteMeasure, FourierFeatures, inr_from_measure, measure_from_inr
    >>> measure = DiscreteMeasure([[0.0, 1.0, 0.0]], [4.0])
    >>> inr = inr_from_measure(measure, FourierFeatures.lattice(1, dim=1))
    >>> measure_from_inr(inr).amplitudes.tolist()
    [4.0]
    """
    if measure.atoms.shape[1] != encoding.n_features:
        raise ValueError(
            f"the measure lives in dimension {measure.atoms.shape[1]}, the encoding gives {encoding.n_features} features"
        )
    mass = np.abs(measure.amplitudes) * np.linalg.norm(measure.atoms, axis=1)
    keep = mass > 0
    atoms, amplitudes, mass = measure.atoms[keep], measure.amplitudes[keep], mass[keep]
    if not len(mass):  # the zero image still needs one neuron
        atoms, amplitudes, mass = np.zeros((1, encoding.n_features)), np.zeros(1), np.zeros(1)
    network = ShallowReLU(encoding.n_features, len(mass))
    norms = np.maximum(np.linalg.norm(atoms, axis=1), np.finfo(float).tiny)
    with torch.no_grad():
        network.inner.copy_(torch.from_numpy(atoms * (np.sqrt(mass) / norms)[:, None]))
        network.outer.copy_(torch.from_numpy((np.sign(amplitudes) * np.sqrt(mass))[None]))
    return INR(encoding, network)


def measure_from_inr(inr: INR) -> DiscreteMeasure:
    """The discrete measure (atoms of unit length) that a real shallow ReLU INR is."""
    if not isinstance(inr.network, ShallowReLU) or inr.complex_output:
        raise ValueError("only a real INR with a ShallowReLU network is a measure")
    inner = inr.network.inner.detach().to(device="cpu", dtype=torch.float64).numpy()
    outer = inr.network.outer.detach().to(device="cpu", dtype=torch.float64).numpy()[0]
    return DiscreteMeasure(inner, outer).normalized()


def default_chunk_size(inr: INR, memory_limit: int, itemsize: int) -> int:
    """Points whose intermediate values fit into ``memory_limit`` bytes during a training step."""
    return max(1, math.floor(memory_limit / (itemsize * max(1, inr.network.values_per_point))))
