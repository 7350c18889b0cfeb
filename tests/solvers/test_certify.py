"""Verdicts: known ones in two dimensions, hard inputs, endings; each is checked by plain NumPy code."""

import dataclasses
import os
import signal

import numpy as np
import pytest
from certified_teachers import certified_teacher, lattice_2d, plain
from plain_checks import largest_ratio
from small_teachers import QUICK, check_verdict, line, plain_grid, random_teacher, restricted, sampled

from srinr.encodings.fourier_features import FourierFeatures
from srinr.exact_dictionary import ExactDictionary
from srinr.measures import DiscreteMeasure
from srinr.neuron_dictionary import NeuronDictionary
from srinr.operators.fourier import FourierOperator
from srinr.samples import FourierSamples
from srinr.solvers import exchange as exchange_module
from srinr.solvers.certificate import Certificate, Level
from srinr.solvers.certify import certify, default_dictionary
from srinr.solvers.exchange import CertifyOptions
from srinr.status import Status
from srinr.weightings import FourierWeighting

SHORT = CertifyOptions(n_starts=512, margin=0.05)
TEACHER = DiscreteMeasure([[0.6, 0.0, 0.8]], [2.0])
UNDECIDED_STATUSES = {
    Status.STALLED,
    Status.MAX_STEPS,
    Status.TIME_LIMIT,
    Status.USER_STOP,
    Status.INFEASIBLE,
}


def verdict(
    measure: DiscreteMeasure,
    dictionary: NeuronDictionary,
    samples: FourierSamples | None = None,
    options: CertifyOptions = QUICK,
) -> Certificate:
    found = certify(
        measure,
        samples or sampled(dictionary, measure),
        dictionary=dictionary,
        options=options,
        progress=False,
    )
    assert (found.level is Level.NONE) == (found.is_optimal is None) == (found.status in UNDECIDED_STATUSES)
    assert found.message
    return found


@pytest.mark.parametrize(("width", "cutoff", "seed"), [(1, 2, 0), (2, 4, 0), (3, 6, 0)])
def test_refuted_teachers_come_with_a_cheaper_measure(width: int, cutoff: int, seed: int) -> None:
    teacher, dictionary = certified_teacher(width, seed), lattice_2d(cutoff)
    found = verdict(teacher, dictionary, options=SHORT)
    assert found.level is Level.REFUTED
    assert found.is_optimal is False
    assert found.witness is not None
    residual, saving = plain.check_witness(teacher, found.witness.measure, cutoff)
    assert residual <= 1e-12
    assert saving > 1e-9
    assert found.witness.relative_saving == pytest.approx(saving, rel=1e-3)
    # The check itself can fail: the same measure with one amplitude off is no witness.
    amplitudes = found.witness.measure.amplitudes * (1 + 1e-6 * np.eye(found.witness.measure.n_atoms)[0])
    assert (
        plain.check_witness(teacher, DiscreteMeasure(found.witness.measure.atoms, amplitudes), cutoff)[0]
        > 1e-9
    )


def modified_cost(measure: DiscreteMeasure, dictionary: NeuronDictionary) -> float:
    """Sum of the norms of the neurons' samples, one neuron at a time."""
    neurons = (DiscreteMeasure(w[None], [1.0]) for w in measure.atoms)
    norms = np.array([np.linalg.norm(sampled(dictionary, neuron).values) for neuron in neurons])
    return float(np.abs(measure.amplitudes) @ norms)


