"""An INR on the pixels of a grid, as a function of its trainable parameters."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.func import functional_call

from srinr.domain import Grid
from srinr.inr import INR
from srinr.meta_steps import Parameters


class PixelModel:
    """An INR on the pixels of a grid as a function of its trainable parameters.

    The features of the grid are formed once: images of a family are small, and transforms of the function
    (``grad`` of ``grad``, ``vmap``) then meet nothing but the network.

    Parameters
    ----------
    inr : INR
        Real-valued; it is copied and not modified.
    shape : (h, w)
        Pixels of the images, on ``Grid(shape)`` over the field of view.
    dtype, device
        Precision and place of the computation.
    mask : boolean array, shape (h, w), optional
        The loss sees only the pixels where it is True.

    Attributes
    ----------
    parameters : dict of tensors
        The trainable parameters at the start.
    """

    def __init__(
        self,
        inr: INR,
        shape: tuple[int, int],
        dtype: torch.dtype,
        device: str | torch.device = "cpu",
        mask: NDArray[np.bool_] | None = None,
    ) -> None:
        check_inr(inr, shape)
        if dtype not in (torch.float32, torch.float64):
            raise ValueError(f"dtype must be torch.float32 or torch.float64, got {dtype}")
        self.inr = inr.copy()
        self._start = inr.copy()  # frozen tensors come back from here, not rounded to the dtype
        self.inr.module.to(device=device, dtype=dtype)
        points = torch.from_numpy(Grid(shape).points)
        self.features = self.inr.encoding.features(points).to(device=device, dtype=dtype).detach()
        self.seen = None if mask is None else torch.from_numpy(_checked_mask(mask, shape)).to(device)
        self.forward = _OnFeatures(self.inr)
        named = self.forward.named_parameters()
        self.parameters = {name: p.detach().clone() for name, p in named if p.requires_grad}
        if not self.parameters:
            raise ValueError("the INR has no trainable parameter (requires_grad is False everywhere)")

    def values(self, parameters: Parameters) -> torch.Tensor:
        """Pixel values, shape (h w,)."""
        out: torch.Tensor = functional_call(self.forward, parameters, (self.features,))
        return out

    def loss(self, parameters: Parameters, target: torch.Tensor) -> torch.Tensor:
        """Mean squared error over the pixels (those of the mask) against a target of shape (h w,)."""
        squared = (self.values(parameters) - target).square()
        return squared.mean() if self.seen is None else squared[self.seen].mean()

    def targets(self, images: NDArray[np.float64]) -> torch.Tensor:
        """Images (n, h, w) as a tensor (n, h w)."""
        flat = torch.from_numpy(np.array(images).reshape(len(images), -1))
        return flat.to(self.features)

    def inr_with(self, parameters: Parameters) -> INR:
        """A float64 INR on the CPU with the given parameters."""
        result = self._start.copy()
        with torch.no_grad():
            for name, parameter in _OnFeatures(result).named_parameters():
                if name in parameters:
                    parameter.copy_(parameters[name])
        result.module.to(device="cpu", dtype=torch.float64)
        return result


class _OnFeatures(torch.nn.Module):
    """Real pixel values from features, for any network of the protocol."""

    def __init__(self, inr: INR) -> None:
        super().__init__()
        self.network = inr.module
        self._network = (inr.network,)  # in a tuple: not registered a second time

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        network = self._network[0]
        pre = features @ network.first_weight.T
        bias = network.first_bias
        return network.after_first(pre if bias is None else pre + bias)[:, 0]


def check_inr(inr: INR, shape: tuple[int, ...]) -> None:
    """Refuse what cannot be fitted to gray images by pixels."""
    if not isinstance(inr, INR):
        raise TypeError(f"inr: expected an INR, got {type(inr).__name__}")
    if inr.complex_output:
        raise ValueError(
            "inr has complex output; images are real and have one channel: build it with one output"
        )
    if inr.dim != len(shape):
        raise ValueError(
            f"inr lives in dimension {inr.dim}, the images have shape {shape}; use dim={len(shape)}"
        )
    if not all(bool(torch.isfinite(p).all()) for p in inr.parameters()):
        raise ValueError("inr has NaN or infinite parameters; start from another one")


def check_count(name: str, value: Any, least: int) -> None:
    """Refuse anything but an integer of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")


def check_rate(name: str, value: Any) -> float:
    """A finite number that is not negative, as float."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not (math.isfinite(value) and value >= 0)
    ):
        raise ValueError(f"{name} must be a number >= 0, got {value!r}")
    return float(value)


def _checked_mask(mask: Any, shape: tuple[int, int]) -> NDArray[np.bool_]:
    array = np.asarray(mask)
    if array.dtype != np.bool_ or array.shape != shape or not array.any():
        raise ValueError(
            f"mask must be a boolean array of shape {shape} that is True somewhere, got {array.dtype} {array.shape}"
        )
    return np.array(array).ravel()


def problem_fingerprint(inr: INR, images: NDArray[np.float64], *settings: object) -> str:
    """By which a saved state recognizes its problem: start, images and settings."""
    digest = hashlib.sha256()
    for tensor in inr.module.state_dict().values():
        digest.update(tensor.detach().cpu().numpy().tobytes())
    digest.update(np.ascontiguousarray(images).tobytes())
    parts = [(type(part).__name__, part.spec()) for part in (inr.encoding, inr.network)]
    trainable = [p.requires_grad for p in inr.parameters()]
    digest.update(repr((parts, trainable, images.shape, settings)).encode())
    return digest.hexdigest()
