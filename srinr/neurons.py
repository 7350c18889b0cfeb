"""The hidden images of a shallow INR, evaluated by blocks of neurons: what the modified weight decays look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
from torch.utils.checkpoint import checkpoint

from srinr.domain import Grid
from srinr.inr import INR
from srinr.networks.shallow import ShallowReLU
from srinr.operators.linear import LinearOperator

T = TypeVar("T")


def shallow(inr: INR) -> ShallowReLU:
    """The network of a shallow INR.

    Raises
    ------
    ValueError
        For any other network.
    """
    if not isinstance(inr.network, ShallowReLU):
        raise ValueError(
            f"this weighting is defined for one hidden ReLU layer (ShallowReLU), got {type(inr.network).__name__}; "
            "use WeightDecay"
        )
    return inr.network


def small_chunk(inr: INR, grid: Grid) -> int:
    """Points times the width whose hidden images take at most 64 MB: ``fit`` asks when memory may be short."""
    return max(1, min(grid.n_points, 2**23 // shallow(inr).width))


def neuron_samples(inr: INR, operator: LinearOperator, grid: Grid, chunk_size: int) -> torch.Tensor:
    """Samples ``F_Omega relu(<w_i, gamma>)`` of each neuron, shape (P, *operator.out_shape)."""
    network = shallow(inr)

    def samples(block: slice) -> torch.Tensor:
        hidden = torch.relu(inr.encoding.linear_on_grid(network.inner[block], grid))
        return operator.forward(hidden.reshape(-1, *grid.shape))

    return torch.cat(list(_by_blocks(samples, network.width, grid, chunk_size)))


def image_and_means(inr: INR, grid: Grid, chunk_size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The image (n_points,) and the mean of each neuron (P,), from one evaluation of the hidden images."""
    network = shallow(inr)

    def image_and_mean(block: slice) -> tuple[torch.Tensor, torch.Tensor]:
        hidden = torch.relu(inr.encoding.linear_on_grid(network.inner[block], grid))
        return network.outer[:, block] @ hidden, hidden.mean(dim=1)

    image: torch.Tensor | None = None
    means = []
    # Summed as they come: the parts of the image together would take more memory the smaller the blocks.
    for part, mean in _by_blocks(image_and_mean, network.width, grid, chunk_size):
        image = part if image is None else image + part
        means.append(mean)
    assert image is not None
    return (torch.complex(image[0], image[1]) if inr.complex_output else image[0]), torch.cat(means)


def _by_blocks(function: Callable[[slice], T], width: int, grid: Grid, chunk_size: int) -> Iterator[T]:
    """Apply a function to blocks of neurons; with several blocks, the backward pass recomputes them."""
    # chunk_size counts points times the whole width; a block of neurons holds as many numbers.
    size = max(1, chunk_size * width // grid.n_points)
    if size >= width:
        yield function(slice(0, width))
        return
    for start in range(0, width, size):
        yield checkpoint(function, slice(start, start + size), use_reentrant=False)
