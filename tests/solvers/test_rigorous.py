"""Proofs of dual feasibility: true certificates are proved, spoiled ones never, bounds hold at random directions."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from srinr.dictionary import Dictionary
from srinr.domain import Grid, lowpass_frequencies
from srinr.encodings.fourier_features import FourierFeatures
from srinr.exact_dictionary import ExactDictionary
from srinr.measures import DiscreteMeasure
from srinr.neuron_dictionary import NeuronDictionary
from srinr.operators.fourier import FourierOperator
from srinr.solvers.atom_search import ratios
from srinr.solvers.certificate import Level
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.rigorous import prove_dual_bound
from srinr.solvers.rigorous_bound import rigorous_certificate
from srinr.solvers.rigorous_cones import Caps, bisected, bound, orthants
from srinr.solvers.rigorous_cover import BoundStatus, cover_sphere
from srinr.solvers.rigorous_densities import Density, GridDensity, TrigonometricDensity, density_of
from srinr.solvers.rigorous_unique import prove_uniqueness
from srinr.weightings import FourierWeighting, IntegralWeighting, StandardWeighting


def restricted(n_grid: int, cutoff: int = 4) -> NeuronDictionary:
    """Frequencies e_1 and e_2 without a constant: D = 4."""
    encoding = FourierFeatures([[1, 0], [0, 1]], constant=False)
    return NeuronDictionary(encoding, FourierOperator(Grid(n_grid, dim=2), lowpass_frequencies(cutoff, 2)))


def random_measure(n_atoms: int, n_features: int, seed: int) -> DiscreteMeasure:
    rng = np.random.default_rng(seed)
    atoms = rng.standard_normal((n_atoms, n_features))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    return DiscreteMeasure(atoms, rng.uniform(1, 3, n_atoms) * rng.choice([-1, 1], n_atoms))


def least_dual(dictionary: Dictionary, measure: DiscreteMeasure) -> np.ndarray:
    """The smallest dual vector that is stationary on the support; for some measures it is a certificate."""
    rows = np.concatenate([dictionary.jacobian(atom).T for atom in measure.atoms])
    signs = np.sign(measure.amplitudes)
    wanted = (signs[:, None] * measure.atoms).reshape(-1)
    dual = np.linalg.lstsq(rows, wanted, rcond=1e-12)[0]
    assert np.abs(rows @ dual - wanted).max() < 1e-11
    return dual


#: Dictionary, number of atoms, seed for which the least dual vector is a certificate.
CASES = {
    "grid, D = 3": (lambda: NeuronDictionary.lattice(1, 6, dim=1, n_grid=64), 1, 3),
    "grid, D = 3, two atoms": (lambda: NeuronDictionary.lattice(1, 6, dim=1, n_grid=64), 2, 0),
    "exact, D = 3": (lambda: ExactDictionary.lattice(1, 6), 1, 3),
    "exact, D = 3, two atoms": (lambda: ExactDictionary.lattice(1, 6), 2, 0),
    "grid, D = 4": (lambda: restricted(16), 1, 1),
    "grid, D = 4, two atoms": (lambda: restricted(32), 2, 7),
    "grid, D = 5": (lambda: NeuronDictionary.lattice(2, 10, dim=1, n_grid=64), 1, 2),
    "exact, D = 5": (lambda: ExactDictionary.lattice(2, 10), 1, 2),
}
SMALL = [name for name in CASES if "5" not in name]


def case(name: str) -> tuple[MeasureProblem, DiscreteMeasure, np.ndarray]:
    make, n_atoms, seed = CASES[name]
    dictionary = make()
    measure = random_measure(n_atoms, dictionary.n_features, seed)
    return MeasureProblem(dictionary, dictionary.sample(measure)), measure, least_dual(dictionary, measure)


@pytest.mark.parametrize("name", list(CASES))
def test_certificates_are_proved(name):
    problem, measure, dual = case(name)
    result = prove_dual_bound(problem, measure, dual)
    assert result.proved, result.message
    assert result.upper <= 1 + 1e-8
    assert result.lower <= result.upper
    assert 0 <= result.relative_gap <= 1.1e-8
    assert result.dual_bound <= problem.total_variation(measure)
    assert result.rounding < 1e-9
    assert result.domain == problem.dictionary.description
    certificate = rigorous_certificate(problem, measure, dual, result)
    assert certificate.level is Level.RIGOROUS
    assert certificate.is_optimal


@pytest.mark.parametrize("name", list(CASES))
def test_scaled_duals_are_refuted(name):
    problem, measure, dual = case(name)
    for factor in (1.01, -1.01, 1 + 1e-6):
        result = prove_dual_bound(problem, measure, factor * dual)
        assert result.status is BoundStatus.VIOLATED, (factor, result.message)
        found = ratios(problem.dictionary, StandardWeighting(), factor * dual, result.argmax[None])[0]
        assert abs(found) > 1 + 1e-8
        assert result.upper >= result.lower
        assert rigorous_certificate(problem, measure, dual, result).level is Level.NONE
        # The bound is still one: it lowers the value of the dual vector accordingly.
        assert result.dual_bound <= problem.total_variation(measure) * (1 + 1e-12)


@pytest.mark.parametrize("name", SMALL)
def test_a_dual_of_a_moved_atom_is_never_a_certificate(name):
    problem, measure, dual = case(name)
    atoms = measure.atoms.copy()
    sideways = random_measure(1, atoms.shape[1], 77).atoms[0].copy()
    sideways -= (sideways @ atoms[0]) * atoms[0]
    atoms[0] += 0.05 * sideways / np.linalg.norm(sideways)
    moved = DiscreteMeasure(atoms / np.linalg.norm(atoms, axis=1, keepdims=True), measure.amplitudes)
    result = prove_dual_bound(problem, moved, dual)
    certificate = rigorous_certificate(problem, moved, dual, result)
    assert certificate.level is Level.NONE, "feasible for its own measure, but not tight at this one"
    # A dual vector that is stationary at the moved atom: whatever the verdict, it must be true.
    other = least_dual(problem.dictionary, moved)
    result = prove_dual_bound(problem, measure, other)
    assert rigorous_certificate(problem, measure, other, result).level is Level.NONE
    if result.proved:
        assert result.relative_gap > 1e-6


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("height", [1e-6, 1e-3])
def test_a_planted_peak_is_found(name, height):
    """Raise eta at one neuron to ``1 + height``, far from the support, by the smallest change of the dual vector."""
    problem, measure, dual = case(name)
    peak = random_measure(1, measure.atoms.shape[1], 5).atoms
    phi = problem.dictionary.coefficients(peak)[0]
    planted = dual + (1 + height - phi @ dual) / (phi @ phi) * phi
    result = prove_dual_bound(problem, measure, planted)
    assert result.status is BoundStatus.VIOLATED
    assert abs(ratios(problem.dictionary, StandardWeighting(), planted, result.argmax[None])[0]) > 1 + 1e-8


@given(st.integers(0, 10_000), st.sampled_from(["grid", "exact", "restricted"]))
@settings(deadline=None, max_examples=25)
def test_bounds_hold_at_random_directions(seed, kind):
    """For any dual vector and any tolerance, finished or not, no sampled direction exceeds the proved bound."""
    dictionary = {
        "grid": lambda: NeuronDictionary.lattice(1, 4, dim=1, n_grid=24),
        "exact": lambda: ExactDictionary.lattice(1, 4),
        "restricted": lambda: restricted(10, cutoff=2),
    }[kind]()
    rng = np.random.default_rng(seed)
    measure = random_measure(1, dictionary.n_features, seed)
    problem = MeasureProblem(dictionary, dictionary.sample(measure))
    dual = rng.standard_normal(dictionary.real_samples.n_real) * rng.uniform(0.1, 1.0)
    one_sided = bool(rng.integers(2))
    result = prove_dual_bound(
        problem, measure, dual, tolerance=10.0 ** rng.uniform(-6, 0), max_cells=3000, one_sided=one_sided
    )
    directions = random_measure(4000, dictionary.n_features, seed + 1).atoms
    eta = ratios(dictionary, StandardWeighting(), dual, directions)
    largest = eta.max() if one_sided else np.abs(eta).max()
    assert largest <= result.upper
    assert result.lower <= result.upper
    if result.proved:
        assert result.upper <= 1 + result.tolerance
    if result.status is BoundStatus.VIOLATED:
        met = ratios(dictionary, StandardWeighting(), dual, result.argmax[None])[0]
        assert (met if one_sided else abs(met)) > 1 + result.tolerance


def test_proved_maximum_agrees_with_the_known_one():
    """``q = y / |y|`` for a neuron of norm n: the largest eta over unit directions, by a dense net on the sphere."""
    dictionary = ExactDictionary.lattice(1, 4)
    dual = random_measure(1, 9, 3).atoms[0]
    height, turn = np.meshgrid(np.linspace(-1, 1, 401), np.linspace(0, 2 * np.pi, 801))
    flat = np.sqrt(1 - height**2)
    net = np.stack([flat * np.cos(turn), flat * np.sin(turn), height], axis=-1).reshape(-1, 3)
    largest = np.abs(ratios(dictionary, StandardWeighting(), dual, net)).max()
    measure = random_measure(1, 3, 0)
    problem = MeasureProblem(dictionary, dictionary.sample(measure))
    result = prove_dual_bound(problem, measure, dual / largest, tolerance=1e-3)
    assert result.proved
    assert result.lower <= 1 + 1e-3 <= result.upper + 1e-3
    assert (
        prove_dual_bound(problem, measure, 1.002 * dual / largest, tolerance=1e-3).status
        is BoundStatus.VIOLATED
    )


def brute_parts(dictionary: Dictionary, dual: np.ndarray, atom: np.ndarray) -> tuple[float, float]:
    """``h_plus`` and ``h_minus`` as means over many points of the continuous density."""
    x = (np.arange(200_000) + 0.5) / 200_000
    k = dictionary.real_samples.frequencies[:, 0]
    q = dictionary.real_samples.unpack(dual)
    p = sum(c * np.exp(2j * np.pi * f * x) for c, f in zip(q, k, strict=True)).real
    hidden = dictionary.encoding.features(torch.from_numpy(x[:, None])).numpy() @ atom
    neuron = np.maximum(hidden, 0)
    return float(np.mean(np.maximum(p, 0) * neuron)), float(np.mean(np.maximum(-p, 0) * neuron))


@pytest.mark.parametrize("constant", [True, False])
def test_trigonometric_density_against_quadrature(constant):
    dictionary = ExactDictionary.lattice(2, 5, constant=constant)
    dual = np.random.default_rng(0).standard_normal(11)
    density = density_of(dictionary, dual)
    for atom in random_measure(4, dictionary.n_features, 8).atoms:
        plus, minus = (float(g[0] @ atom) for g in density.gradients(atom[None]))
        expected = brute_parts(dictionary, dual, atom)
        np.testing.assert_allclose([plus, minus], expected, atol=1e-8)
        eta = dictionary.coefficients(atom[None])[0] @ dual
        assert abs(plus - minus - eta) < density.rounding
    shifted = density_of(dictionary, dual, scale=-1.0, offset=10.0 * np.abs(dual).sum())
    assert np.abs(shifted.gradients(atom[None])[1]).max() < 1e-12, "a positive density has no negative part"


def test_grid_density_is_that_of_the_dictionary():
    dictionary = NeuronDictionary.lattice(1, 5, dim=1, n_grid=40)
    dual = np.random.default_rng(0).standard_normal(11)
    atoms = random_measure(7, 3, 1).atoms
    plus, minus = density_of(dictionary, dual).gradients(atoms)
    eta, gradients = dictionary.correlations(dual, torch.tensor(atoms))
    np.testing.assert_allclose(plus - minus, gradients, atol=1e-14)
    assert ((plus * atoms).sum(axis=1) >= 0).all() and ((minus * atoms).sum(axis=1) >= 0).all()
    np.testing.assert_allclose(((plus - minus) * atoms).sum(axis=1), eta, atol=1e-14)


def random_density(seed: int, n_features: int = 4) -> Density:
    rng = np.random.default_rng(seed)
    return GridDensity(rng.standard_normal((20, n_features)), rng.standard_normal(20))


@pytest.mark.parametrize("two_sided", [True, False])
def test_cone_bounds_cover_their_cones(two_sided):
    density = random_density(2)
    cones = orthants(density)
    rng = np.random.default_rng(0)
    for _ in range(12):
        bounds = bound(density, cones, two_sided=two_sided)
        inside = np.einsum("bsj,bjd->bsd", rng.dirichlet(np.ones(4), (len(cones), 40)), cones.edges)
        inside /= np.linalg.norm(inside, axis=2, keepdims=True)
        plus, minus = density.gradients(inside.reshape(-1, 4))
        eta = ((plus - minus) * inside.reshape(-1, 4)).sum(axis=1).reshape(len(cones), 40)
        eta = np.abs(eta) if two_sided else eta
        assert (eta.max(axis=1) <= bounds.upper).all()
        assert (
            np.arccos(np.einsum("bsd,bd->bs", inside, bounds.axes).min(axis=1)) <= bounds.radii + 1e-7
        ).all()
        cones = bisected(density, cones, bounds.upper)
        cones = cones.select(rng.permutation(len(cones))[:64])
    assert np.median(bounds.upper - bounds.at_axes if not two_sided else bounds.upper) < 2.0


def test_halves_make_up_the_whole():
    """Every direction lies in a cone after any number of halvings: no hole in the cover."""
    density = random_density(5, 3)
    cones = orthants(density)
    for _ in range(5):
        cones = bisected(density, cones, np.ones(len(cones)))
    directions = random_measure(500, 3, 4).atoms
    weights = np.linalg.solve(cones.edges.transpose(0, 2, 1)[None], directions[:, None, :, None])[..., 0]
    inside = (weights >= -1e-12).all(axis=2)
    assert inside.any(axis=1).all()
    assert (weights > 1e-9).all(axis=2).sum(axis=1).max() == 1, "cones do not overlap"


def test_error_of_the_bound_falls_with_the_square_of_the_radius():
    density = TrigonometricDensity(np.array([0.3j, 0.5, 1.0, 0.5, -0.3j]), ExactDictionary.lattice(1, 2))
    cones, errors, radii = orthants(density), [], []
    for depth in range(13):
        bounds = bound(density, cones, two_sided=False)
        if depth in (6, 12):
            at_edges = (cones.plus - cones.minus).max(axis=1)
            errors.append(np.median(bounds.upper - at_edges))
            radii.append(np.median(bounds.radii))
        cones = bisected(density, cones, bounds.upper)
    assert errors[1] / errors[0] < 1.6 * (radii[1] / radii[0]) ** 2


def test_limits_leave_a_valid_bound():
    problem, measure, dual = case("grid, D = 5")
    by_cells = prove_dual_bound(problem, measure, dual, max_cells=500)
    assert by_cells.status is BoundStatus.CELL_LIMIT
    assert by_cells.n_cells == 500
    assert by_cells.upper > 1 + 1e-8
    assert by_cells.dual_bound < problem.total_variation(measure)
    assert prove_dual_bound(problem, measure, dual, time_limit=1e-9).status is BoundStatus.TIME_LIMIT
    assert rigorous_certificate(problem, measure, dual, by_cells).level is Level.NONE
    finer = prove_dual_bound(problem, measure, dual, tolerance=1e-13)
    assert finer.status is BoundStatus.ROUNDING
    coarser = prove_dual_bound(problem, measure, dual, tolerance=0.1)
    assert coarser.proved
    assert coarser.n_cells < prove_dual_bound(problem, measure, dual).n_cells


def test_zero_dual_and_infeasible_measures():
    problem, measure, dual = case("grid, D = 3")
    zero = prove_dual_bound(problem, measure, 0 * dual)
    assert zero.proved and zero.dual_bound == 0.0 and zero.relative_gap == 1.0
    assert rigorous_certificate(problem, measure, 0 * dual, zero).level is Level.NONE
    halved = DiscreteMeasure(measure.atoms, 0.5 * measure.amplitudes)
    result = prove_dual_bound(problem, halved, dual)
    assert result.proved and result.relative_residual > 0.1
    assert rigorous_certificate(problem, halved, dual, result).level is Level.NONE, "it misses the data"
    nothing = prove_dual_bound(problem, DiscreteMeasure(np.zeros((0, 3)), []), dual)
    assert nothing.relative_gap == np.inf


def test_one_sided_bound_among_non_negative_measures():
    problem, measure, dual = case("exact, D = 3")
    assert (measure.amplitudes > 0).all() or (measure.amplitudes < 0).all()
    sign = float(np.sign(measure.amplitudes[0]))
    flipped = prove_dual_bound(problem, measure, -1.5 * sign * dual, one_sided=True)
    both = prove_dual_bound(problem, measure, -1.5 * sign * dual)
    assert both.status is BoundStatus.VIOLATED
    assert flipped.lower < 1.5 and flipped.one_sided
    positive = DiscreteMeasure(measure.atoms, np.abs(measure.amplitudes))
    own = MeasureProblem(problem.dictionary, problem.dictionary.sample(positive))
    proof = prove_dual_bound(own, positive, sign * dual, one_sided=True)
    assert rigorous_certificate(own, positive, sign * dual, proof).level is Level.RIGOROUS
    negative = DiscreteMeasure(measure.atoms, -np.abs(measure.amplitudes))
    assert rigorous_certificate(own, negative, sign * dual, proof).level is Level.NONE


def integral_problem(values: list[float]) -> tuple[MeasureProblem, DiscreteMeasure, np.ndarray]:
    """Restricted features with the integral weighting, and a dual polynomial with these values at 0 and +-e_1."""
    dictionary = restricted(16)
    measure = DiscreteMeasure(np.abs(random_measure(2, 4, 3).atoms), [1.0, 2.0])
    problem = MeasureProblem(dictionary, dictionary.sample(measure), IntegralWeighting())
    k = dictionary.real_samples.frequencies
    coefficients = np.where(~k.any(axis=1), values[0], 0.0).astype(complex)
    coefficients[(np.abs(k[:, 0]) == 1) & (k[:, 1] == 0)] = values[1] / 2
    return problem, measure, dictionary.real_samples.pack(coefficients)


def test_integral_weighting():
    """The constant polynomial 1 makes eta equal rho everywhere: all non-negative measures are optimal."""
    problem, measure, dual = integral_problem([1.0, 0.0])
    result = prove_dual_bound(problem, measure, dual)
    assert result.proved and abs(result.lower - 1) < 1e-12
    assert rigorous_certificate(problem, measure, dual, result).level is Level.RIGOROUS
    for values in ([1.01, 0.0], [1.0, 1e-3], [-1.01, 0.0]):
        problem, measure, dual = integral_problem(values)
        result = prove_dual_bound(problem, measure, dual)
        assert result.status is BoundStatus.VIOLATED
        assert abs(ratios(problem.dictionary, problem.weighting, dual, result.argmax[None])[0]) > 1 + 1e-8
        assert result.upper == np.inf and result.dual_bound == -np.inf
    problem, measure, dual = integral_problem([-1.01, 0.0])
    assert prove_dual_bound(problem, measure, dual, one_sided=True).proved
    # p exceeds 1 in places, but no neuron fits into them.
    problem, measure, dual = integral_problem([0.5, 0.6])
    assert prove_dual_bound(problem, measure, dual).proved
    undecided = prove_dual_bound(problem, measure, dual, max_cells=20)
    assert undecided.status is BoundStatus.CELL_LIMIT and undecided.upper == np.inf


def test_penalized_form():
    """For ``strength > 0`` the bound is on the penalized objective."""
    base, measure, dual = case("exact, D = 3")
    problem = MeasureProblem(base.dictionary, base.samples, strength=0.1)
    result = prove_dual_bound(problem, measure, dual)
    assert result.proved
    assert 0 < result.relative_gap < 0.2
    assert result.dual_bound < problem.objective(measure)
    assert rigorous_certificate(problem, measure, dual, result).level is Level.NONE


def test_wrong_arguments():
    problem, measure, dual = case("grid, D = 3")
    with pytest.raises(ValueError, match="shape"):
        prove_dual_bound(problem, measure, dual[:-1])
    with pytest.raises(ValueError, match="finite"):
        prove_dual_bound(problem, measure, dual * np.nan)
    for wrong in ({"tolerance": 0.0}, {"max_cells": 0}, {"time_limit": -1.0}):
        with pytest.raises(ValueError, match="positive"):
            prove_dual_bound(problem, measure, dual, **wrong)
    with pytest.raises(TypeError, match="FourierWeighting"):
        prove_dual_bound(
            MeasureProblem(problem.dictionary, problem.samples, FourierWeighting()), measure, dual
        )
    with pytest.raises(ValueError, match="constant"):
        prove_dual_bound(
            MeasureProblem(problem.dictionary, problem.samples, IntegralWeighting()), measure, dual
        )
    large = NeuronDictionary.lattice(2, 3, dim=2, n_grid=16)
    many = random_measure(1, 25, 0)
    with pytest.raises(ValueError, match="25 dimensions"):
        prove_dual_bound(MeasureProblem(large, large.sample(many)), many, np.zeros(49))
    with pytest.raises(TypeError, match="NeuronDictionary"):
        density_of(object(), dual)


def test_memory_stays_bounded():
    """The stack of open cones grows with the depth, not with the number of cones."""
    density = GridDensity(np.random.default_rng(0).standard_normal((8, 5)), np.ones(8))
    result = cover_sphere(density, 0.0, two_sided=False, max_cells=60_000, time_limit=60.0)
    assert result.status in (BoundStatus.VIOLATED, BoundStatus.CELL_LIMIT)
    assert np.isfinite(result.upper)


def test_the_order_of_work_does_not_matter(monkeypatch):
    """No cone is lost or bounded twice, however the stack is cut into batches."""
    problem, _, dual = case("grid, D = 4")
    density = density_of(problem.dictionary, dual)
    results = []
    for batch in (4096, 7, 64):
        monkeypatch.setattr("srinr.solvers.rigorous_cover._BATCH", batch)
        results.append(cover_sphere(density, 1 + 1e-4, two_sided=True, max_cells=10**6, time_limit=60.0))
    assert {r.status for r in results} == {BoundStatus.PROVED}
    assert len({r.n_cells for r in results}) == 1
    assert len({r.upper for r in results}) == 1
    partial = cover_sphere(density, 1 + 1e-4, two_sided=True, max_cells=777, time_limit=60.0)
    assert partial.n_cells == 777
    assert partial.upper >= results[0].upper


@pytest.mark.parametrize("name", [name for name in CASES if "grid" in name])
def test_uniqueness_is_proved(name):
    problem, measure, dual = case(name)
    uniqueness = prove_uniqueness(problem, measure, dual)
    assert uniqueness.proved, uniqueness.message
    assert 0 < uniqueness.margin < 1e-9
    assert uniqueness.n_cells > 0
    proof = prove_dual_bound(problem, measure, dual)
    assert rigorous_certificate(problem, measure, dual, proof, uniqueness).unique
    assert rigorous_certificate(problem, measure, dual, proof).unique is None


@pytest.mark.parametrize("name", ["grid, D = 3, two atoms", "grid, D = 4, two atoms"])
def test_a_second_contact_leaves_uniqueness_open(name):
    """The certificate of two atoms also reaches 1 at the second: it is no strict certificate of the first alone."""
    problem, measure, dual = case(name)
    for index in range(2):
        single = DiscreteMeasure(measure.atoms[index : index + 1], measure.amplitudes[index : index + 1])
        result = prove_uniqueness(problem, single, dual, max_cells=200_000)
        assert not result.proved
        assert "elsewhere" in result.message or "away" in result.message
        assert prove_dual_bound(problem, single, dual).proved, "feasible nevertheless"


def test_uniqueness_needs_stationarity_and_defined_gates():
    problem, measure, dual = case("grid, D = 3")
    scaled = prove_uniqueness(problem, measure, 0.999 * dual)
    assert not scaled.proved and "stationary" in scaled.message
    # cos vanishes at grid points: the derivative of that neuron jumps there.
    cosine = DiscreteMeasure([[0.0, 1.0, 0.0]], [1.0])
    touching = prove_uniqueness(problem, cosine, dual)
    assert not touching.proved and "vanishes" in touching.message
    twice = DiscreteMeasure(np.repeat(measure.atoms, 2, axis=0), np.repeat(measure.amplitudes, 2))
    repeated = prove_uniqueness(problem, twice, dual)
    assert not repeated.proved and repeated.sigma_min < 1e-12
    limited = prove_uniqueness(problem, measure, dual, max_cells=10)
    assert not limited.proved and "undecided" in limited.message


def test_uniqueness_refuses_what_it_cannot_decide():
    problem, measure, dual = case("grid, D = 3")
    exact, exact_measure, exact_dual = case("exact, D = 3")
    with pytest.raises(TypeError, match="grids"):
        prove_uniqueness(exact, exact_measure, exact_dual)
    with pytest.raises(ValueError, match="strength"):
        prove_uniqueness(MeasureProblem(problem.dictionary, problem.samples, strength=0.1), measure, dual)
    with pytest.raises(TypeError, match="Standard"):
        prove_uniqueness(
            MeasureProblem(problem.dictionary, problem.samples, FourierWeighting()), measure, dual
        )
    with pytest.raises(ValueError, match="no atoms"):
        prove_uniqueness(problem, DiscreteMeasure(np.zeros((0, 3)), []), dual)


def test_caps():
    caps = Caps(np.eye(3)[:1], np.array([0.5]))
    points = np.array(
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [np.cos(0.5), np.sin(0.5), 0.0], [np.cos(0.51), np.sin(0.51), 0.0]]
    )
    assert caps.contains(points)[:, 0].tolist() == [True, False, True, False]
    density = random_density(1, 3)
    cones = orthants(density)
    for _ in range(8):
        cones = bisected(density, cones, np.ones(len(cones)))
    inside = caps.contain_cones(cones)
    assert 0 < inside.sum() < len(cones) / 10
    mixtures = np.random.default_rng(0).dirichlet(np.ones(3), 50)
    directions = np.einsum("sj,bjd->bsd", mixtures, cones.edges[inside]).reshape(-1, 3)
    assert caps.contains(directions / np.linalg.norm(directions, axis=1, keepdims=True)).all()
