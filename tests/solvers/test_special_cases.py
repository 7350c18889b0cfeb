"""Verdicts by theory: modified weight decay I and II, proofs in few dimensions, weightings of the user."""

import numpy as np
import pytest
from plain_checks import largest_ratio
from small_teachers import QUICK, check_verdict, line, plain_grid, random_teacher, restricted, sampled

from srinr.measures import DiscreteMeasure
from srinr.neuron_dictionary import NeuronDictionary
from srinr.solvers.certificate import Certificate, Level
from srinr.solvers.certify import certify
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.special_cases import integral_dual, proved_if_small
from srinr.solvers.verify import verify_certificate
from srinr.status import Status
from srinr.weightings import (
    CustomWeighting,
    FourierWeighting,
    IntegralWeighting,
    StandardWeighting,
    Weighting,
)


def verdict(
    measure: DiscreteMeasure, dictionary: NeuronDictionary, weighting: Weighting | None = None
) -> Certificate:
    return certify(
        measure, sampled(dictionary, measure), weighting, dictionary=dictionary, options=QUICK, progress=False
    )


# --- modified weight decay I -----------------------------------------------------------------------------------


@pytest.mark.parametrize("cutoff", [1, 2, 3, 6])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_one_neuron_is_proved_under_modified_one_at_every_cutoff(cutoff: int, sign: float) -> None:
    dictionary = line(cutoff)
    teacher = DiscreteMeasure([[0.6, 0.0, 0.3]], [sign])
    found = verdict(teacher, dictionary, FourierWeighting())
    assert found.level is Level.RIGOROUS
    assert found.unique is (True if cutoff >= 3 else None)
    check_verdict(found, teacher, dictionary, rho="fourier")
    again = verify_certificate(found, sampled(dictionary, teacher), FourierWeighting(), dictionary=dictionary)
    assert again.accepted, again.failures


@pytest.mark.parametrize(("cutoff", "seed"), [(6, 0), (6, 1), (12, 0)])
def test_two_neurons_under_modified_one(cutoff: int, seed: int) -> None:
    dictionary, teacher = line(cutoff), random_teacher(2, 3, seed)
    found = verdict(teacher, dictionary, FourierWeighting())
    assert found.level is (Level.SEARCHED if cutoff == 12 else Level.REFUTED)
    check_verdict(found, teacher, dictionary, rho="fourier")


def test_dead_atoms_cost_nothing_under_modified_weightings() -> None:
    dictionary = line(6)
    teacher = DiscreteMeasure([[0.6, 0.0, 0.3], [0.1, 0.1, -1.0]], [1.0, 4.0])
    for weighting, rho in ((FourierWeighting(), "fourier"), (IntegralWeighting(), "integral")):
        found = verdict(teacher, dictionary, weighting)
        assert found.level is Level.RIGOROUS
        assert found.measure.n_atoms == 1
        check_verdict(found, teacher, dictionary, rho=rho)


# --- modified weight decay II ----------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("width", [1, 3])
def test_amplitudes_of_one_sign_are_proved_optimal_under_modified_two(width: int, sign: float) -> None:
    dictionary = line(4)
    positive = random_teacher(width, 3, 2, positive=True)
    teacher = DiscreteMeasure(positive.atoms, sign * positive.amplitudes)
    found = verdict(teacher, dictionary, IntegralWeighting())
    assert (found.level, found.unique) == (Level.RIGOROUS, None)
    assert "constant" in found.message
    check_verdict(found, teacher, dictionary, rho="integral")
    # The minimum is the mean of the image.
    data = sampled(dictionary, teacher)
    problem = MeasureProblem(dictionary, data, IntegralWeighting())
    mean = abs(data.values[(data.frequencies == 0).all(axis=1)][0])
    assert problem.total_variation(teacher) == pytest.approx(mean, rel=1e-10)
    again = verify_certificate(found, data, IntegralWeighting(), dictionary=dictionary)
    assert again.accepted, again.failures


def test_mixed_signs_under_modified_two_get_an_ordinary_verdict() -> None:
    dictionary = line(6)
    teacher = DiscreteMeasure([[0.6, 0.0, 0.3], [0.0, -0.8, 0.1]], [2.0, -1.0])
    found = verdict(teacher, dictionary, IntegralWeighting())
    assert found.level is not Level.RIGOROUS
    assert found.level in (Level.SEARCHED, Level.REFUTED) or found.status is not Status.CONVERGED
    check_verdict(found, teacher, dictionary, rho="integral")


