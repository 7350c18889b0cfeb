"""Options of the command line: their types, names and help texts. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class NetworkKind(StrEnum):
    """Networks to choose from."""

    SHALLOW = "shallow"
    MLP = "mlp"
    SIREN = "siren"


class RegularizerKind(StrEnum):
    """Weight decays to choose from."""

    STANDARD = "standard"
    FOURIER = "fourier"
    INTEGRAL = "integral"


class ZerosKind(StrEnum):
    """What zeros in a k-space file mean."""

    NOT_SAMPLED = "not-sampled"
    MEASURED = "measured"


class NormKind(StrEnum):
    """Normalizations of a k-space file."""

    ORTHO = "ortho"
    BACKWARD = "backward"
    FORWARD = "forward"


class MapsKind(StrEnum):
    """Ways to estimate coil sensitivities."""

    ESPIRIT = "espirit"
    LOW_RESOLUTION = "low-resolution"


class Precision(StrEnum):
    """Floating-point types of the training."""

    SINGLE = "single"
    DOUBLE = "double"


_PHANTOM, _FILE = "Phantom", "File (nothing is guessed: k-space needs axes, centering, zeros and norm)"
_MODEL, _TRAINING, _OUTPUT = "Model", "Training", "Output"

Target = Annotated[
    str,
    typer.Argument(help="Name of a phantom (see: srinr phantom), or a .npy/.npz file.", show_default=False),
]
Cutoff = Annotated[
    int | None,
    typer.Option(
        "--cutoff", "-K", min=1, show_default="32, in 3-D 8", rich_help_panel=_PHANTOM,
        help="Low-pass limit of the samples, cycles per field of view.",
    ),
]  # fmt: skip
NoiseStd = Annotated[
    float | None,
    typer.Option(
        "--noise-std", min=0.0, show_default="0", rich_help_panel=_PHANTOM,
        help="Noise to add, standard deviation per real component of a coefficient.",
    ),
]  # fmt: skip
Axes = Annotated[
    str | None,
    typer.Option(
        "--axes", rich_help_panel=_FILE, show_default=False,
        help="Names of the file's axes in its order, e.g. coil,y,x (out of slice, coil, z, y, x).",
    ),
]  # fmt: skip
Centered = Annotated[
    bool | None,
    typer.Option(
        "--centered/--not-centered", rich_help_panel=_FILE, show_default=False,
        help="Zero frequency at index floor(n/2) (fastMRI, SigPy, BART), or first as in numpy.fft.",
    ),
]  # fmt: skip
Zeros = Annotated[
    ZerosKind | None,
    typer.Option(
        rich_help_panel=_FILE, show_default=False, help="What positions that are zero in all coils mean."
    ),
]
Norm = Annotated[
    NormKind | None,
    typer.Option(
        rich_help_panel=_FILE, show_default=False,
        help="Normalization of the values: ortho (fastMRI, SigPy), backward (numpy.fft's default), forward.",
    ),
]  # fmt: skip
Key = Annotated[
    str | None,
    typer.Option("--key", rich_help_panel=_FILE, show_default=False, help="Array to read from an .npz file."),
]
Slice = Annotated[
    int | None,
    typer.Option(
        "--slice", min=0, rich_help_panel=_FILE, show_default=False, help="Slice to recover, from 0."
    ),
]
Real = Annotated[
    bool,
    typer.Option(
        "--real", rich_help_panel=_FILE,
        help="The image is real and its samples hold k and -k alike: recovered like a phantom, without coils.",
    ),
]  # fmt: skip
Maps = Annotated[
    MapsKind | None,
    typer.Option(
        "--maps", rich_help_panel=_FILE, show_default="espirit", help="How coil sensitivities are estimated."
    ),
]
Trials = Annotated[
    int | None,
    typer.Option(
        "--trials", min=1, max=6, rich_help_panel=_FILE, show_default="4",
        help="Hyper-parameter candidates, the same number for the INR and for CG-SENSE.",
    ),
]  # fmt: skip
Network = Annotated[
    NetworkKind | None,
    typer.Option(
        rich_help_panel=_MODEL, show_default="shallow for phantoms, mlp for k-space",
        help="One hidden ReLU layer; deep ReLU network; sine network on plain coordinates.",
    ),
]  # fmt: skip
Width = Annotated[
    int | None,
    typer.Option(min=1, rich_help_panel=_MODEL, show_default="by network", help="Neurons per hidden layer."),
]
Depth = Annotated[
    int | None,
    typer.Option(
        min=3, rich_help_panel=_MODEL, show_default="by network", help="Linear layers of a deep network."
    ),
]
MaxFrequency = Annotated[
    int | None,
    typer.Option(
        min=1, rich_help_panel=_MODEL, show_default="by network, at most the cutoff",
        help="Fourier features: all integer frequencies up to this limit.",
    ),
]  # fmt: skip
Regularizer = Annotated[
    RegularizerKind | None,
    typer.Option(
        rich_help_panel=_MODEL, show_default="fourier for shallow, standard for deep",
        help="Weight decay: standard; modified I (norm of a neuron's samples); modified II (its mean).",
    ),
]  # fmt: skip
Strength = Annotated[
    float | None,
    typer.Option(
        min=0.0, rich_help_panel=_MODEL, show_default="by network",
        help="Factor of the regularizer next to half the squared residual.",
    ),
]  # fmt: skip
GridSize = Annotated[
    int | None,
    typer.Option(
        "--grid", min=2, rich_help_panel=_TRAINING, show_default="4 to 5 times the cutoff",
        help="Points per axis of the training grid.",
    ),
]  # fmt: skip
MaxSteps = Annotated[
    int | None,
    typer.Option(
        min=1, rich_help_panel=_TRAINING, show_default="by network",
        help="Optimizer steps in all, shared among the stages; for k-space steps per trial.",
    ),
]  # fmt: skip
TimeLimit = Annotated[
    float | None,
    typer.Option(
        rich_help_panel=_TRAINING, show_default="none",
        help="Seconds of training; what was reached is saved, the same command with a higher limit goes on.",
    ),
]  # fmt: skip
Seed = Annotated[
    int, typer.Option(min=0, rich_help_panel=_TRAINING, help="Seed of weights, noise and held-out positions.")
]
PrecisionOption = Annotated[
    Precision,
    typer.Option("--precision", rich_help_panel=_TRAINING, help="Of the training; results are double."),
]
Device = Annotated[str, typer.Option(rich_help_panel=_TRAINING, help="Torch device, e.g. cuda.")]
Threads = Annotated[
    int | None,
    typer.Option(min=1, max=512, rich_help_panel=_TRAINING, show_default="torch's", help="CPU threads."),
]
CheckpointEvery = Annotated[
    float, typer.Option(min=0.0, rich_help_panel=_TRAINING, help="Seconds between checkpoints.")
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", rich_help_panel=_OUTPUT, show_default="srinr-output/NAME",
        help="Folder to write to; created.",
    ),
]  # fmt: skip
Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", rich_help_panel=_OUTPUT, help="Replace what an earlier run wrote there."),
]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", rich_help_panel=_OUTPUT, help="No progress bar, no tables; errors only."),
]
Debug = Annotated[
    bool,
    typer.Option("--debug", rich_help_panel=_OUTPUT, help="Log messages, and the traceback of an error."),
]


@dataclass(frozen=True)
class RecoverOptions:
    """What ``srinr recover`` was asked to do; None stands for an option that was not given."""

    target: str
    cutoff: int | None
    noise_std: float | None
    axes: str | None
    centered: bool | None
    zeros: ZerosKind | None
    norm: NormKind | None
    key: str | None
    slice_index: int | None
    real: bool
    maps: MapsKind | None
    trials: int | None
    network: NetworkKind | None
    width: int | None
    depth: int | None
    max_frequency: int | None
    regularizer: RegularizerKind | None
    strength: float | None
    grid: int | None
    max_steps: int | None
    time_limit: float | None
    seed: int
    precision: Precision
    device: str
    threads: int | None
    checkpoint_every: float
    output: Path | None
    overwrite: bool
    quiet: bool
    debug: bool
