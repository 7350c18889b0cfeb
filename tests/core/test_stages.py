"""Plans of training: strengths per stage, half precision of hidden layers, what is refused."""

import numpy as np
import pytest
import torch

from problems import problem
from srinr.domain import Grid, lowpass_frequencies
from srinr.encodings.fourier_features import FourierFeatures
from srinr.fit_problem import fingerprint
from srinr.inr import INR
from srinr.lowpass_plan import LowpassPlan
from srinr.networks.mlp import MLP
from srinr.operators.fourier import FourierOperator
from srinr.optimizers import LBFGS, Adam
from srinr.regularizers import WeightDecay
from srinr.samples import FourierSamples
from srinr.stages import Stage, coarse_to_fine, without_half_precision
from srinr.status import Status
from srinr.training import fit
from srinr.training_run import TrainingRun

HALF = torch.bfloat16


def deep_problem():
    encoding = FourierFeatures.lattice(3, dim=2)
    inr = INR(encoding, MLP(encoding.n_features, 32, 4, seed=0))
    operator = FourierOperator(Grid(16, dim=2), lowpass_frequencies(4))
    rng = np.random.default_rng(0)
    values = rng.standard_normal(len(operator.frequencies)) * 0.1
    return inr, operator, FourierSamples(operator.frequencies, values)


def training_run(plan, dtype=torch.float32, strength=1e-6):
    inr, operator, samples = deep_problem()
    return TrainingRun(
        inr, operator, samples, WeightDecay(strength), plan, None, dtype, torch.device("cpu"), 2**30
    )


def gradient(run):
    run.closure()
    return torch.cat([p.grad.reshape(-1) for p in run.inr.parameters()]).double()


# strength_factor -----------------------------------------------------------------------------------------


def test_the_factor_multiplies_the_strength_of_its_stage_only():
    run = training_run((Stage(1), Stage(1, strength_factor=100.0)), dtype=torch.float64, strength=1e-3)
    first, squared, penalty = (float(x.detach()) for x in run.losses())
    run.next_stage()
    second = float(run.losses()[0].detach())
    assert first * run.scale == pytest.approx(0.5 * squared + 1e-3 * penalty, rel=1e-12)
    assert second * run.scale == pytest.approx(0.5 * squared + 0.1 * penalty, rel=1e-12)


def test_a_factor_is_the_same_as_a_strength():
    inr, operator, samples = problem()
    one = fit(inr, operator, samples, regularizer=WeightDecay(1e-3), stages=[Stage(15, strength_factor=10.0)])
    other = fit(inr, operator, samples, regularizer=WeightDecay(1e-2), stages=[Stage(15)])
    np.testing.assert_array_equal(one.image.on_grid(Grid(32, dim=1)), other.image.on_grid(Grid(32, dim=1)))


def test_the_result_is_of_the_last_stage_though_its_objective_has_another_factor():
    inr, operator, samples = problem()
    stages = [Stage(20, LBFGS(), strength_factor=0.0), Stage(20, LBFGS(), strength_factor=1.0)]
    result = fit(inr, operator, samples, regularizer=WeightDecay(0.1), stages=stages, log_every=5)
    last = result.history.step > 20
    assert result.objective == result.history.objective[last].min()
    assert result.objective > result.history.objective[~last].min()


@pytest.mark.parametrize("factor", [-1.0, np.nan, np.inf])
def test_wrong_factors_are_refused(factor):
    with pytest.raises(ValueError, match="strength_factor"):
        Stage(3, strength_factor=factor)


def test_wrong_step_limits_and_divisors_are_refused():
    with pytest.raises(ValueError, match="max_steps"):
        Stage(-1)
    with pytest.raises(ValueError, match="divisors"):
        coarse_to_fine(Grid(8, dim=2), [(0, 5, Adam())])


# hidden_dtype --------------------------------------------------------------------------------------------


def test_half_precision_gives_nearly_the_gradient():
    exact, half = (gradient(training_run((Stage(1, hidden_dtype=kind),))) for kind in (None, HALF))
    assert not torch.equal(exact, half), "half precision was not used"
    assert float((half - exact).norm() / exact.norm()) < 0.03


def test_weights_and_gradients_stay_single():
    run = training_run((Stage(1, hidden_dtype=HALF),))
    run.closure()
    for parameter in run.inr.parameters():
        assert parameter.dtype == parameter.grad.dtype == torch.float32


def test_half_precision_ends_with_its_stage():
    run = training_run((Stage(1, hidden_dtype=HALF), Stage(1)))
    run.next_stage()
    assert torch.equal(gradient(run), gradient(training_run((Stage(1),))))


def test_chunks_are_recomputed_in_half_precision_too():
    run = training_run((Stage(1, hidden_dtype=HALF),))
    whole = gradient(run)
    run.chunk_size = 40
    assert float((gradient(run) - whole).norm() / whole.norm()) < 0.02


def test_the_result_is_double_and_evaluated_in_double():
    inr, operator, samples = deep_problem()
    result = fit(inr, operator, samples, stages=[Stage(5, hidden_dtype=HALF)], dtype=torch.float32)
    assert result.status is Status.MAX_STEPS
    assert result.image.hidden_dtype is None
    assert {p.dtype for p in result.image.parameters()} == {torch.float64}


def test_half_precision_of_double_weights_is_refused_before_training():
    inr, operator, samples = deep_problem()
    stages = [Stage(1), Stage(1, hidden_dtype=HALF)]
    with pytest.raises(ValueError, match=r"hidden_dtype needs dtype=torch\.float32"):
        fit(inr, operator, samples, stages=stages, dtype=torch.float64)
    result = fit(inr, operator, samples, stages=without_half_precision(stages), dtype=torch.float64)
    assert result.n_steps == 2


@pytest.mark.parametrize("wrong", [torch.float64, torch.int8, "bfloat16"])
def test_other_kinds_of_hidden_layers_are_refused(wrong):
    with pytest.raises(ValueError, match=r"hidden_dtype must be torch\.bfloat16 or torch\.float16"):
        Stage(3, hidden_dtype=wrong)


def test_a_plan_is_part_of_what_a_checkpoint_belongs_to():
    inr, _, samples = deep_problem()
    plans = [(Stage(3),), (Stage(3, strength_factor=2.0),), (Stage(3, hidden_dtype=HALF),)]
    prints = {fingerprint(inr, samples, WeightDecay(0.1), plan, None, torch.float32) for plan in plans}
    assert len(prints) == 3


# stopping ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [0.05, 0.1])
def test_what_stopped_at_the_target_residual_has_that_residual(target):
    # Under a strong penalty the step of the lowest objective has a larger residual than the one that stopped.
    inr, operator, samples = problem()
    result = fit(
        inr,
        operator,
        samples,
        regularizer=WeightDecay(0.1),
        stages=[Stage(200, Adam(0.1))],
        log_every=1,
        target_residual=target,
    )
    assert result.status is Status.CONVERGED
    assert result.data_residual < target
    assert result.objective > result.history.objective.min()


# default plan --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factors", [(), (1.0,)])
def test_a_plan_that_would_never_reach_the_fine_grid_is_refused(factors):
    with pytest.raises(ValueError, match="at least two factors"):
        LowpassPlan(continuation=factors)
