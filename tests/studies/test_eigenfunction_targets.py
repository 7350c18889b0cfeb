"""Eigenfunctions as targets: against the closed form of the linear regime, and their ordering."""

import numpy as np
import pytest
import torch

from srinr import INR, Adam, Coordinates, FourierFeatures, Grid, Siren
from srinr.analysis.kernel_spectrum import KernelSpectrum
from srinr.analysis.tangent_kernel import tangent_kernel
from srinr.studies.eigenfunction_targets import fit_eigenfunctions
from srinr.studies.published_networks import published_ffn

SHAPE = (8, 6)


class WeightedLinear(torch.nn.Module):
    """``f = <w, c gamma>`` with fixed scales c: its kernel is constant, so that descent has a closed form."""

    out_features, first_bias, values_per_point = 1, None, 1

    def __init__(self, scales):
        super().__init__()
        self.scales = torch.from_numpy(np.asarray(scales))
        self.w = torch.nn.Parameter(torch.zeros(1, len(scales), dtype=torch.float64))

    @property
    def first_weight(self):
        return self.w * self.scales.to(self.w)

    def after_first(self, preactivation):
        return preactivation

    def spec(self):
        return {"n_features": self.w.shape[1]}


class Descent:
    """Plain gradient descent, in the manner of ``srinr.optimizers``."""

    def __init__(self, rate):
        self.rate = rate

    def start(self, parameters):
        self.parameters = parameters
        return self

    def advance(self, closure, step, n_steps, max_steps):
        with torch.no_grad():
            for p in self.parameters:
                p -= self.rate * p.grad
        return 1

    has_converged = False

    def state(self):
        return {}

    def load_state(self, state):
        return None


def linear():
    encoding = FourierFeatures.lattice(1, dim=2)
    return INR(encoding, WeightedLinear(np.linspace(1.0, 0.2, encoding.n_features)))


def test_linear_model_follows_the_closed_form():
    n, rate, steps = SHAPE[0] * SHAPE[1], 0.3, 7
    spectrum = KernelSpectrum.of_matrix(tangent_kernel(linear(), Grid(SHAPE).points))
    indices = (0, 3, 8)
    fits = fit_eigenfunctions(linear(), SHAPE, indices, steps, optimizer=Descent(rate))
    mu = spectrum.eigenvalues[list(indices)]
    np.testing.assert_allclose(fits.psnr, -20 * steps * np.log10(1 - 2 * rate * mu / n), atol=1e-8)
    np.testing.assert_allclose(
        fits.psnr_start, 0.0, atol=1e-10
    )  # the start is zero, the targets have mean square 1
    np.testing.assert_allclose(fits.relative_eigenvalues, mu / spectrum.eigenvalues[0])
    assert fits.rank_correlation == -1.0


def siren():
    return INR(Coordinates(), Siren(2, 24, 3, seed=0))


@pytest.mark.parametrize("optimizer", [Descent(0.0125), Adam(1e-3)])
def test_quality_falls_with_the_index(optimizer):
    network = published_ffn(1.0, n_frequencies=32, width=64, n_hidden=2)
    fits = fit_eigenfunctions(network, (12, 12), (0, 5, 10, 40, 80), 60, optimizer=optimizer)
    assert fits.rank_correlation == pytest.approx(-1.0)
    assert fits.psnr[0] > fits.psnr[-1] + 10.0
    # In another order the correlation is the same: indices are compared, not places.
    shuffled = fit_eigenfunctions(network, (12, 12), (40, 0, 80, 5, 10), 60, optimizer=optimizer)
    assert shuffled.rank_correlation == pytest.approx(fits.rank_correlation)


def test_the_start_is_not_modified_and_results_repeat(tmp_path):
    start = siren()
    before = [p.detach().clone() for p in start.parameters()]
    first = fit_eigenfunctions(start, SHAPE, (0, 5), 10, folder=tmp_path)
    assert all(torch.equal(p, q) for p, q in zip(before, start.parameters(), strict=True))
    assert len(list(tmp_path.glob("eigenfunction_*.checkpoint"))) == 2
    again = fit_eigenfunctions(start, SHAPE, (0, 5), 10, folder=tmp_path)
    np.testing.assert_array_equal(first.psnr, again.psnr)


def test_refusals():
    with pytest.raises(ValueError, match="two different"):
        fit_eigenfunctions(siren(), SHAPE, (3, 3), 5)
    with pytest.raises(ValueError, match=r"noise floor, got 48"):
        fit_eigenfunctions(siren(), SHAPE, (0, 48), 5)
    # 9 features: the tenth eigenvalue is rounding, and its eigenvector no function of the network.
    with pytest.raises(ValueError, match=r"0\.\.8.*got 9"):
        fit_eigenfunctions(linear(), SHAPE, (0, 9), 5)