@pytest.mark.parametrize(("dictionary", "seed"), [(line(6), 1), (lattice_2d(3), 0)], ids=["1-D", "2-D"])
def test_modified_weight_decay_is_refuted_by_a_cheaper_measure(
    dictionary: NeuronDictionary, seed: int
) -> None:
    teacher = random_teacher(2, dictionary.n_features, seed)
    samples = sampled(dictionary, teacher)
    found = certify(
        teacher, samples, FourierWeighting(), dictionary=dictionary, options=SHORT, progress=False
    )
    assert found.level is Level.REFUTED
    assert found.witness is not None
    other = sampled(dictionary, found.witness.measure)
    assert np.linalg.norm(other.values - samples.values) <= 1e-12 * np.linalg.norm(samples.values)
    saving = 1.0 - modified_cost(found.witness.measure, dictionary) / modified_cost(teacher, dictionary)
    assert saving > 1e-9
    assert found.witness.relative_saving == pytest.approx(saving, rel=1e-3)


@pytest.mark.parametrize(("width", "cutoff", "seed"), [(1, 6, 0), (2, 10, 0)])
def test_certified_teachers_survive_an_independent_search(width: int, cutoff: int, seed: int) -> None:
    teacher, dictionary = certified_teacher(width, seed), lattice_2d(cutoff)
    found = verdict(teacher, dictionary, options=SHORT)
    assert found.level is Level.SEARCHED
    assert found.unique is True
    assert found.n_starts == 512
    assert found.n_clean_rounds >= 2
    assert found.dual_variable is not None
    image = dictionary.dual_image(found.dual_variable)
    assert plain.check_dual(image, 2048, seed=99) <= 1 + found.tolerance
    assert plain.check_dual(1.01 * image, 256, seed=99) > 1.005
    # Strong duality.
    samples = dictionary.sample(teacher)
    value = found.dual_variable @ dictionary.real_samples.pack(samples.values)
    assert value == pytest.approx(teacher.total_variation(), rel=1e-9)


def test_wide_teacher_is_not_accepted_after_one_round() -> None:
    # Its pre-certificate overshoots, and a single small search must never be the verdict.
    options = CertifyOptions(n_starts=64, n_small_starts=64, n_clean_rounds=1, max_rounds=1)
    found = verdict(certified_teacher(3, 0), lattice_2d(14), options=options)
    assert found.level is Level.NONE
    assert found.status is Status.MAX_STEPS
    assert found.max_ratio > 1.2


@pytest.mark.parametrize("width", [1, 2, 3])
@pytest.mark.parametrize("cutoff", [1, 2, 3, 5, 9])
def test_verdicts_on_random_teachers_in_one_dimension(width: int, cutoff: int) -> None:
    levels = set()
    for seed in range(3):
        teacher, dictionary = random_teacher(width, 3, seed), line(cutoff)
        found = verdict(teacher, dictionary)
        check_verdict(found, teacher, dictionary)
        hidden = plain_grid(dictionary).features @ teacher.atoms.T
        # A neuron without a kink is zero, or its own polynomial that one frequency determines.
        if ((hidden > 0).any(axis=0) & (hidden < 0).any(axis=0)).all():
            levels.add(found.level)
    if cutoff == 1:
        assert levels <= {Level.REFUTED, Level.NONE}
    if width == 1 and cutoff >= 4:
        assert levels == {Level.RIGOROUS}


@pytest.mark.parametrize(("width", "cutoff", "seed"), [(1, 4, 2), (2, 10, 0), (1, 2, 2)])
def test_verdicts_with_five_features(width: int, cutoff: int, seed: int) -> None:
    teacher, dictionary = random_teacher(width, 5, seed), line(cutoff, 2)
    found = verdict(teacher, dictionary)
    check_verdict(found, teacher, dictionary)
    assert found.level is (Level.RIGOROUS if (width, cutoff) == (1, 4) else Level.REFUTED)


def test_contradiction_among_nearly_parallel_constraints_is_seen() -> None:
    # One free dimension is left, and the rows that contradict each other in it are tiny beside the others.
    teacher, dictionary = random_teacher(2, 4, 7), restricted(1)
    found = verdict(teacher, dictionary)
    assert found.n_rounds < 20
    assert found.level is not Level.SEARCHED
    check_verdict(found, teacher, dictionary)


