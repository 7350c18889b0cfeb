"""Spoiled certificates are rejected, sound ones accepted, and a peak that a small search misses is found."""

import dataclasses

import numpy as np
import pytest
from certified_teachers import certified_teacher, lattice_2d
from small_teachers import QUICK, line, random_teacher, sampled

from srinr.measures import DiscreteMeasure
from srinr.neuron_dictionary import NeuronDictionary
from srinr.samples import FourierSamples
from srinr.solvers.atom_search import AtomSearch, ratios, search_atoms
from srinr.solvers.certificate import Certificate, Level, Witness
from srinr.solvers.certify import certify
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.support import support_equations
from srinr.solvers.verify import ESCALATION, verify_certificate
from srinr.weightings import FourierWeighting, StandardWeighting

CASES = {"optimal": (line(4), 1), "refuted": (line(3), 1)}


def case(name: str) -> tuple[NeuronDictionary, FourierSamples, Certificate]:
    dictionary, seed = CASES[name]
    teacher = random_teacher(2, 3, seed)
    samples = sampled(dictionary, teacher)
    found = certify(teacher, samples, dictionary=dictionary, options=QUICK, progress=False)
    assert found.level is (Level.RIGOROUS if name == "optimal" else Level.REFUTED)
    return dictionary, samples, found


@pytest.mark.parametrize("name", CASES)
def test_sound_certificates_are_accepted(name: str) -> None:
    dictionary, samples, certificate = case(name)
    checked = verify_certificate(certificate, samples, dictionary=dictionary)
    assert checked.accepted, checked.failures
    if name == "optimal":
        assert checked.n_starts == sum(ESCALATION)
        assert checked.max_ratio == pytest.approx(1.0, abs=1e-6)
    else:
        assert (checked.n_starts, np.isnan(checked.max_ratio)) == (0, True)


def moved(measure: DiscreteMeasure, distance: float) -> DiscreteMeasure:
    atoms = measure.atoms.copy()
    atoms[0, 0] += distance
    return DiscreteMeasure(atoms, measure.amplitudes)


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda c: {"dual_variable": 1.01 * c.dual_variable}, "support"),
        (lambda c: {"dual_variable": 0.99 * c.dual_variable}, "support"),
        (lambda c: {"dual_variable": -c.dual_variable}, "support"),
        (lambda c: {"dual_variable": 0.0 * c.dual_variable}, "support"),
        (lambda c: {"dual_variable": c.dual_variable[:-1]}, "shape"),
        (lambda c: {"dual_variable": np.full_like(c.dual_variable, np.nan)}, "finite"),
        (lambda c: {"dual_variable": None}, "no finite dual"),
        (lambda c: {"measure": moved(c.measure, 1e-4)}, "misses the samples"),
        (lambda c: {"measure": DiscreteMeasure(c.measure.atoms, 1.001 * c.measure.amplitudes)}, "misses"),
        (lambda c: {"measure": DiscreteMeasure(c.measure.atoms[:1], c.measure.amplitudes[:1])}, "misses"),
        (lambda c: {"level": Level.REFUTED}, "without a witness"),
        (lambda c: {"level": Level.NONE}, "claims nothing"),
    ],
)
def test_spoiled_certificates_of_optimality_are_rejected(spoil: object, word: str) -> None:
    dictionary, samples, certificate = case("optimal")
    spoiled = dataclasses.replace(certificate, **spoil(certificate))
    checked = verify_certificate(spoiled, samples, dictionary=dictionary)
    assert not checked.accepted
    assert any(word in failure for failure in checked.failures)


def test_certificate_of_another_problem_is_rejected() -> None:
    dictionary, samples, certificate = case("optimal")
    assert not verify_certificate(certificate, samples, FourierWeighting(), dictionary=dictionary).accepted
    other = sampled(dictionary, random_teacher(2, 3, 0))
    assert not verify_certificate(certificate, other, dictionary=dictionary).accepted


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda m, c: moved(m, 1e-6), "misses the samples"),
        (lambda m, c: DiscreteMeasure(m.atoms, m.amplitudes * (1 + 1e-9)), "misses the samples"),
        (lambda m, c: c.measure, "not less"),
        (
            lambda m, c: DiscreteMeasure([*m.atoms, m.atoms[0], m.atoms[0]], [*m.amplitudes, 5.0, -5.0]),
            "not less",
        ),
    ],
)
def test_spoiled_witnesses_are_rejected(spoil: object, word: str) -> None:
    dictionary, samples, certificate = case("refuted")
    assert certificate.witness is not None
    # The figures of the witness are left as they were: only the measure itself counts.
    witness: Witness = dataclasses.replace(
        certificate.witness, measure=spoil(certificate.witness.measure, certificate)
    )
    checked = verify_certificate(
        dataclasses.replace(certificate, witness=witness), samples, dictionary=dictionary
    )
    assert not checked.accepted
    assert any(word in failure for failure in checked.failures)


