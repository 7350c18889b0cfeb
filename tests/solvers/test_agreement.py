"""Three routes and an exact dense program have one minimum; no dual vector's bound lies above any feasible measure."""

import dataclasses

import numpy as np
import pytest
from dense_program import dense_optimum, features_1d
from hypothesis import given, settings
from hypothesis import strategies as st

from srinr import DiscreteMeasure, NeuronDictionary
from srinr.solvers import (
    DualExchange,
    GridBasisPursuit,
    MeasureProblem,
    SlidingFrankWolfe,
    solve,
)
from srinr.solvers.atom_search import AtomSearch, ratios, search_atoms
from srinr.status import Status
from srinr.weightings import (
    FourierWeighting,
    IntegralWeighting,
    StandardWeighting,
    weights_and_gradients,
)

N_GRID, CUTOFF = 24, 4
LINE = NeuronDictionary.lattice(max_frequency=1, cutoff=CUTOFF, dim=1, n_grid=N_GRID)
WEIGHTINGS = {"standard": StandardWeighting(), "fourier": FourierWeighting(), "integral": IntegralWeighting()}
ROUTES = {
    "grid": GridBasisPursuit(),
    "sliding": SlidingFrankWolfe(closing_seconds=10),
    "exchange": DualExchange(closing_seconds=10),
}


def teacher(seed: int, width: int) -> DiscreteMeasure:
    rng = np.random.default_rng(seed)
    atoms = rng.uniform(-1, 1, (width, 3))
    # Neurons that are active on a good part of the grid, so that no weighting makes them nearly free.
    atoms[:, 2] = np.abs(atoms[:, 2])
    return DiscreteMeasure(atoms, rng.uniform(1, 5, width) * rng.choice([-1, 1], width)).normalized()


def random_measure(rng: np.random.Generator, n_atoms: int, n_features: int) -> DiscreteMeasure:
    return DiscreteMeasure(rng.standard_normal((n_atoms, n_features)), rng.standard_normal(n_atoms))


# --- one minimum --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strength", [0.0, 1e-2])
@pytest.mark.parametrize(("seed", "width"), [(0, 1), (1, 2), (2, 3)])
def test_the_routes_and_the_dense_program_agree(seed, width, strength):
    measure = teacher(seed, width)
    problem = MeasureProblem(LINE, LINE.sample(measure), strength=strength)
    image = np.maximum(features_1d(N_GRID) @ measure.atoms.T, 0) @ measure.amplitudes
    value = dense_optimum(image, CUTOFF, strength=strength).value
    solutions = {name: solve(problem, route) for name, route in ROUTES.items()}
    converged = {name: s for name, s in solutions.items() if s.status is Status.CONVERGED}
    assert {"grid", "sliding"} <= set(converged), {n: s.status for n, s in solutions.items()}
    for name, solution in converged.items():
        assert solution.objective == pytest.approx(value, rel=1e-6), name
    for name, solution in solutions.items():
        # A searched bound holds as far as its search does; these were asked for 1e-6.
        assert solution.dual_bound <= value * (1 + 1e-6), f"the bound of {name} passes the minimum"
        if strength or solution.relative_residual <= 1e-9:
            assert solution.objective >= value * (1 - 1e-7), f"{name} is cheaper than the minimum"


@pytest.mark.parametrize(("name", "weighting"), list(WEIGHTINGS.items())[1:])
def test_the_grid_route_agrees_with_the_dense_program_under_modified_weight_decay(name, weighting):
    measure = teacher(1, 2)
    problem = MeasureProblem(LINE, LINE.sample(measure), weighting)
    image = np.maximum(features_1d(N_GRID) @ measure.atoms.T, 0) @ measure.amplitudes
    value = dense_optimum(image, CUTOFF, rho=name).value
    solution = solve(problem, GridBasisPursuit())
    assert solution.status is Status.CONVERGED
    # Neurons of one pixel are nearly free here, and the program is scaled worse for it.
    assert solution.objective == pytest.approx(value, rel=1e-5)


def test_a_wrong_minimum_is_told_apart():
    measure = teacher(1, 2)
    image = np.maximum(features_1d(N_GRID) @ measure.atoms.T, 0) @ measure.amplitudes
    values = [dense_optimum(c * image, CUTOFF).value for c in (1.0, 1.00001)]
    assert values[1] != pytest.approx(values[0], rel=1e-6)