def test_two_grids_or_seeds_agree() -> None:
    teacher = random_teacher(2, 3, 1)
    for dictionary in (line(5), NeuronDictionary.lattice(1, 5, dim=1, n_grid=128)):
        for seed in (0, 1):
            found = certify(
                teacher,
                dictionary.sample(teacher),
                dictionary=dictionary,
                options=QUICK,
                seed=seed,
                progress=False,
            )
            assert found.is_optimal
            assert found.seed == seed
            assert found.domain == dictionary.description


def test_same_seed_same_certificate() -> None:
    teacher, dictionary = random_teacher(2, 3, 1), line(4)
    first, second = verdict(teacher, dictionary), verdict(teacher, dictionary)
    assert first.dual_variable is not None and second.dual_variable is not None
    np.testing.assert_array_equal(first.dual_variable, second.dual_variable)
    assert dataclasses.replace(first, seconds=0.0).n_rounds == second.n_rounds


def test_scale_of_atoms_and_amplitudes_does_not_matter() -> None:
    teacher, dictionary = random_teacher(2, 3, 0), line(6)
    for factor in (1e-6, 1e6):
        scaled = DiscreteMeasure(3.0 * teacher.atoms, factor * teacher.amplitudes)
        found = verdict(scaled, dictionary)
        assert found.level is Level.RIGOROUS
        np.testing.assert_allclose(np.linalg.norm(found.measure.atoms, axis=1), 1.0)


def test_exact_coefficients_are_certified_about_the_continuum() -> None:
    dictionary = ExactDictionary.lattice(1, 6)
    for width, seed in ((1, 3), (2, 0)):
        teacher = random_teacher(width, 3, seed)
        found = certify(
            teacher, sampled(dictionary, teacher), dictionary=dictionary, options=QUICK, progress=False
        )
        assert (found.level, found.domain) == (Level.RIGOROUS, "exact")
        fine = NeuronDictionary.lattice(1, 6, dim=1, n_grid=2048)
        moved = dataclasses.replace(found, tolerance=1e-5)
        assert found.dual_variable is not None
        image = fine.dual_image(found.dual_variable)
        assert image.shape == (2048,)
        # The same statement on a grid so fine that aliasing is below the tolerance.
        check_fine(moved, fine)


def check_fine(certificate: Certificate, dictionary: NeuronDictionary) -> None:
    grid = plain_grid(dictionary)
    assert certificate.dual_variable is not None
    p = dictionary.dual_image(certificate.dual_variable)
    found = largest_ratio(
        lambda w: grid.correlations(p, w), lambda w: np.ones(len(w)), 3, seed=1, n_starts=256, n_steps=40
    )
    assert 0.9 < found <= 1 + certificate.tolerance


# --- hard inputs ----------------------------------------------------------------------------------------------


def test_measure_that_misses_the_samples() -> None:
    dictionary = line(5)
    found = verdict(TEACHER, dictionary, sampled(dictionary, DiscreteMeasure(TEACHER.atoms, [2.0001])))
    assert (found.level, found.status) == (Level.NONE, Status.INFEASIBLE)
    assert "polish" in found.message
    assert found.dual_variable is None


def test_noisy_samples_are_not_certified(rng: np.random.Generator) -> None:
    dictionary = line(5)
    found = verdict(TEACHER, dictionary, sampled(dictionary, TEACHER).with_noise(1e-3, rng))
    assert (found.level, found.status) == (Level.NONE, Status.INFEASIBLE)
    assert "noisy" in found.message
    # Noise that is not declared shows as samples of a complex image or as a misfit.
    hidden = sampled(dictionary, TEACHER).with_noise(1e-3, rng)
    with pytest.raises(ValueError, match="real image"):
        verdict(TEACHER, dictionary, FourierSamples(hidden.frequencies, hidden.values))