@pytest.mark.parametrize("level", [Level.SEARCHED, Level.RIGOROUS])
def test_refutation_relabelled_as_optimal_is_rejected(level: Level) -> None:
    dictionary, samples, certificate = case("refuted")
    relabelled = dataclasses.replace(certificate, level=level, witness=None)
    assert not verify_certificate(relabelled, samples, dictionary=dictionary).accepted


def test_pre_certificate_passed_off_as_a_certificate_is_rejected() -> None:
    # Everything holds at the support; only the search can tell.
    teacher, dictionary = certified_teacher(2, 0), lattice_2d(6)
    samples = dictionary.sample(teacher)
    equations = support_equations(MeasureProblem(dictionary, samples), teacher)
    claimed = Certificate(Level.SEARCHED, teacher, equations.center, 1.0, unique=True, tolerance=1e-4)
    checked = verify_certificate(claimed, samples, dictionary=dictionary)
    assert not checked.accepted
    assert checked.n_starts == ESCALATION[0]
    assert all("search" in failure for failure in checked.failures)


def planted(height: float = 1.02) -> tuple[NeuronDictionary, FourierSamples, Certificate, np.ndarray]:
    """A certificate whose dual vector was raised at a hidden direction, without a trace at the support."""
    dictionary, teacher = line(12, 3), random_teacher(1, 7, 0)
    samples = sampled(dictionary, teacher)
    sound = certify(teacher, samples, dictionary=dictionary, options=QUICK, progress=False)
    assert sound.level is Level.SEARCHED and sound.dual_variable is not None
    equations = support_equations(MeasureProblem(dictionary, samples), teacher)
    hidden = np.array([0.2, -0.3, 0.7, 0.4, 0.1, 0.4, -0.25])
    hidden /= np.linalg.norm(hidden)
    row = dictionary.coefficients(hidden[None])[0]
    free = row - equations.basis @ (equations.basis.T @ row)
    missing = height - row @ sound.dual_variable
    assert missing > 0
    spoiled = sound.dual_variable + missing / (free @ row) * free
    return dictionary, samples, dataclasses.replace(sound, dual_variable=spoiled, max_ratio=1.0), hidden


def test_planted_peak_is_missed_by_a_tiny_search_and_found_by_escalation() -> None:
    dictionary, samples, certificate, hidden = planted()
    assert certificate.dual_variable is not None
    value = ratios(dictionary, StandardWeighting(), certificate.dual_variable, hidden[None])[0]
    assert value == pytest.approx(1.02)
    missed = [
        search_atoms(
            dictionary,
            StandardWeighting(),
            certificate.dual_variable,
            np.random.default_rng(seed),
            AtomSearch(1),
        ).max_ratio
        for seed in range(20)
    ]
    # Some tiny searches end in other peaks: a verdict of one of them would be wrong.
    assert min(missed) < 1.0 + certificate.tolerance
    checked = verify_certificate(certificate, samples, dictionary=dictionary)
    assert not checked.accepted
    assert checked.max_ratio >= 1.02 - 1e-9
    # At the support nothing is wrong.
    assert all("search" in failure for failure in checked.failures)
    # A tolerance that allows the peak accepts it.
    allowed = verify_certificate(certificate, samples, dictionary=dictionary, tolerance=0.5)
    assert allowed.accepted


def test_zero_measure_and_default_dictionary() -> None:
    dictionary = NeuronDictionary.lattice(1, 4, dim=1)
    zero = FourierSamples(dictionary.operator.frequencies, np.zeros(9))
    empty = DiscreteMeasure(np.zeros((0, 3)), [])
    found = certify(empty, zero, dictionary=dictionary)
    assert verify_certificate(found, zero).accepted
    wrong = dataclasses.replace(found, dual_variable=np.full(9, 10.0))
    assert not verify_certificate(wrong, zero).accepted
