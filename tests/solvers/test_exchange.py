"""The exchange on the dual: its endings, its margin, and what it asks for near the support."""

import time

import numpy as np
import pytest
import torch
from small_teachers import line, random_teacher, restricted, sampled

from srinr.measures import DiscreteMeasure
from srinr.neuron_dictionary import NeuronDictionary
from srinr.solvers.atom_search import ratios
from srinr.solvers.exchange import CertifyOptions, Ending, Exchange, Limits, clearance, exchange
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.support import support_equations
from srinr.weightings import FourierWeighting, IntegralWeighting, StandardWeighting, Weighting, weights

QUICK = CertifyOptions(n_starts=256, n_small_starts=64)


def limits(*, deadline: float = np.inf, stop_after: int = 10**9, notes: list[str] | None = None) -> Limits:
    calls: list[int] = []

    def report(completed: int, note: str) -> None:
        calls.append(completed)
        if notes is not None:
            notes.append(note)

    return Limits(deadline, np.random.default_rng(0), report, lambda: len(calls) >= stop_after)


def run(
    dictionary: NeuronDictionary,
    measure: DiscreteMeasure,
    options: CertifyOptions = QUICK,
    around: Limits | None = None,
    weighting: Weighting | None = None,
    *,
    one_sided: bool = False,
) -> Exchange:
    problem = MeasureProblem(dictionary, sampled(dictionary, measure), weighting or StandardWeighting())
    return exchange(
        problem,
        measure,
        support_equations(problem, measure),
        options,
        around or limits(),
        one_sided=one_sided,
    )


def test_clean_ending_leaves_a_dual_vector_that_keeps_its_margin_away_from_the_support() -> None:
    dictionary, teacher = line(6), random_teacher(2, 3, 1)
    found = run(dictionary, teacher)
    assert found.ending is Ending.CLEAN
    assert found.n_rows > 0  # the smallest solution of the equations is not enough here
    assert found.n_starts == QUICK.n_starts
    assert found.n_clean > QUICK.n_clean_rounds
    values = ratios(dictionary, StandardWeighting(), found.dual, teacher.atoms)
    np.testing.assert_allclose(values, np.sign(teacher.amplitudes), atol=1e-8)
    w = np.random.default_rng(9).standard_normal((100_000, 3))
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    eta = ratios(dictionary, StandardWeighting(), found.dual, w)
    part = clearance(w, np.sign(eta), teacher, np.sign(teacher.amplitudes))
    assert np.abs(eta).max() <= 1.0 + QUICK.tolerance
    assert (np.abs(eta) - (1 - found.margin * part)).max() < 0.5 * found.margin + 1e-3
    # The center alone breaks the constraints that the exchange had to add.
    problem = MeasureProblem(dictionary, sampled(dictionary, teacher))
    center = support_equations(problem, teacher).center
    assert np.abs(ratios(dictionary, StandardWeighting(), center, w)).max() > np.abs(eta).max()


@pytest.mark.parametrize(
    "weighting", [StandardWeighting(), FourierWeighting()], ids=["standard", "modified I"]
)
def test_contradiction_is_a_nonnegative_combination_that_no_dual_vector_meets(weighting: Weighting) -> None:
    dictionary, teacher = line(3), random_teacher(2, 3, 1)
    found = run(dictionary, teacher, weighting=weighting)
    assert found.ending is Ending.CONTRADICTION
    assert len(found.atoms) == len(found.multipliers) > 0
    problem = MeasureProblem(dictionary, sampled(dictionary, teacher), weighting)
    equations = support_equations(problem, teacher)
    combination = found.multipliers @ dictionary.coefficients(found.atoms)
    # It lies in the range of the equations, which fix its value: larger than its cost allows.
    left = combination - equations.basis @ (equations.basis.T @ combination)
    assert np.linalg.norm(left) < 1e-6 * np.linalg.norm(combination)
    cost = np.abs(found.multipliers) @ weights(weighting, dictionary, found.atoms)
    assert combination @ equations.center > cost * (1 + 1e-9)


def test_endings_by_time_by_the_user_and_by_rounds() -> None:
    dictionary, teacher = line(6), random_teacher(2, 3, 1)
    late = run(dictionary, teacher, around=limits(deadline=time.perf_counter() - 1.0))
    assert (late.ending, late.n_rounds) == (Ending.TIME_LIMIT, 1)
    stopped = run(dictionary, teacher, around=limits(stop_after=2))
    assert (stopped.ending, stopped.n_rounds) == (Ending.USER_STOP, 2)
    few = run(dictionary, teacher, CertifyOptions(n_starts=64, n_small_starts=16, max_rounds=2))
    assert (few.ending, few.n_rounds) == (Ending.MAX_STEPS, 2)
    for found in (late, stopped, few):
        assert np.isfinite(found.dual).all()
        assert len(found.peaks.atoms) > 0


