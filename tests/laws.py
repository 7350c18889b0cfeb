"""Laws that every operator must obey, each as one function that raises AssertionError when it is broken.

``tests/core/test_laws.py`` shows that each of them rejects an operator that is wrong in a plausible way.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from srinr.domain import ContinuousImage, Grid
from srinr.operators.linear import LinearOperator

SEEDS = (0, 1, 2)


def random_array(
    shape: tuple[int, ...], rng: np.random.Generator, *, is_complex: bool = True
) -> NDArray[np.generic]:
    """Independent standard normal entries."""
    real = rng.standard_normal(shape)
    return real + 1j * rng.standard_normal(shape) if is_complex else real


def inner(u: NDArray[np.generic], v: NDArray[np.generic]) -> complex:
    """``sum conj(u) v``."""
    return complex(np.vdot(u, v))


def _close(actual: object, expected: object, rtol: float, scale: float, what: str) -> None:
    error = float(np.max(np.abs(np.asarray(actual) - np.asarray(expected)), initial=0.0))
    assert error <= rtol * scale, f"{what}: off by {error:.3g}, allowed {rtol * scale:.3g}"


def check_adjoint(operator: LinearOperator, *, seeds: Sequence[int] = SEEDS, rtol: float = 1e-11) -> None:
    """``<y, A x> = <A* y, x>`` for real and complex x and y; ``.H`` is the same map."""
    for seed in seeds:
        for x_complex in (False, True):
            for y_complex in (False, True):
                rng = np.random.default_rng(seed)
                x = random_array(operator.in_shape, rng, is_complex=x_complex)
                y = random_array(operator.out_shape, rng, is_complex=y_complex)
                forward, back = operator.forward(x), operator.adjoint(y)
                scale = float(np.linalg.norm(forward) * np.linalg.norm(y)) + 1e-300
                _close(inner(y, forward), inner(back, x), rtol, scale, "adjointness")
                _close(operator.H.forward(y), back, rtol, np.abs(back).max() + 1e-300, ".H forward")
                _close(operator.H.adjoint(x), forward, rtol, np.abs(forward).max() + 1e-300, ".H adjoint")
    assert operator.H.H.in_shape == operator.in_shape


def check_linear(operator: LinearOperator, *, seeds: Sequence[int] = SEEDS, rtol: float = 1e-11) -> None:
    """``A (a u + b v) = a A u + b A v`` with complex factors, for the operator and its adjoint."""
    for function, shape, result in (
        (operator.forward, operator.in_shape, operator.out_shape),
        (operator.adjoint, operator.out_shape, operator.in_shape),
    ):
        for seed in seeds:
            rng = np.random.default_rng(seed)
            u, v = random_array(shape, rng), random_array(shape, rng)
            a, b = complex(0.7, -1.3), complex(-2.1, 0.4)
            combined = function(a * u + b * v)
            assert combined.shape == result, f"expected shape {result}, got {combined.shape}"
            expected = a * function(u) + b * function(v)
            _close(combined, expected, rtol, np.abs(expected).max() + 1e-300, "linearity")
            real = random_array(shape, rng, is_complex=False)
            _close(
                function(real), function(real + 0j), rtol, np.abs(function(real)).max() + 1e-300, "real input"
            )


def power_iteration_norm(operator: LinearOperator, *, n_steps: int = 200, seed: int = 0) -> float:
    """Largest singular value by power iteration on ``A* A``."""
    x = random_array(operator.in_shape, np.random.default_rng(seed))
    for _ in range(n_steps):
        x = operator.adjoint(operator.forward(x / np.linalg.norm(x)))
    return float(np.sqrt(np.linalg.norm(x)))


def check_norm(operator: LinearOperator, expected: float, *, rtol: float = 1e-6) -> None:
    """The largest singular value is the one that theory says."""
    measured = power_iteration_norm(operator)
    assert abs(measured - expected) <= rtol * expected, (
        f"operator norm {measured:.12g}, expected {expected:.12g}"
    )


def check_backward(operator: LinearOperator, *, seeds: Sequence[int] = SEEDS, rtol: float = 1e-11) -> None:
    """Autograd of ``Re <y, A x>`` has the directional derivatives ``Re <y, A v>``; likewise through ``.H``.

    The adjoint does not appear in the expected value: a wrong adjoint is caught here as well.
    """
    for op in (operator, operator.H):
        for seed in seeds:
            for is_complex in (False, True):
                rng = np.random.default_rng(seed)
                x = torch.from_numpy(random_array(op.in_shape, rng, is_complex=is_complex)).requires_grad_()
                y = random_array(op.out_shape, rng)
                output = op.forward(x)
                (output.conj() * torch.from_numpy(y)).real.sum().backward()
                assert x.grad is not None, "backward gave no gradient"
                assert x.grad.dtype == x.dtype, f"gradient of dtype {x.grad.dtype} for input {x.dtype}"
                gradient = x.grad.resolve_conj().numpy()
                for _ in range(3):
                    v = random_array(op.in_shape, rng, is_complex=is_complex)
                    image = op.forward(v)
                    scale = float(np.linalg.norm(y) * np.linalg.norm(image)) + 1e-300
                    _close(inner(gradient, v).real, inner(y, image).real, rtol, scale, "backward")


def check_second_derivative(operator: LinearOperator, *, seed: int = 0, rtol: float = 1e-10) -> None:
    """The Hessian of ``1/2 |A x|^2`` is ``Re A* A``: ``<u, H v> = Re <A u, A v>`` for real directions."""
    rng = np.random.default_rng(seed)
    x = torch.from_numpy(random_array(operator.in_shape, rng, is_complex=False)).requires_grad_()
    u, v = (random_array(operator.in_shape, rng, is_complex=False) for _ in range(2))
    loss = 0.5 * operator.forward(x).abs().square().sum()
    (gradient,) = torch.autograd.grad(loss, x, create_graph=True)
    (product,) = torch.autograd.grad((gradient * torch.from_numpy(v)).sum(), x)
    au, av = operator.forward(u), operator.forward(v)
    scale = float(np.linalg.norm(au) * np.linalg.norm(av)) + 1e-300
    _close(inner(u, product.numpy()), inner(au, av).real, rtol, scale, "second derivative")


def check_array_kinds(operator: LinearOperator, *, seed: int = 0) -> None:
    """NumPy in, NumPy out (double precision); torch in, torch out (same precision); inputs untouched."""
    for function, shape in ((operator.forward, operator.in_shape), (operator.adjoint, operator.out_shape)):
        x = random_array(shape, np.random.default_rng(seed))
        reference = function(x)
        assert isinstance(reference, np.ndarray), f"NumPy in gave {type(reference).__name__}"
        assert reference.dtype == np.complex128
        scale = float(np.abs(reference).max()) + 1e-300
        frozen = x.copy()
        frozen.setflags(write=False)
        _close(function(frozen), reference, 0.0, scale, "read-only input")
        reversed_twice = x[tuple(slice(None, None, -1) for _ in shape)].copy()
        view = reversed_twice[tuple(slice(None, None, -1) for _ in shape)]
        _close(function(view), reference, 1e-13, scale, "negative strides")
        _close(function(np.asfortranarray(x)), reference, 1e-13, scale, "Fortran order")
        single = function(x.astype(np.complex64))
        assert single.dtype == np.complex128, "NumPy results are double precision"
        for dtype, rtol in ((torch.complex128, 1e-13), (torch.complex64, 1e-4)):
            tensor = torch.from_numpy(x).to(dtype)
            before = tensor.clone()
            output = function(tensor)
            assert isinstance(output, torch.Tensor), f"torch in gave {type(output).__name__}"
            assert output.dtype == dtype, f"{dtype} in gave {output.dtype}"
            _close(output.resolve_conj().numpy(), reference, rtol, scale, "torch and NumPy disagree")
            assert torch.equal(tensor, before), "the input was modified"
            _close(function(tensor.conj().resolve_conj().conj()).resolve_conj().numpy(), reference, rtol, scale,
                   "lazily conjugated tensor")  # fmt: skip
            real = torch.from_numpy(x.real.copy()).to(tensor.real.dtype)
            _close(
                function(real).resolve_conj().numpy(),
                function(x.real.copy()),
                rtol,
                scale,
                "real torch input",
            )


def check_batched(operator: LinearOperator, *, seed: int = 0, rtol: float = 1e-12) -> None:
    """Leading axes are batch axes: the result is that of a loop."""
    for function, shape, result in (
        (operator.forward, operator.in_shape, operator.out_shape),
        (operator.adjoint, operator.out_shape, operator.in_shape),
    ):
        x = random_array((2, 3, *shape), np.random.default_rng(seed))
        batched = function(x)
        assert batched.shape == (2, 3, *result), f"batch (2, 3) gave shape {batched.shape}"
        looped = np.array([[function(item) for item in row] for row in x])
        _close(batched, looped, rtol, np.abs(looped).max() + 1e-300, "batch is not a loop")
        assert function(x[:1, 0]).shape == (1, *result), "a batch of one keeps its axis"


def check_operator(operator: LinearOperator) -> None:
    """All laws that need no knowledge of the operator."""
    check_adjoint(operator)
    check_linear(operator)
    check_backward(operator)
    check_second_derivative(operator)
    check_array_kinds(operator)
    check_batched(operator)


def check_quadrature(
    make_operator: Callable[[Grid], LinearOperator],
    image: ContinuousImage,
    coefficients: NDArray[np.complex128],
    grids: Sequence[Grid],
    *,
    order: float | None = None,
    rtol: float = 1e-12,
) -> NDArray[np.float64]:
    """Coefficients of the rasterized image approach the exact ones.

    Without ``order`` every grid must give them to ``rtol`` (trigonometric polynomials that do not alias).
    With it the error must fall at least like ``n_points_per_axis ** -order`` from the first to the last grid.
    Returns the relative errors.
    """
    scale = float(np.abs(coefficients).max())
    errors = np.array([
        np.abs(make_operator(grid).forward(np.asarray(grid.rasterize(image))) - coefficients).max() / scale
        for grid in grids
    ])  # fmt: skip
    if order is None:
        assert (errors <= rtol).all(), f"quadrature errors {errors}, allowed {rtol}"
    else:
        ratio = min(b / a for a, b in zip(grids[0].shape, grids[-1].shape, strict=True))
        allowed = errors[0] * ratio**-order
        assert errors[-1] <= max(allowed, 1e-13), f"quadrature errors {errors} do not fall at order {order}"
        assert errors[0] <= 1.0, f"the coarsest grid is off by {errors[0]:.2g}: not these coefficients"
        absolute = 10.0 * ratio**-order
        assert errors[-1] <= max(absolute, 1e-13), f"quadrature error {errors[-1]:.2g} above {absolute:.2g}"
    return errors