def test_integral_dual_needs_one_sign_and_the_mean() -> None:
    dictionary, teacher = line(3), random_teacher(2, 3, 2, positive=True)
    problem = MeasureProblem(dictionary, sampled(dictionary, teacher), IntegralWeighting())
    dual = integral_dual(problem, teacher)
    assert dual is not None
    np.testing.assert_allclose(dictionary.dual_image(dual), 1.0)
    assert integral_dual(problem, DiscreteMeasure(teacher.atoms, [1.0, -1.0])) is None
    other = MeasureProblem(dictionary, problem.samples, StandardWeighting())
    assert integral_dual(other, teacher) is None


@pytest.mark.parametrize(("width", "seed", "cutoff"), [(1, 1, 4), (2, 7, 4), (2, 7, 1)])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_restricted_features_under_modified_two(width: int, seed: int, cutoff: int, sign: float) -> None:
    dictionary = restricted(cutoff)
    positive = random_teacher(width, 4, seed, positive=True)
    teacher = DiscreteMeasure(positive.atoms, sign * positive.amplitudes)
    found = verdict(teacher, dictionary, IntegralWeighting())
    assert found.level is Level.RIGOROUS
    again = verify_certificate(
        found, sampled(dictionary, teacher), IntegralWeighting(), dictionary=dictionary, tolerance=1e-4
    )
    assert again.accepted, again.failures
    if found.unique:
        assert found.margin > 0


# --- proofs in few dimensions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dictionary", "width", "seed"),
    [(line(3), 1, 3), (line(4), 2, 1), (line(6, 2), 1, 2), (restricted(4), 1, 1), (restricted(4), 2, 7)],
    ids=["D=3", "D=3, two", "D=5", "D=4", "D=4, two"],
)
def test_few_features_are_proved(dictionary: NeuronDictionary, width: int, seed: int) -> None:
    teacher = random_teacher(width, dictionary.n_features, seed)
    found = verdict(teacher, dictionary)
    assert (found.level, found.unique) == (Level.RIGOROUS, True)
    assert found.tolerance <= 1e-6
    assert found.max_ratio <= 1 + found.tolerance
    check_verdict(found, teacher, dictionary)


def test_a_covering_lowers_a_searched_verdict_that_is_wrong() -> None:
    dictionary, teacher = line(6), random_teacher(1, 3, 3)
    samples = sampled(dictionary, teacher)
    good = verdict(teacher, dictionary)
    assert good.dual_variable is not None
    problem = MeasureProblem(dictionary, samples)
    spoiled = Certificate(
        Level.SEARCHED, good.measure, 1.05 * good.dual_variable, 1.0, unique=True, tolerance=1e-4
    )
    lowered = proved_if_small(problem, spoiled, np.inf)
    assert (lowered.level, lowered.unique) == (Level.NONE, None)
    assert 1.03 < lowered.max_ratio <= 1.05 + 1e-9
    late = proved_if_small(problem, spoiled, 0.0)
    assert late is spoiled


def test_many_features_are_left_to_the_search() -> None:
    dictionary, teacher = line(12, 3), random_teacher(1, 7, 0)
    found = verdict(teacher, dictionary)
    assert found.level is Level.SEARCHED
    check_verdict(found, teacher, dictionary)


# --- weightings of the user ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "seed"), [(1, 3), (2, 0), (2, 1)])
def test_custom_weighting(width: int, seed: int) -> None:
    quartic = CustomWeighting(lambda w: (w**4).sum(dim=1) ** 0.25, n_features=3)
    dictionary, teacher = line(6), random_teacher(width, 3, seed)
    found = verdict(teacher, dictionary, quartic)
    assert found.level is (Level.REFUTED if (width, seed) == (2, 0) else Level.SEARCHED)
    check_verdict(found, teacher, dictionary, rho="quartic")
    samples = sampled(dictionary, teacher)
    assert verify_certificate(found, samples, quartic, dictionary=dictionary).accepted
    if found.level is Level.SEARCHED:
        # It is a certificate for this weighting only.
        assert not verify_certificate(found, samples, dictionary=dictionary).accepted


def test_the_checks_of_this_file_reject_a_wrong_dual() -> None:
    dictionary, teacher = line(4), random_teacher(1, 3, 3)
    found = verdict(teacher, dictionary)
    plain = plain_grid(dictionary)
    assert found.dual_variable is not None
    p = 1.01 * dictionary.dual_image(found.dual_variable)
    assert largest_ratio(lambda w: plain.correlations(p, w), lambda w: np.ones(len(w)), 3, seed=0) > 1.009