def test_every_round_is_reported() -> None:
    notes: list[str] = []
    found = run(line(6), random_teacher(2, 3, 1), around=limits(notes=notes))
    assert len(notes) == found.n_rounds
    assert all("|eta|/rho" in note for note in notes)


def test_an_impossible_margin_is_lowered() -> None:
    # Two directions 0.03 apart: between them |eta| stays close to 1.
    atoms = np.array([[0.6, 0.0, 0.8], [0.6, 0.5, 0.8]])
    measure = DiscreteMeasure(atoms, [1.0, 1.0]).normalized()
    found = run(line(8), measure, CertifyOptions(n_starts=128, n_small_starts=64, margin=0.9))
    assert found.ending is Ending.CLEAN
    assert 0 <= found.margin < 0.9


def test_margin_cannot_be_had_where_costs_are_linear_within_a_pattern() -> None:
    # Modified weight decay II on a grid: around an atom, eta = rho on its whole activation pattern.
    teacher = random_teacher(2, 4, 7, positive=True)
    found = run(restricted(4), teacher, weighting=IntegralWeighting(), one_sided=True)
    assert (found.ending, found.margin) == (Ending.CLEAN, 0.0)
    assert found.n_rounds < 10


def test_one_sided_exchange_ignores_negative_correlations() -> None:
    dictionary = line(2)
    teacher = random_teacher(1, 3, 2, positive=True)
    both = run(dictionary, teacher)
    single = run(dictionary, teacher, one_sided=True)
    assert (both.ending, single.ending) == (Ending.CONTRADICTION, Ending.CLEAN)


def test_bumps_of_few_pixels_are_found_under_modified_one() -> None:
    # A dual vector may exceed the cost of neurons that are positive on one or two pixels only.
    dictionary, teacher = line(12), random_teacher(2, 3, 0)
    found = run(dictionary, teacher, weighting=FourierWeighting())
    image = np.abs(dictionary.dual_image(found.dual))
    # One pixel: phi is a multiple of the samples of a Dirac, of norm sqrt(25).
    assert found.ending is Ending.CLEAN
    assert image.max() <= 5.0 * (1 + QUICK.tolerance)
    peak = dictionary.features(torch.float64).numpy()
    heights = np.sort(peak @ peak.T, axis=1)
    bumps = peak.copy()
    bumps[:, -1] -= 0.5 * (heights[:, -1] + heights[:, -2])
    values = ratios(dictionary, FourierWeighting(), found.dual, bumps)
    np.testing.assert_allclose(np.abs(values), image / 5.0, rtol=1e-6)


def test_clearance_grows_with_the_distance_to_atoms_of_the_same_sign() -> None:
    measure = DiscreteMeasure([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], [1.0, -1.0])
    signs = np.array([1.0, -1.0])
    angle = 0.1
    near = np.array([[np.cos(angle), np.sin(angle), 0.0]])
    squared = 2 - 2 * np.cos(angle)
    assert clearance(measure.atoms, signs, measure, signs).tolist() == [0.0, 0.0]
    assert clearance(near, np.array([1.0]), measure, signs)[0] == pytest.approx(squared / 0.1)
    assert clearance(near, np.array([-1.0]), measure, signs)[0] == 1.0
    assert clearance(np.array([[0.0, 0.0, 1.0]]), np.array([1.0]), measure, signs)[0] == 1.0
    single = DiscreteMeasure([[1.0, 0.0, 0.0]], [1.0])
    assert clearance(near, np.array([-1.0]), single, np.array([1.0]))[0] == 1.0


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"n_starts": 0}, "n_starts"),
        ({"n_small_starts": 0}, "n_small_starts"),
        ({"n_clean_rounds": 0}, "n_clean_rounds"),
        ({"max_rounds": 0}, "max_rounds"),
        ({"margin": 0.0}, "min_margin"),
        ({"margin": 1.0}, "min_margin"),
        ({"min_margin": 0.5, "margin": 0.1}, "min_margin"),
        ({"tolerance": 0.0}, "tolerance"),
        ({"tolerance": 1.0}, "tolerance"),
    ],
)
def test_impossible_options_are_refused(arguments: dict[str, float], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        CertifyOptions(**arguments)
