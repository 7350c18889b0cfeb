"""Hand-drawn tables for the brain phantom: outlines, depths, nuclei, vessels.

Points are ``(i, j)`` in fields of view about the center, ``i`` downwards
(the front of the head is at the top).
Shapes given for the right-hand side of the picture are mirrored by ``draw_brain`` with a small displacement.
"""

from __future__ import annotations

from typing import Final, NamedTuple

# fmt: off

Outline = list[tuple[float, float]]

AIR: Final = 0.0
BONE: Final = 0.12
FLUID: Final = 0.25
MARROW: Final = 0.4
GRAY: Final = 0.5
PALLIDUM: Final = 0.6
WHITE: Final = 0.75
CALLOSUM: Final = 0.87
BRIGHT: Final = 1.0

SKIN: Final[Outline] = [
    (-0.450, 0.005), (-0.434, 0.105), (-0.384, 0.200), (-0.300, 0.274), (-0.185, 0.324), (-0.060, 0.350),
    (0.070, 0.362), (0.195, 0.350), (0.305, 0.298), (0.388, 0.208), (0.436, 0.105), (0.450, -0.010),
    (0.437, -0.122), (0.387, -0.226), (0.303, -0.308), (0.190, -0.356), (0.065, -0.368), (-0.065, -0.354),
    (-0.190, -0.322), (-0.308, -0.266), (-0.390, -0.190), (-0.436, -0.093),
]

# Thickness of the layers below the skin at the twelve hours of a clock face (12 = front, 3 = right of the
# picture), from outside to inside: skin, fat (with the temporal muscles at 2 and 10), skull, fluid.
LAYERS: Final = {
    "skin": [0.007] * 12,
    "fat": [0.011, 0.014, 0.034, 0.019, 0.013, 0.014, 0.018, 0.014, 0.012, 0.016, 0.037, 0.014],
    "skull": [0.038, 0.026, 0.020, 0.019, 0.022, 0.026, 0.034, 0.027, 0.023, 0.019, 0.021, 0.025],
    "fluid": [0.012, 0.011, 0.010, 0.010, 0.009, 0.009, 0.014, 0.009, 0.009, 0.010, 0.012, 0.012],
}


class Stroke(NamedTuple):
    """A bent band with round ends: center line, half-width."""

    line: Outline
    half_width: float


# Bands that follow the layers of the head: layer, first and last hour, fraction of the layer's depth,
# half-width as a fraction of the layer's thickness, level.
LAYER_BANDS: Final = {
    "temporal muscle, right": ("fat", 1.45, 2.75, 0.56, 0.30, GRAY),
    "temporal muscle, left": ("fat", 9.15, 10.62, 0.56, 0.32, GRAY),
    "frontal sinus, right": ("skull", 0.16, 0.80, 0.48, 0.24, AIR),
    "frontal sinus, left": ("skull", 11.22, 11.95, 0.50, 0.29, AIR),
    "marrow 1": ("skull", 1.00, 1.75, 0.50, 0.23, MARROW),
    "marrow 2": ("skull", 1.95, 3.05, 0.50, 0.19, MARROW),
    "marrow 3": ("skull", 3.25, 4.20, 0.48, 0.22, MARROW),
    "marrow 4": ("skull", 4.38, 5.40, 0.52, 0.25, MARROW),
    "marrow 5": ("skull", 5.55, 6.35, 0.50, 0.27, MARROW),
    "marrow 6": ("skull", 6.52, 7.45, 0.50, 0.25, MARROW),
    "marrow 7": ("skull", 7.62, 8.35, 0.48, 0.22, MARROW),
    "marrow 8": ("skull", 8.60, 9.70, 0.50, 0.19, MARROW),
    "marrow 9": ("skull", 9.95, 11.00, 0.50, 0.22, MARROW),
}

# Vessels in the layers: layer, hour, fraction of the depth, radius, level.
LAYER_VESSELS: Final = {
    "superficial temporal artery, right": ("fat", 3.18, 0.45, 0.0032, FLUID),
    "superficial temporal artery, left": ("fat", 8.82, 0.50, 0.0028, FLUID),
    "occipital artery, right": ("fat", 5.15, 0.50, 0.0026, FLUID),
    "occipital artery, left": ("fat", 6.72, 0.45, 0.0030, FLUID),
    "cortical vein 1": ("fluid", 0.92, 0.50, 0.0026, BRIGHT),
    "cortical vein 2": ("fluid", 2.18, 0.48, 0.0022, BRIGHT),
    "cortical vein 3": ("fluid", 4.42, 0.50, 0.0020, BRIGHT),
    "cortical vein 4": ("fluid", 5.10, 0.48, 0.0024, BRIGHT),
    "cortical vein 5": ("fluid", 7.35, 0.50, 0.0021, BRIGHT),
    "cortical vein 6": ("fluid", 8.30, 0.48, 0.0024, BRIGHT),
    "cortical vein 7": ("fluid", 10.62, 0.50, 0.0028, BRIGHT),
}

