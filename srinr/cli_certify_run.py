"""The work of ``srinr certify``: read the question, certify, tell and write the verdict."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console

from srinr.cli_certify_options import CertifyCommand, WeightingKind
from srinr.cli_certify_report import OUTPUTS, report_content, show_verdict, write_verdict
from srinr.cli_errors import ExitCode, UsageError
from srinr.cli_inputs import check_size
from srinr.cli_run import create_folder, log_when, refuse_used
from srinr.domain import Grid, lowpass_frequencies
from srinr.encodings.base import Encoding
from srinr.encodings.fourier_features import FourierFeatures
from srinr.exact_dictionary import ExactDictionary
from srinr.inr import INR, inr_from_measure, measure_from_inr
from srinr.lattice import lattice_frequencies
from srinr.measures import DiscreteMeasure
from srinr.networks.shallow import ShallowReLU
from srinr.neuron_dictionary import NeuronDictionary, default_grid_points
from srinr.operators.fourier import FourierOperator
from srinr.phantoms.teachers import random_teacher
from srinr.samples import FourierSamples
from srinr.solvers.certificate import Certificate, Level
from srinr.solvers.certify import FEASIBLE, CertifyOptions, certify
from srinr.solvers.polish import polish
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.reduced import reduced_model
from srinr.status import FileFormatError
from srinr.weightings import FourierWeighting, IntegralWeighting, StandardWeighting, Weighting

#: Limits of one command: samples, features times grid points, and neurons times features.
MAX_SAMPLES, MAX_FEATURE_VALUES, MAX_UNKNOWNS = 2**14, 2**26, 2**13
_WEIGHTINGS: dict[WeightingKind, Weighting] = {
    WeightingKind.STANDARD: StandardWeighting(),
    WeightingKind.MODIFIED_1: FourierWeighting(),
    WeightingKind.MODIFIED_2: IntegralWeighting(),
}


@dataclass(frozen=True)
class Question:
    """A network, its features, and the samples it is asked about."""

    name: str
    measure: DiscreteMeasure
    encoding: Encoding
    samples: FourierSamples | None
    cutoff: int


def run_certify(command: CertifyCommand) -> None:
    """Answer the question; leave through ``typer.Exit`` when ``--check`` asks for it."""
    started = time.perf_counter()
    log_when(command.debug)
    console = Console(quiet=command.quiet, markup=False)
    if not command.time_limit > 0:
        raise UsageError(f"--time-limit must be positive seconds, got {command.time_limit:g}")
    question = _question(command)
    problem = _problem(command, question)
    measure = _fitted(command, problem, question.measure)
    folder = _open_folder(command, question)
    certificate = _certify(command, problem, measure)
    content = report_content(command, problem, certificate, time.perf_counter() - started)
    for name in OUTPUTS:  # of an earlier verdict, which may have had others
        (folder / name).unlink(missing_ok=True)
    write_verdict(folder, problem, certificate, content)
    if command.polish:
        inr_from_measure(measure, question.encoding).save(folder / "polished.safetensors")
    if command.random is not None:
        inr_from_measure(question.measure, question.encoding).save(folder / "teacher.safetensors")
        problem.samples.save(folder / "samples.npz")
    show_verdict(console, folder, certificate, content)
    if command.check and certificate.is_optimal is not True:
        refuted = certificate.level is Level.REFUTED
        raise typer.Exit(ExitCode.REFUTED if refuted else ExitCode.UNDECIDED)


def _question(command: CertifyCommand) -> Question:
    """The network from its file, or a random one; and the samples from their file, if there is one."""
    if (command.model is None) == (command.random is None):
        raise UsageError("give a MODEL file, or --random WIDTH; e.g. srinr certify --random 2 --cutoff 10")
    if command.random is not None:
        return _random_question(command, command.random)
    assert command.model is not None
    given = [name for name in ("max_frequency", "dim") if getattr(command, name) is not None]
    if given:
        flags = ", ".join("--" + name.replace("_", "-") for name in given)
        raise UsageError(f"{flags}: with --random only; {command.model} says what its features are")
    inr = INR.load(command.model)
    if not isinstance(inr.network, ShallowReLU) or inr.complex_output:
        kind = "a complex image" if inr.complex_output else f"a network {type(inr.network).__name__}"
        raise FileFormatError(
            f"{command.model}: holds {kind}; certificates are about real INRs with one hidden ReLU layer "
            "(ShallowReLU)"
        )
    measure = measure_from_inr(inr)
    if command.samples is None:
        if command.cutoff is None:
            raise UsageError("give a SAMPLES file, or --cutoff to ask about the model's own samples")
        return Question(command.model.stem, measure, inr.encoding, None, command.cutoff)
    if command.cutoff is not None:
        raise UsageError(f"--cutoff: {command.samples} says what was sampled; leave one of the two out")
    samples = _load_samples(command.samples, inr.dim)
    return Question(command.model.stem, measure, inr.encoding, samples, math.ceil(samples.cutoff))


def _random_question(command: CertifyCommand, width: int) -> Question:
    if command.samples is not None:
        raise UsageError("--random brings its own samples; leave the files out")
    dim, max_frequency = command.dim or 2, command.max_frequency or 2
    features = (2.0 * max_frequency + 1) ** dim
    check_size("weights of neurons", width * features, MAX_UNKNOWNS, "lower --random or --max-frequency")
    teacher = random_teacher(width, max_frequency, command.seed, dim=dim)
    encoding = FourierFeatures.lattice(max_frequency, dim)
    return Question(f"random-{width}", teacher.measure, encoding, None, command.cutoff or 10)


def _load_samples(path: Path, dim: int) -> FourierSamples:
    """Samples that a certificate can be about: of one real image, exact, at integer frequencies."""
    samples = FourierSamples.load(path)
    if samples.dim != dim:
        raise FileFormatError(f"{path}: samples in dimension {samples.dim}, the model lives in {dim}")
    if samples.values.ndim != 1:
        raise FileFormatError(
            f"{path}: holds several images or coils, values of shape {samples.values.shape}; save one image"
        )
    if samples.noise_std > 0:
        raise FileFormatError(
            f"{path}: the samples are noisy (standard deviation {samples.noise_std:g}); a certificate is about "
            "exact samples. Leave the file out and pass --cutoff to ask about the model's own samples"
        )
    if not samples.is_integer:
        raise FileFormatError(
            f"{path}: frequencies are not integers; the theory is about coefficients of Fourier series"
        )
    return samples


def _problem(command: CertifyCommand, question: Question) -> MeasureProblem:
    """The convex problem on a grid; samples that are not given are the network's own."""
    encoding, dim = question.encoding, question.encoding.dim
    if question.samples is None:
        check_size("samples", (2.0 * question.cutoff + 1) ** dim, MAX_SAMPLES, "lower --cutoff")
        frequencies = lowpass_frequencies(question.cutoff, dim)
    else:
        check_size("samples", question.samples.n_samples, MAX_SAMPLES, "save samples up to a lower cutoff")
        frequencies = question.samples.frequencies.astype(np.int64)
    dictionary = _dictionary(command, encoding, question.cutoff, frequencies)
    samples = question.samples or dictionary.sample(question.measure)
    return MeasureProblem(dictionary, samples, _WEIGHTINGS[command.weighting])