# --- conditions at the minimum ------------------------------------------------------------------------------------


@pytest.mark.parametrize("strength", [0.0, 1e-2])
@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
def test_sign_and_stationarity_at_the_support(route, strength):
    problem = MeasureProblem(LINE, LINE.sample(teacher(1, 2)), strength=strength)
    solution = solve(problem, route)
    measure, dual = solution.measure.normalized(), solution.dual_variable
    assert solution.status in (Status.CONVERGED, Status.CONVERGED_INACCURATE)
    heavy = np.abs(measure.amplitudes) > 1e-4 * np.abs(measure.amplitudes).sum()
    atoms, signs = measure.atoms[heavy], np.sign(measure.amplitudes[heavy])
    found = ratios(problem.dictionary, problem.weighting, dual, atoms)
    np.testing.assert_allclose(found, signs, atol=1e-3)
    if strength:
        # Stationarity in the amplitudes ties the dual vector to the residual.
        np.testing.assert_allclose(
            dual, -problem.residual(measure) / strength, atol=1e-3 * np.abs(dual).max()
        )


def test_gradients_vanish_at_the_support_of_a_smooth_minimum():
    dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=6, dim=1, n_grid=512)
    problem = MeasureProblem(dictionary, dictionary.sample(teacher(3, 1)), strength=1e-3)
    solution = solve(problem, SlidingFrankWolfe())
    assert solution.status is Status.CONVERGED
    atoms, signs = solution.measure.normalized().atoms, np.sign(solution.measure.amplitudes)
    _, gradients = weights_and_gradients(problem.weighting, dictionary, atoms)
    slopes = np.stack([dictionary.jacobian(w).T @ solution.dual_variable for w in atoms])
    np.testing.assert_allclose(slopes, signs[:, None] * gradients, atol=1e-2)
    moved = atoms + 0.1
    slopes = np.stack([dictionary.jacobian(w).T @ solution.dual_variable for w in moved])
    wrong = signs[:, None] * weights_and_gradients(problem.weighting, dictionary, moved)[1]
    assert np.abs(slopes - wrong).max() > 2e-2, "directions off the support would be told apart"


# --- weak duality -------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    weighting=st.sampled_from(list(WEIGHTINGS.values())),
    strength=st.sampled_from([0.0, 1e-3, 0.3]),
    n_atoms=st.integers(1, 5),
    dim=st.sampled_from([1, 2]),
)
def test_no_bound_passes_the_objective_of_a_feasible_measure(seed, weighting, strength, n_atoms, dim):
    rng = np.random.default_rng(seed)
    dictionary = NeuronDictionary.lattice(1, 3, dim=dim, n_grid=(32, 10)[dim - 1])
    measure = random_measure(rng, n_atoms, dictionary.n_features)
    problem = MeasureProblem(dictionary, dictionary.sample(measure), weighting, strength=strength)
    dual = problem.data * rng.uniform(0.1, 3) + 0.3 * rng.standard_normal(problem.data.shape)
    # The largest ratio over the measure's own atoms is enough for a bound below this measure.
    own = float(np.abs(ratios(dictionary, weighting, dual, measure.atoms)).max(initial=0.0))
    peaks = search_atoms(dictionary, weighting, dual, rng, AtomSearch(32, 20), extra_starts=measure.atoms)
    for largest in (own, max(own, peaks.max_ratio)):
        bound = problem.dual_bound(dual, largest)
        assert bound <= problem.objective(measure) * (1 + 1e-10) + 1e-12


@pytest.mark.parametrize("strength", [0.0, 1e-2])
@pytest.mark.parametrize("seed", [11, 12])
@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
def test_an_unfinished_solution_claims_no_bound_above_the_minimum(route, seed, strength):
    measure = teacher(seed, 2)
    problem = MeasureProblem(LINE, LINE.sample(measure), strength=strength)
    image = np.maximum(features_1d(N_GRID) @ measure.atoms.T, 0) @ measure.amplitudes
    value = dense_optimum(image, CUTOFF, strength=strength).value
    solution = solve(problem, dataclasses.replace(route, max_steps=2))
    assert solution.dual_bound <= value * (1 + 1e-6)