def test_zero_data() -> None:
    dictionary = line(4)
    zero = FourierSamples(dictionary.operator.frequencies, np.zeros(9))
    empty = DiscreteMeasure(np.zeros((0, 3)), [])
    for measure in (
        empty,
        DiscreteMeasure([[1.0, 0.0, 0.0]], [0.0]),
        DiscreteMeasure([[0.0, 0.0, 0.0]], [1.0]),
    ):
        found = verdict(measure, dictionary, zero)
        assert (found.level, found.unique) == (Level.RIGOROUS, True)
        check_verdict(found, measure, dictionary)
    dead = DiscreteMeasure([[0.1, 0.1, -1.0]], [3.0])
    found = verdict(dead, dictionary, zero)
    assert found.level is Level.REFUTED
    assert found.witness is not None and found.witness.total_variation == 0.0
    assert verdict(TEACHER, dictionary, zero).status is Status.INFEASIBLE
    assert verdict(empty, dictionary, sampled(dictionary, TEACHER)).status is Status.INFEASIBLE


def test_zero_amplitudes_and_repeated_atoms_are_joined() -> None:
    dictionary = line(5)
    w = TEACHER.atoms[0]
    measure = DiscreteMeasure([w, [0.0, 1.0, 0.0], 2 * w], [1.0, 0.0, 0.5])
    found = verdict(measure, dictionary)
    assert found.level is Level.RIGOROUS
    assert found.measure.n_atoms == 1
    check_verdict(found, measure, dictionary)


def test_repeated_atoms_of_opposite_sign_are_refuted() -> None:
    dictionary = line(5)
    w = TEACHER.atoms[0]
    measure = DiscreteMeasure([w, w], [3.0, -1.0])
    found = verdict(measure, dictionary)
    assert found.level is Level.REFUTED
    check_verdict(found, measure, dictionary)
    cancelled = DiscreteMeasure([w, w], [1.0, -1.0])
    found = verdict(cancelled, dictionary, FourierSamples(dictionary.operator.frequencies, np.zeros(11)))
    assert found.level is Level.REFUTED
    assert found.witness is not None and found.witness.measure.n_atoms == 0


def test_dead_atoms_are_refuted_under_standard_weight_decay() -> None:
    dictionary = line(5)
    measure = DiscreteMeasure([TEACHER.atoms[0], [0.1, 0.1, -1.0]], [2.0, 1.0])
    found = verdict(measure, dictionary)
    assert found.level is Level.REFUTED
    check_verdict(found, measure, dictionary)


@pytest.mark.parametrize("distance", [1e-1, 1e-3, 1e-5, 1e-7, 1e-9])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_nearly_equal_atoms_never_get_a_wrong_verdict(distance: float, sign: float) -> None:
    dictionary = line(6)
    w = np.array([0.6, 0.0, 0.8])
    other = np.array([0.6, distance, 0.8])
    measure = DiscreteMeasure([w, other / np.linalg.norm(other)], [2.0, sign])
    found = verdict(measure, dictionary)
    check_verdict(found, measure, dictionary)
    if sign < 0 and distance > 1e-6:
        assert found.is_optimal is not True


@pytest.mark.parametrize("dictionary", [line(0), lattice_2d(0), line(1, 2)], ids=["1-D", "2-D", "K < K0"])
def test_too_few_samples_to_determine_a_neuron(dictionary: NeuronDictionary) -> None:
    teacher = random_teacher(1, dictionary.n_features, 1, positive=True)
    found = verdict(teacher, dictionary)
    assert found.is_optimal is not True
    check_verdict(found, teacher, dictionary)


def test_many_atoms_of_one_constant_image() -> None:
    # Positive everywhere: the neuron is its own polynomial, and the constant feature alone.
    dictionary = line(4)
    constant = DiscreteMeasure([[0.0, 0.0, 1.0]], [1.0])
    found = verdict(constant, dictionary)
    check_verdict(found, constant, dictionary)
    split = DiscreteMeasure([[0.3, 0.0, 1.0], [-0.3, 0.0, 1.0]], [0.5, 0.5])
    found = verdict(split, dictionary)
    assert found.is_optimal is not True
    check_verdict(found, split, dictionary)


