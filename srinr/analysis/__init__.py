"""Analyses of implicit neural representations: harmonics, spectra, tangent kernels."""
