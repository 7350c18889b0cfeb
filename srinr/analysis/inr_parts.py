"""Encoding, network and parameters of an INR of the kind that an expansion knows."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from srinr.inr import INR

EncodingT = TypeVar("EncodingT")
NetworkT = TypeVar("NetworkT")


def parameter_array(parameter: torch.Tensor) -> NDArray[np.float64]:
    """A parameter as float64 on the CPU, without its history."""
    values: NDArray[np.float64] = parameter.detach().to(device="cpu", dtype=torch.float64).numpy()
    return values


def inr_parts(inr: object, encoding: type[EncodingT], network: type[NetworkT]) -> tuple[EncodingT, NetworkT]:
    """Encoding and network of an INR that has these kinds; a TypeError says what came otherwise."""
    if isinstance(inr, INR) and isinstance(inr.encoding, encoding) and isinstance(inr.network, network):
        return inr.encoding, inr.network
    came = type(inr).__name__
    if isinstance(inr, INR):
        came = f"INR({type(inr.encoding).__name__}, {type(inr.network).__name__})"
    raise TypeError(f"inr: expected INR({encoding.__name__}, {network.__name__}), got {came}")
