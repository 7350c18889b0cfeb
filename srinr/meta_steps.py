"""Arithmetic of meta-learning: inner gradient descent, outer gradients, and the loop of an outer optimizer.

With ``l(theta, g)`` the loss of parameters theta on an image g, the inner descent is

    theta_0 = theta,   theta_(s+1) = theta_s - a grad l(theta_s, g),   s = 0..S-1

and the outer step follows the mean over a batch of one of

    second-order MAML    d/dtheta l(theta_S, g)          (Finn, Abbeel and Levine, ICML 2017, eq. 1)
    first-order MAML     grad l at theta_S               (section 5.2 there)
    Reptile              theta - theta_S                 (Nichol, Achiam and Schulman, arXiv:1803.02999, eq. 1)

The functions take any loss of a dictionary of tensors; images of a batch are treated together (``vmap``).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.func import grad, grad_and_value, vmap

Parameters = dict[str, torch.Tensor]
Loss = Callable[[Parameters, torch.Tensor], torch.Tensor]
#: Outer gradient (one tensor per parameter) and the mean loss of the batch after adaptation.
Direction = tuple[Parameters, torch.Tensor]


def descend(loss: Loss, start: Parameters, target: torch.Tensor, rate: float, n_steps: int) -> Parameters:
    """Parameters after ``n_steps`` steps of gradient descent on one image; differentiable in ``start``.

    Examples
    --------
    >>> def loss(p, target):
    ...     return 0.5 * (p["w"] - target).square().sum()
    >>> start, target = {"w": torch.tensor([2.0])}, torch.tensor([0.0])
    >>> descend(loss, start, target, 0.5, 2)["w"].tolist()
    [0.5]
    """
    parameters = start
    for _ in range(n_steps):
        gradient = grad(loss)(parameters, target)
        parameters = {name: value - rate * gradient[name] for name, value in parameters.items()}
    return parameters


def maml_direction(
    loss: Loss, start: Parameters, targets: torch.Tensor, rate: float, n_steps: int
) -> Direction:
    """Gradient of the mean adapted loss, through the inner steps (second order).

    Parameters
    ----------
    loss : callable
        ``loss(parameters, target)``, a scalar tensor.
    start : dict of tensors
        Parameters theta.
    targets : tensor, shape (B, ...)
        A batch of targets.
    rate, n_steps : float, int
        Inner learning rate a and number of steps S.

    Returns
    -------
    gradient, loss : dict of tensors, scalar tensor
    """

    def adapted_loss(parameters: Parameters, target: torch.Tensor) -> torch.Tensor:
        return loss(descend(loss, parameters, target, rate, n_steps), target)

    def outer(parameters: Parameters) -> torch.Tensor:
        return vmap(adapted_loss, in_dims=(None, 0))(parameters, targets).mean()

    gradient, value = grad_and_value(outer)(start)
    return gradient, value


def first_order_direction(
    loss: Loss, start: Parameters, targets: torch.Tensor, rate: float, n_steps: int
) -> Direction:
    """Mean loss gradient at the adapted parameters; arguments as in :func:`maml_direction`."""
    adapted = _adapted(loss, start, targets, rate, n_steps)
    gradients, values = vmap(grad_and_value(loss))(adapted, targets)
    return {name: value.mean(0) for name, value in gradients.items()}, values.mean()


def reptile_direction(
    loss: Loss, start: Parameters, targets: torch.Tensor, rate: float, n_steps: int
) -> Direction:
    """``theta - mean theta_S``; arguments as in :func:`maml_direction`, with ``n_steps`` at least 1."""
    adapted = _adapted(loss, start, targets, rate, n_steps)
    direction = {name: value - adapted[name].mean(0) for name, value in start.items()}
    return direction, vmap(loss)(adapted, targets).mean()


def _adapted(loss: Loss, start: Parameters, targets: torch.Tensor, rate: float, n_steps: int) -> Parameters:
    """Parameters after the inner steps, one copy per image along a new first axis."""
    n_images = len(targets)
    copies = {name: value.expand(n_images, *value.shape) for name, value in start.items()}
    adapted: Parameters = vmap(lambda p, target: descend(loss, p, target, rate, n_steps))(copies, targets)
    return adapted