# Fissures, drawn from outside the brain to their deep end.
FISSURES: Final = {
    "anterior interhemispheric": Stroke(
        [(-0.420, 0.010), (-0.360, 0.007), (-0.300, 0.001), (-0.258, 0.000), (-0.224, 0.003)], 0.0085),
    "posterior interhemispheric": Stroke(
        [(0.425, -0.016), (0.350, -0.010), (0.280, 0.001), (0.240, 0.004), (0.212, 0.002)], 0.0085),
    "right Sylvian": Stroke(
        [(-0.085, 0.345), (-0.068, 0.300), (-0.040, 0.262), (-0.022, 0.232), (-0.012, 0.208)], 0.0062),
    "left Sylvian": Stroke(
        [(-0.045, -0.350), (-0.036, -0.300), (-0.022, -0.262), (-0.018, -0.236), (-0.010, -0.212)], 0.0070),
    "right insular": Stroke(
        [(-0.098, 0.176), (-0.072, 0.196), (-0.040, 0.205), (0.000, 0.208), (0.040, 0.205),
         (0.080, 0.190)], 0.0062),
    "left insular": Stroke(
        [(-0.105, -0.182), (-0.075, -0.202), (-0.040, -0.211), (0.000, -0.213), (0.035, -0.209),
         (0.066, -0.198)], 0.0068),
}

# The fissures that open at the outer surface.
OPENINGS: Final = ("anterior interhemispheric", "posterior interhemispheric", "right Sylvian", "left Sylvian")

# The falx in the interhemispheric fissures: fissure, first and last fraction of its length, half-width.
FALX: Final = {
    "falx, anterior": ("anterior interhemispheric", 0.25, 0.74, 0.0024),
    "falx, posterior": ("posterior interhemispheric", 0.33, 0.80, 0.0026),
}

# Vessels in the fissures: fissure, fraction of its length, radius.
FISSURE_VESSELS: Final = {
    "anterior cerebral artery, right": ("anterior interhemispheric", 0.90, 0.0030),
    "anterior cerebral artery, left": ("anterior interhemispheric", 0.81, 0.0026),
    "middle cerebral artery, right 1": ("right insular", 0.24, 0.0026),
    "middle cerebral artery, right 2": ("right insular", 0.66, 0.0030),
    "middle cerebral artery, right 3": ("right insular", 0.86, 0.0020),
    "middle cerebral artery, left 1": ("left insular", 0.20, 0.0032),
    "middle cerebral artery, left 2": ("left insular", 0.72, 0.0028),
    "middle cerebral artery, left 3": ("left insular", 0.90, 0.0022),
    "posterior cerebral artery": ("posterior interhemispheric", 0.90, 0.0026),
}

# Deep structures of the right-hand side: level, parent ("white" or another name) and outline.
PAIRED: Final[dict[str, tuple[float, str, Outline]]] = {
    "lateral ventricle, frontal horn": (FLUID, "white", [
        (-0.060, 0.009), (-0.100, 0.009), (-0.138, 0.014), (-0.162, 0.030), (-0.182, 0.058), (-0.180, 0.068),
        (-0.162, 0.058), (-0.138, 0.046), (-0.105, 0.034), (-0.075, 0.022), (-0.057, 0.014)]),
    "caudate": (GRAY, "white", [
        (-0.160, 0.070), (-0.156, 0.088), (-0.135, 0.090), (-0.105, 0.076), (-0.076, 0.054), (-0.064, 0.036),
        (-0.074, 0.030), (-0.100, 0.040), (-0.132, 0.053)]),
    "putamen": (GRAY, "white", [
        (-0.112, 0.112), (-0.095, 0.134), (-0.050, 0.148), (0.000, 0.148), (0.040, 0.134), (0.056, 0.122),
        (0.042, 0.116), (0.000, 0.123), (-0.045, 0.119), (-0.090, 0.106)]),
    "pallidum": (PALLIDUM, "white", [
        (-0.074, 0.096), (-0.045, 0.110), (-0.005, 0.115), (0.026, 0.110), (0.010, 0.094), (-0.030, 0.078)]),
    "claustrum": (GRAY, "white", [
        (-0.075, 0.160), (-0.040, 0.170), (0.000, 0.172), (0.045, 0.162), (0.062, 0.150), (0.044, 0.156),
        (0.000, 0.164), (-0.040, 0.163)]),
    "thalamus": (GRAY, "white", [
        (-0.026, 0.024), (-0.014, 0.048), (0.015, 0.074), (0.055, 0.094), (0.090, 0.094), (0.106, 0.074),
        (0.100, 0.046), (0.070, 0.027), (0.030, 0.018), (-0.006, 0.015)]),
    "lateral ventricle, trigone": (FLUID, "white", [
        (0.112, 0.108), (0.116, 0.136), (0.150, 0.154), (0.195, 0.148), (0.240, 0.124), (0.262, 0.104),
        (0.240, 0.104), (0.200, 0.116), (0.160, 0.120), (0.135, 0.106), (0.120, 0.098)]),
    "choroid plexus": (PALLIDUM, "lateral ventricle, trigone", [
        (0.124, 0.117), (0.126, 0.132), (0.146, 0.142), (0.170, 0.142), (0.178, 0.134), (0.160, 0.130),
        (0.142, 0.121), (0.132, 0.114)]),
}