def test_samples_of_one_frequency_and_of_scattered_ones() -> None:
    encoding = FourierFeatures.lattice(1, dim=1)
    for frequencies in ([[2]], [[0]], [[0], [1], [-1], [5]], [[3], [1], [0], [2], [4]]):
        dictionary = NeuronDictionary(encoding, FourierOperator(line(1).grid, np.array(frequencies)))
        found = verdict(TEACHER, dictionary)
        check_verdict(found, TEACHER, dictionary)


def test_bad_arguments_are_refused() -> None:
    dictionary = line(5)
    samples = sampled(dictionary, TEACHER)
    with pytest.raises(ValueError, match="NaN"):
        DiscreteMeasure([[np.nan, 0.0, 1.0]], [1.0])
    with pytest.raises(ValueError, match="atoms of 5 features"):
        certify(random_teacher(1, 5, 0), samples, dictionary=dictionary)
    with pytest.raises(ValueError, match="frequencies do not match"):
        certify(TEACHER, sampled(line(6), TEACHER), dictionary=dictionary)
    with pytest.raises(ValueError, match="one image"):
        certify(
            TEACHER,
            FourierSamples(samples.frequencies, np.stack([samples.values] * 2)),
            dictionary=dictionary,
        )
    with pytest.raises(ValueError, match="real image"):
        certify(TEACHER, FourierSamples(samples.frequencies, 1j * samples.values), dictionary=dictionary)
    with pytest.raises(ValueError, match="time_limit"):
        certify(TEACHER, samples, dictionary=dictionary, time_limit=0.0)
    with pytest.raises(ValueError, match="integer frequencies"):
        certify(TEACHER, FourierSamples(samples.frequencies + 0.25, samples.values))
    with pytest.raises(ValueError, match="pass dictionary="):
        certify(random_teacher(1, 4, 0), samples)


def test_default_dictionary_follows_the_samples() -> None:
    samples = sampled(line(5), TEACHER)
    dictionary = default_dictionary(TEACHER, samples)
    assert (dictionary.grid.shape, dictionary.n_features) == ((256,), 3)
    np.testing.assert_array_equal(dictionary.operator.frequencies, samples.frequencies)
    # Samples of another grid are missed by the aliasing error, and no verdict is given.
    assert certify(TEACHER, samples, progress=False).status is Status.INFEASIBLE
    assert certify(TEACHER, dictionary.sample(TEACHER), options=QUICK, progress=False).is_optimal


# --- endings --------------------------------------------------------------------------------------------------


def test_time_limit_is_a_status() -> None:
    teacher, dictionary = certified_teacher(3, 0), lattice_2d(14)
    found = certify(
        teacher, dictionary.sample(teacher), dictionary=dictionary, time_limit=1e-6, progress=False
    )
    assert (found.level, found.status) == (Level.NONE, Status.TIME_LIMIT)
    assert found.dual_variable is not None
    assert found.unique is None


def test_no_time_limit() -> None:
    dictionary = line(5)
    samples = sampled(dictionary, TEACHER)
    assert certify(TEACHER, samples, dictionary=dictionary, time_limit=None, options=QUICK).is_optimal


def test_interrupt_ends_with_a_status(monkeypatch: pytest.MonkeyPatch) -> None:
    original = exchange_module.search_atoms

    def interrupted(*args: object, **kwargs: object) -> object:
        os.kill(os.getpid(), signal.SIGINT)
        return original(*args, **kwargs)

    monkeypatch.setattr(exchange_module, "search_atoms", interrupted)
    before = signal.getsignal(signal.SIGINT)
    teacher, dictionary = random_teacher(2, 3, 1), line(3)
    found = verdict(teacher, dictionary)
    assert (found.level, found.status) == (Level.NONE, Status.USER_STOP)
    assert found.n_rounds == 1
    assert signal.getsignal(signal.SIGINT) is before
