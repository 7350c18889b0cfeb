"""Analyses of implicit neural representations: harmonics, spectra, tangent kernels.

Harmonics, what a network can express: :func:`harmonic_frequencies`, :func:`reachable_bins`,
:func:`expand_polynomial_inr`, :func:`expand_siren`, :func:`expand_filter_network`, :func:`taylor_expansion`,
:func:`chebyshev_expansion`. Spectra and failure modes: :func:`measured_spectrum`, :func:`harmonic_coverage`,
:func:`aliased_energy`. Tangent kernels, what it learns first: :func:`tangent_kernel`,
:class:`TangentKernelOperator`, :class:`KernelSpectrum`, :func:`kernel_regression`, :func:`kernel_history`.
"""

from srinr.analysis.activation_expansion import Activation, chebyshev_expansion, taylor_expansion
from srinr.analysis.bessel_expansion import bessel_expansion, expand_siren
from srinr.analysis.diagnosis import aliased_energy, harmonic_coverage, strongest_frequencies
from srinr.analysis.harmonic_support import (
    count_integer_vectors,
    harmonic_frequencies,
    harmonic_radius,
    integer_vectors,
    reachable_bins,
)
from srinr.analysis.kernel_alignment import kernel_alignment, kernel_history, subspace_overlap
from srinr.analysis.kernel_regression import Descent, KernelRegression, kernel_regression
from srinr.analysis.kernel_spectrum import KernelSpectrum
from srinr.analysis.polynomial_expansion import (
    expand_filter_network,
    expand_polynomial_inr,
    expand_polynomial_network,
    sine_mapping,
)
from srinr.analysis.sinusoid_bank import SinusoidBank
from srinr.analysis.sinusoids import Sinusoids
from srinr.analysis.spectrum import measured_spectrum, periodic_best_fit, predicted_support, psnr_ceiling
from srinr.analysis.tangent_kernel import (
    TangentKernelOperator,
    TangentMethod,
    tangent_jacobian,
    tangent_kernel,
)
from srinr.analysis.tangent_model import OneOutput, OutputReduction

__all__ = [
    "Activation",
    "Descent",
    "KernelRegression",
    "KernelSpectrum",
    "OneOutput",
    "OutputReduction",
    "SinusoidBank",
    "Sinusoids",
    "TangentKernelOperator",
    "TangentMethod",
    "aliased_energy",
    "bessel_expansion",
    "chebyshev_expansion",
    "count_integer_vectors",
    "expand_filter_network",
    "expand_polynomial_inr",
    "expand_polynomial_network",
    "expand_siren",
    "harmonic_coverage",
    "harmonic_frequencies",
    "harmonic_radius",
    "integer_vectors",
    "kernel_alignment",
    "kernel_history",
    "kernel_regression",
    "measured_spectrum",
    "periodic_best_fit",
    "predicted_support",
    "psnr_ceiling",
    "reachable_bins",
    "sine_mapping",
    "strongest_frequencies",
    "subspace_overlap",
    "tangent_jacobian",
    "tangent_kernel",
    "taylor_expansion",
]