MIDLINE: Final[dict[str, tuple[float, str, Outline]]] = {
    "third ventricle": (FLUID, "white", [
        (-0.046, -0.001), (-0.030, 0.005), (0.020, 0.008), (0.060, 0.007), (0.084, 0.001), (0.060, -0.006),
        (0.020, -0.007), (-0.030, -0.006)]),
    "quadrigeminal cistern": (FLUID, "white", [
        (0.104, 0.001), (0.112, 0.022), (0.124, 0.036), (0.132, 0.034), (0.132, 0.014), (0.138, 0.001),
        (0.131, -0.014), (0.131, -0.031), (0.122, -0.034), (0.111, -0.019)]),
    "pineal": (PALLIDUM, "quadrigeminal cistern", [
        (0.112, 0.001), (0.119, 0.008), (0.128, 0.002), (0.119, -0.006)]),
    "superior sagittal sinus": (BRIGHT, "fluid", [
        (0.3865, -0.032), (0.3865, -0.022), (0.3860, -0.003), (0.3855, 0.005), (0.3790, -0.003),
        (0.3690, -0.0135), (0.3795, -0.024)]),
    "superior sagittal sinus, anterior": (BRIGHT, "fluid", [
        (-0.3890, 0.002), (-0.3892, 0.010), (-0.3885, 0.017), (-0.3790, 0.0095)]),
    "callosum, genu": (CALLOSUM, "white", [
        (-0.158, 0.000), (-0.166, 0.022), (-0.190, 0.044), (-0.207, 0.066), (-0.232, 0.080), (-0.240, 0.074),
        (-0.222, 0.056), (-0.200, 0.034), (-0.186, 0.014), (-0.183, 0.000), (-0.187, -0.016),
        (-0.202, -0.036), (-0.222, -0.054), (-0.238, -0.072), (-0.230, -0.078), (-0.205, -0.064),
        (-0.189, -0.044), (-0.166, -0.021)]),
    "callosum, splenium": (CALLOSUM, "white", [
        (0.150, 0.001), (0.148, 0.030), (0.152, 0.056), (0.168, 0.078), (0.200, 0.092), (0.242, 0.092),
        (0.216, 0.080), (0.190, 0.058), (0.178, 0.030), (0.176, 0.001), (0.177, -0.028), (0.191, -0.056),
        (0.216, -0.076), (0.238, -0.088), (0.200, -0.090), (0.167, -0.076), (0.153, -0.054),
        (0.148, -0.028)]),
}

# Small round structures: center, radius, level, parent.
SPOTS: Final = {
    "internal cerebral vein, right": ((0.1235, 0.0210), 0.0024, BRIGHT, "quadrigeminal cistern"),
    "internal cerebral vein, left": ((0.1220, -0.0200), 0.0021, BRIGHT, "quadrigeminal cistern"),
    "choroid plexus, foramen right": (
        (-0.0820, 0.0170), 0.0030, PALLIDUM, "right lateral ventricle, frontal horn"),
    "choroid plexus, foramen left": (
        (-0.0790, -0.0160), 0.0026, PALLIDUM, "left lateral ventricle, frontal horn"),
    "thalamostriate vein, right": ((-0.0420, 0.0480), 0.0022, BRIGHT, "white"),
    "thalamostriate vein, left": ((-0.0440, -0.0500), 0.0020, BRIGHT, "white"),
    "medullary vein 1": ((-0.1950, 0.1000), 0.0024, BRIGHT, "white"),
    "medullary vein 2": ((0.1000, 0.1700), 0.0020, BRIGHT, "white"),
    "medullary vein 3": ((-0.1600, -0.1200), 0.0022, BRIGHT, "white"),
    "medullary vein 4": ((0.1500, -0.1850), 0.0026, BRIGHT, "white"),
    "perivascular space 1": ((0.0300, 0.1085), 0.0020, FLUID, "white"),
    "perivascular space 2": ((0.0860, -0.1360), 0.0028, FLUID, "white"),
    "perivascular space 3": ((-0.1700, 0.1050), 0.0022, FLUID, "white"),
    "lesion, frontal": ((-0.2050, -0.1020), 0.0085, GRAY, "white"),
    "lesion, parietal": ((0.1180, -0.1700), 0.0050, GRAY, "white"),
}