def _dictionary(
    command: CertifyCommand, encoding: Encoding, cutoff: int, frequencies: NDArray[np.int64]
) -> NeuronDictionary | ExactDictionary:
    """Where the samples of neurons come from: a grid, or with ``--exact`` their zeros."""
    if command.exact:
        if command.grid is not None:
            raise UsageError("--grid: there is no grid with --exact; leave one of the two out")
        return _exact_dictionary(encoding, frequencies)
    dim = encoding.dim
    top = encoding.max_frequency if isinstance(encoding, FourierFeatures) else cutoff
    n = command.grid or default_grid_points(cutoff, math.ceil(top), dim)
    check_size("values of features on the grid", float(n) ** dim * encoding.n_features, MAX_FEATURE_VALUES,
               "lower --grid")  # fmt: skip
    return NeuronDictionary(encoding, FourierOperator(Grid(n, dim=dim), frequencies))


def _exact_dictionary(encoding: Encoding, frequencies: NDArray[np.int64]) -> ExactDictionary:
    if isinstance(encoding, FourierFeatures) and encoding.dim == 1 and encoding.is_integer:
        top = int(encoding.max_frequency)
        if np.array_equal(encoding.frequencies, lattice_frequencies(top, dim=1)):
            return ExactDictionary(top, frequencies, constant=encoding.constant)
    raise UsageError(f"--exact is for all frequencies up to a limit in 1-D; the features are {encoding!r}")


def _fitted(command: CertifyCommand, problem: MeasureProblem, measure: DiscreteMeasure) -> DiscreteMeasure:
    """The measure itself, or with ``--polish`` the exact one next to it.

    Raises
    ------
    UsageError
        When the measure does not have the samples, with the ways to mend that.
    """
    shape = problem.dictionary.description
    if command.polish:
        check_size("weights of neurons", float(measure.atoms.size), MAX_UNKNOWNS, "polish narrower networks")
        measure = _polished(problem, measure)
    residual = problem.relative_residual(measure)
    if residual <= FEASIBLE:
        return measure
    if command.polish:
        raise UsageError(
            f"no exact fit was found next to the model: relative residual {residual:.1e} on {shape} after "
            "polishing; train longer, or use more neurons"
        )
    raise UsageError(
        f"the model does not have these samples: relative residual {residual:.1e} on {shape}; pass --polish to "
        "fit it first, a larger --grid for samples computed on a finer one, or --cutoff instead of SAMPLES for "
        "the model's own"
    )


def _polished(problem: MeasureProblem, measure: DiscreteMeasure) -> DiscreteMeasure:
    return reduced_model(problem, measure) or polish(problem, measure, max_steps=200)[0]


def _open_folder(command: CertifyCommand, question: Question) -> Path:
    folder = command.output or Path("srinr-output") / f"certify-{question.name}"
    refuse_used(folder, OUTPUTS, command.overwrite)
    create_folder(folder)
    return folder


def _certify(command: CertifyCommand, problem: MeasureProblem, measure: DiscreteMeasure) -> Certificate:
    options = CertifyOptions() if command.starts is None else CertifyOptions(n_starts=command.starts)
    return certify(
        measure,
        problem.samples,
        problem.weighting,
        dictionary=problem.dictionary,
        options=options,
        time_limit=command.time_limit,
        progress=False if command.quiet else None,
        seed=command.seed,
    )
