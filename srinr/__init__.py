"""srinr: recover a continuous image from a few Fourier samples, and know how far to trust it.

Public names are resolved on first use, so that ``import srinr`` (and the phantoms) stay light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from srinr._version import __version__

if TYPE_CHECKING:
    from srinr.domain import ContinuousImage, Grid, half_plane, lowpass_frequencies
    from srinr.encodings.fourier_features import FourierFeatures
    from srinr.encodings.identity import Coordinates
    from srinr.exact_dictionary import ExactDictionary
    from srinr.exact_planar_dictionary import ExactPlanarDictionary
    from srinr.fit_result import FitResult, FitState
    from srinr.inr import INR, inr_from_measure, measure_from_inr
    from srinr.measures import DiscreteMeasure
    from srinr.networks.base import BiasInit
    from srinr.networks.mlp import MLP
    from srinr.networks.multiplicative_filters import FourierFilterNetwork
    from srinr.networks.polynomial import PolynomialMLP
    from srinr.networks.shallow import ShallowReLU
    from srinr.networks.siren import Siren
    from srinr.neuron_dictionary import NeuronDictionary
    from srinr.operators.fourier import FourierOperator
    from srinr.operators.linear import LinearOperator
    from srinr.operators.mri import CoilSensitivity, SamplingMask
    from srinr.optimizers import LBFGS, Adam
    from srinr.phase_diagram import PhaseDiagram
    from srinr.regularizers import (
        CustomWeightDecay,
        FourierWeightDecay,
        IntegralWeightDecay,
        TotalVariation,
        WeightDecay,
    )
    from srinr.samples import FourierSamples
    from srinr.stages import Stage, Validation, coarse_to_fine
    from srinr.status import SrinrError, Status
    from srinr.sweeps import phase_transition
    from srinr.training import fit
    from srinr.weightings import CustomWeighting, FourierWeighting, IntegralWeighting, StandardWeighting

_HOME = {
    "ContinuousImage": "srinr.domain",
    "Grid": "srinr.domain",
    "half_plane": "srinr.domain",
    "lowpass_frequencies": "srinr.domain",
    "FourierSamples": "srinr.samples",
    "NeuronDictionary": "srinr.neuron_dictionary",
    "ExactDictionary": "srinr.exact_dictionary",
    "ExactPlanarDictionary": "srinr.exact_planar_dictionary",
    "StandardWeighting": "srinr.weightings",
    "FourierWeighting": "srinr.weightings",
    "IntegralWeighting": "srinr.weightings",
    "CustomWeighting": "srinr.weightings",
    "DiscreteMeasure": "srinr.measures",
    "Status": "srinr.status",
    "SrinrError": "srinr.status",
    "LinearOperator": "srinr.operators.linear",
    "FourierOperator": "srinr.operators.fourier",
    "CoilSensitivity": "srinr.operators.mri",
    "SamplingMask": "srinr.operators.mri",
    "FourierFeatures": "srinr.encodings.fourier_features",
    "Coordinates": "srinr.encodings.identity",
    "ShallowReLU": "srinr.networks.shallow",
    "MLP": "srinr.networks.mlp",
    "PolynomialMLP": "srinr.networks.polynomial",
    "FourierFilterNetwork": "srinr.networks.multiplicative_filters",
    "BiasInit": "srinr.networks.base",
    "Siren": "srinr.networks.siren",
    "INR": "srinr.inr",
    "inr_from_measure": "srinr.inr",
    "measure_from_inr": "srinr.inr",
    "WeightDecay": "srinr.regularizers",
    "TotalVariation": "srinr.regularizers",
    "FourierWeightDecay": "srinr.regularizers",
    "IntegralWeightDecay": "srinr.regularizers",
    "CustomWeightDecay": "srinr.regularizers",
    "Adam": "srinr.optimizers",
    "LBFGS": "srinr.optimizers",
    "fit": "srinr.training",
    "FitResult": "srinr.fit_result",
    "FitState": "srinr.fit_result",
    "Stage": "srinr.stages",
    "Validation": "srinr.stages",
    "coarse_to_fine": "srinr.stages",
    "PhaseDiagram": "srinr.phase_diagram",
    "phase_transition": "srinr.sweeps",
}

__all__ = [
    "INR",
    "LBFGS",
    "MLP",
    "Adam",
    "BiasInit",
    "CoilSensitivity",
    "ContinuousImage",
    "Coordinates",
    "CustomWeightDecay",
    "CustomWeighting",
    "DiscreteMeasure",
    "ExactDictionary",
    "ExactPlanarDictionary",
    "FitResult",
    "FitState",
    "FourierFeatures",
    "FourierFilterNetwork",
    "FourierOperator",
    "FourierSamples",
    "FourierWeightDecay",
    "FourierWeighting",
    "Grid",
    "IntegralWeightDecay",
    "IntegralWeighting",
    "LinearOperator",
    "NeuronDictionary",
    "PhaseDiagram",
    "PolynomialMLP",
    "SamplingMask",
    "ShallowReLU",
    "Siren",
    "SrinrError",
    "Stage",
    "StandardWeighting",
    "Status",
    "TotalVariation",
    "Validation",
    "WeightDecay",
    "__version__",
    "coarse_to_fine",
    "fit",
    "half_plane",
    "inr_from_measure",
    "lowpass_frequencies",
    "measure_from_inr",
    "phase_transition",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'srinr' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
