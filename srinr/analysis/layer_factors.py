"""Gradients of a network with respect to its layers, as two thin factors per layer instead of one wide Jacobian.

For a layer ``u = W z + b`` the gradient of a scalar output with respect to ``W`` is the outer product of
``G = df/du`` and of the layer's input ``z``. Hence a tangent kernel needs no Jacobian (n, P):

    K = sum_l (G_l G_l^T) * (Z_l Z_l^T + 1)        (* elementwise; without "+ 1" where there is no bias)

One forward and one backward pass over the layers, written by hand in float64, give all factors.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from srinr.analysis.kernel_arguments import checked_limit, checked_points
from srinr.analysis.tangent_model import Outputs, TangentModel, has_parameters, tangent_model
from srinr.inr import INR
from srinr.networks.mlp import MLP
from srinr.networks.shallow import ShallowReLU
from srinr.networks.siren import Siren

#: A tile of the kernel, its elementwise factors and its sum stay in a processor's cache at this side.
_TILE = 512

#: Names of the weight matrix and the bias of a layer.
_Names = tuple[str, str | None]

#: Value and slope of an activation at pre-activations.
_Activation = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


@dataclass(frozen=True)
class LayerFactors:
    """Factors of one layer's gradients.

    Parameters
    ----------
    gradients : array, shape (m, n, width)
        ``G``: derivative of head ``k`` at point ``i`` with respect to the layer's pre-activations.
    inputs : array, shape (n, fan_in)
        ``Z``: inputs of the layer.
    has_weight, has_bias : bool
        Whether the layer's weight matrix and its bias count: the layer's term of the kernel is
        ``(G G^T) * (has_weight Z Z^T + has_bias)``.
    """

    gradients: Any
    inputs: Any
    has_weight: bool
    has_bias: bool


@dataclass(frozen=True)
class _Layer:
    weight: torch.Tensor
    bias: torch.Tensor | None
    has_weight: bool
    has_bias: bool
    activation: _Activation | None  # None after the last layer


def _rectify(u: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return u.clamp(min=0.0), (u > 0).to(u.dtype)  # slope 0 at the kink, as autodiff has it


def _sine(omega: float) -> _Activation:
    return lambda u: (torch.sin(omega * u), omega * torch.cos(omega * u))


def _description(network: object) -> tuple[list[_Names], list[_Activation]] | None:
    """Names of (weight, bias) per layer and the activations between; None for a network not known here.

    Exact types: a subclass may compute something else.
    """
    if type(network) is ShallowReLU:
        return [("inner", None), ("outer", None)], [_rectify]
    if type(network) is MLP:
        n = network.depth
        names: list[_Names] = [("weights.0", None if network.first_bias is None else "input_bias")]
        names += [(f"weights.{i}", f"biases.{i - 1}") for i in range(1, n)]
        return names, [_rectify] * (n - 1)
    if type(network) is Siren:
        names = [(f"weights.{i}", f"biases.{i}") for i in range(network.depth)]
        hidden = _sine(network.omega_hidden)
        return names, [_sine(network.omega_first)] + [hidden] * (network.depth - 2)
    return None


def _layers(model: TangentModel) -> tuple[_Layer, ...] | None:
    if not isinstance(model.source, INR) or has_parameters(model.source.encoding):
        return None
    description = _description(model.source.network)
    if description is None:
        return None
    tensors = model.selected | model.constants
    names, activations = description
    return tuple(
        _Layer(
            tensors[f"network.{weight}"],
            None if bias is None else tensors[f"network.{bias}"],
            f"network.{weight}" in model.selected,
            bias is not None and f"network.{bias}" in model.selected,
            activation,
        )
        for (weight, bias), activation in zip(names, [*activations, None], strict=True)
    )


class FactoredJacobian:
    """The Jacobian of a network at points, held as the factors of its layers.

    It knows three things: tiles of ``J J'^T``, products with ``J`` and ``J^T``, and the squared lengths of its
    rows. Points come in blocks whose factors fit into a share of the memory; when all fit they are kept.

    Parameters
    ----------
    model : TangentModel
        With layers of known structure (see :meth:`supports`).
    points : array, shape (n, d)
        In fields of view.
    memory_limit : int
        Bytes that the factors of a block, with what is needed to compute them, may take.

    Raises
    ------
    ValueError
        When the factors of a single point do not fit into the limit.
    """

    def __init__(self, model: TangentModel, points: NDArray[np.float64], memory_limit: int) -> None:
        layers = _layers(model)
        assert layers is not None, "ask supports() first"
        self._model, self._points, self._layers = model, points, layers
        self._lowest = next(i for i, layer in enumerate(layers) if layer.has_weight or layer.has_bias)
        m = len(model.heads.weights)
        # Inputs, slopes, gradients of every head, and as much again while they are computed.
        numbers = sum(2 * layer.weight.shape[1] + (2 + 2 * m) * layer.weight.shape[0] for layer in layers)
        step = memory_limit // (8 * numbers)
        if step < 1:
            raise ValueError(
                f"memory_limit is too small: the factors of one point take {8 * numbers} bytes and this block may "
                f"take {memory_limit}; raise memory_limit"
            )
        self.blocks = [slice(i, min(i + step, len(points))) for i in range(0, len(points), step)]
        self._kept: tuple[LayerFactors, ...] | None = None

    @staticmethod
    def supports(model: TangentModel) -> bool:
        """Whether the layers of this model are known."""
        return _layers(model) is not None

    @property
    def count(self) -> int:
        """Rows of the Jacobian per point."""
        return self._model.heads.count

    @property
    def n_points(self) -> int:
        """Number of points."""
        return len(self._points)

    def block(self, part: slice) -> tuple[LayerFactors, ...]:
        """Factors of one of the blocks; computed again unless there is only one."""
        if self._kept is not None:
            return self._kept
        factors = self._compute(self._points[part])
        if len(self.blocks) == 1:
            self._kept = factors
        return factors

    def _compute(self, points: NDArray[np.float64]) -> tuple[LayerFactors, ...]:
        with torch.no_grad():
            z, inputs, slopes = self._model.inputs(points), [], []
            for layer in self._layers:
                inputs.append(z)
                if layer.activation is not None:
                    z, slope = layer.activation(torch.nn.functional.linear(z, layer.weight, layer.bias))
                    slopes.append(slope)
            heads = self._model.heads
            # (m, n, C): the last layer's pre-activations are the outputs, the same gradient at all points.
            g = heads.weights[:, None, :].expand(-1, len(points), -1)
            factors = []
            for i in range(len(self._layers) - 1, self._lowest - 1, -1):
                layer = self._layers[i]
                if layer.has_weight or layer.has_bias:
                    kept = g.permute(1, 0, 2).flatten(1)[None] if heads.averaged else g
                    factors.append(LayerFactors(kept, inputs[i], layer.has_weight, layer.has_bias))
                if i > self._lowest:
                    g = (g @ layer.weight) * slopes[i - 1]
        if not all(bool(torch.isfinite(f.gradients).all()) for f in factors):
            raise ValueError("gradients of the model are not finite: its weights or features are too large")
        return tuple(reversed(factors))

    @staticmethod
    def gram(
        rows: tuple[LayerFactors, ...], columns: tuple[LayerFactors, ...], *, upper: bool, room: int
    ) -> Iterator[tuple[slice, slice, torch.Tensor]]:
        """Tiles ``(rows, columns, values (m, r, m', c))`` of the kernel between two blocks.

        ``upper`` leaves out tiles below the diagonal; ``room`` is the number of bytes a tile may take with
        everything it needs.
        """
        first, second = rows[0].inputs, columns[0].inputs
        m, m_other = len(rows[0].gradients), len(columns[0].gradients)
        side = max(1, min(_TILE, int((room / (8 * (m * m_other + 2))) ** 0.5)))
        for i in range(0, len(first), side):
            for j in range(i if upper else 0, len(second), side):
                r, c = slice(i, min(i + side, len(first))), slice(j, min(j + side, len(second)))
                yield r, c, _tile(rows, columns, r, c)

    def pull(self, values: torch.Tensor) -> list[torch.Tensor]:
        """``J^T v`` for v of shape (m, n): for each layer its weights' part, then its biases' part."""
        total: list[torch.Tensor] = []
        for part in self.blocks:
            v = values[:, part, None]
            pieces = []
            for f in self.block(part):
                weighted = f.gradients * v
                if f.has_weight:
                    pieces.append(weighted.flatten(0, 1).T @ f.inputs.repeat(len(v), 1))
                if f.has_bias:
                    pieces.append(weighted.sum(dim=(0, 1)))
            total = [a + b for a, b in zip(total, pieces, strict=True)] if total else pieces
        return total

    def push(self, direction: list[torch.Tensor]) -> torch.Tensor:
        """``J p`` for a direction as :meth:`pull` gives it, shape (m, n)."""
        parts = []
        for part in self.blocks:
            factors, pieces = self.block(part), iter(direction)
            out = torch.zeros(factors[0].gradients.shape[:2], dtype=torch.float64, device=self._model.device)
            for f in factors:
                if f.has_weight:
                    out += ((f.gradients @ next(pieces)) * f.inputs).sum(dim=2)
                if f.has_bias:
                    out += f.gradients @ next(pieces)
            parts.append(out)
        return torch.cat(parts, dim=1)

    def diagonal(self) -> torch.Tensor:
        """Squared lengths of the rows, shape (m, n)."""
        parts = []
        for part in self.blocks:
            terms = [
                f.gradients.square().sum(dim=2)
                * (f.inputs.square().sum(dim=1) * float(f.has_weight) + float(f.has_bias))
                for f in self.block(part)
            ]
            parts.append(torch.stack(terms).sum(dim=0))
        return torch.cat(parts, dim=1)


def _tile(
    rows: tuple[LayerFactors, ...], columns: tuple[LayerFactors, ...], r: slice, c: slice
) -> torch.Tensor:
    m, m_other = len(rows[0].gradients), len(columns[0].gradients)
    shape = (m, r.stop - r.start, m_other, c.stop - c.start)
    tile = torch.zeros(shape, dtype=torch.float64, device=rows[0].inputs.device)
    for a, b in zip(rows, columns, strict=True):
        inputs = a.inputs[r] @ b.inputs[c].T if a.has_weight else None
        if inputs is not None and a.has_bias:
            inputs += 1.0
        for k in range(m):
            for k_other in range(m_other):
                gradients = a.gradients[k, r] @ b.gradients[k_other, c].T
                if inputs is None:
                    tile[k, :, k_other] += gradients
                else:
                    tile[k, :, k_other].addcmul_(gradients, inputs)
    return tile


def layer_factors(
    inr: INR,
    points: ArrayLike,
    *,
    parameters: Collection[str] | None = None,
    outputs: Outputs | None = None,
    memory_limit: int = 2**30,
) -> tuple[LayerFactors, ...]:
    """Gradients with respect to the layers of an MLP, Siren or ShallowReLU, in factors.

    Parameters
    ----------
    inr : INR
        With any encoding without parameters of its own; everything is computed in float64 from a copy of the weights.
    points : array, shape (n, d)
        In fields of view.
    parameters : collection of str, optional
        Names (or first parts of names) of the parameters that count; by default all that require gradients.
    outputs : OutputReduction or OneOutput, optional
        Which scalar outputs; needed when there are several. ``TRACE`` lays the outputs side by side in one head.
    memory_limit : int, default 1 GiB
        Bytes of the work beyond the result: points are taken in blocks.

    Returns
    -------
    tuple of LayerFactors
        First layer first, float64 NumPy; layers without a parameter that counts are left out. The factor of an
        activation (``omega cos(omega u)`` of a sine) is in the gradients.

    Raises
    ------
    ValueError
        For a network of another type, NaN, wrong shapes, or when nothing counts.

    Notes
    -----
    Source: structured dictionaries, eq. 8, with the chain rule through ``u_l = W_l z_(l-1) + b_l``.

    Examples
    --------
    >>> from srinr import INR, Coordinates, Siren
    >>> inr = INR(Coordinates(2), Siren(2, width=4, depth=2, seed=0))
    >>> factors = layer_factors(inr, [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])
    >>> [(f.gradients.shape, f.inputs.shape) for f in factors]
    [((1, 3, 4), (3, 2)), ((1, 3, 1), (3, 4))]
    >>> kernel = sum((f.gradients[0] @ f.gradients[0].T) * (f.inputs @ f.inputs.T + 1) for f in factors)
    >>> kernel.shape
    (3, 3)
    """
    x = checked_points(points)
    model = tangent_model(inr, x, parameters=parameters, outputs=outputs)
    if not FactoredJacobian.supports(model):
        raise ValueError(
            "layer_factors knows INRs with an MLP, Siren or ShallowReLU and an encoding without parameters; "
            "use tangent_kernel, which takes any model"
        )
    jacobian = FactoredJacobian(model, x, checked_limit(memory_limit))
    blocks = [jacobian.block(part) for part in jacobian.blocks]
    axis = {"gradients": 1, "inputs": 0}
    return tuple(
        LayerFactors(
            **{
                key: torch.cat([getattr(f, key) for f in same], dim=d).cpu().numpy()
                for key, d in axis.items()
            },
            has_weight=same[0].has_weight,
            has_bias=same[0].has_bias,
        )
        for same in zip(*blocks, strict=True)
    )
