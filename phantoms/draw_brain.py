"""Draws the brain phantom and writes ``data/brain.json``: ``python -m srinr.phantoms.draw_brain``."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter

from srinr.phantoms import brain_anatomy as anatomy
from srinr.phantoms import brain_curves as curves
from srinr.phantoms import brain_fields as fields
from srinr.phantoms import brain_folds as folds

Points = NDArray[np.float64]

UNIT = 1e-4
SEED = 3


@dataclass
class Drawing:
    """Regions in painting order; a region's parent is always drawn before it."""

    names: list[str] = field(default_factory=list)
    regions: list[dict[str, object]] = field(default_factory=list)

    def add(self, name: str, level: float, parent: str | None, control: Points) -> None:
        """Append a region bounded by the closed B-spline with these control points."""
        points = np.rint(control / UNIT).astype(int).tolist()
        index = None if parent is None else self.names.index(parent)
        self.names.append(name)
        self.regions.append({"name": name, "level": level, "parent": index, "points": points})

    def fit(
        self, name: str, level: float, parent: str | None, curve: Points, fine: float, coarse: float
    ) -> None:
        """Append a region bounded by the B-spline that fits a dense closed curve."""
        self.add(name, level, parent, curves.fit_spline(curve, fine, coarse))


class Head:
    """The layers of the head: positions by hour of the clock face and relative depth within a layer."""

    def __init__(self) -> None:
        self._skin = curves.smooth_closed(np.array(anatomy.SKIN), 1440)
        self._normals = curves.inward_normals(self._skin)
        self._hours = np.arctan2(self._skin[:, 1], -self._skin[:, 0]) / (2 * np.pi) * 12 % 12
        self._top: dict[str, NDArray[np.float64]] = {}
        self._thickness: dict[str, NDArray[np.float64]] = {}
        depth = np.zeros(len(self._skin))
        for layer, thickness in anatomy.LAYERS.items():
            spline = CubicSpline(np.arange(13), [*thickness, thickness[0]], bc_type="periodic")
            self._top[layer], self._thickness[layer] = depth, spline(self._hours)
            depth = depth + self._thickness[layer]

    def outline(self, layer: str, fraction: float = 0.0) -> Points:
        """Closed curve at a fraction of the depth of a layer."""
        return self._skin + (self._top[layer] + fraction * self._thickness[layer])[:, None] * self._normals

    def at(
        self, layer: str, fraction: float, hours: NDArray[np.float64]
    ) -> tuple[Points, Points, NDArray[np.float64]]:
        """Positions at the given hours, the normals there, and the thickness of the layer."""
        order = np.argsort(self._hours)
        columns = np.column_stack([self.outline(layer, fraction), self._normals, self._thickness[layer]])
        found = [np.interp(hours % 12, self._hours[order], c[order], period=12) for c in columns.T]
        return np.stack(found[:2], axis=1), np.stack(found[2:4], axis=1), found[4]


def hull_seeds(
    hull: Points, rng: np.random.Generator, avoid: list[Points]
) -> tuple[list[folds.Seed], list[folds.Seed]]:
    """Starts of deep and of shallow sulci, in turn along the hull between the openings of the fissures."""
    normals = curves.inward_normals(hull)
    arc = np.cumsum(np.linalg.norm(np.diff(hull, axis=0, append=hull[:1]), axis=1))
    gaps = [np.linalg.norm(hull[:, None] - line, axis=2).min(axis=1) for line in avoid]
    openings = np.sort([arc[gap.argmin()] for gap in gaps])
    deep, shallow = [], []
    for start, stop in zip(openings, np.append(openings[1:], openings[0] + arc[-1]), strict=True):
        n_sulci = 2 * round((stop - start) / 0.112) - 1
        ranks = np.arange(1, n_sulci + 1) + rng.uniform(-0.16, 0.16, n_sulci)
        for rank, place in enumerate(start + (stop - start) * ranks / (n_sulci + 1)):
            index = int(np.searchsorted(arc, place % arc[-1]))
            direction = folds.turned(normals[index], rng.normal(0, 0.15))
            origin = hull[index] - 0.006 * normals[index]
            if rank % 2 == 1:
                deep.append(folds.Seed(origin, direction, rng.uniform(0.10, 0.18), 1))
            else:
                shallow.append(folds.Seed(origin, direction, rng.uniform(0.03, 0.07)))
    return deep, shallow


def medial_seeds(rng: np.random.Generator) -> list[folds.Seed]:
    """Starts of sulci on both sides of the interhemispheric fissures."""
    seeds = []
    rows = {1: [-0.328, -0.276, 0.250, 0.296, 0.342], -1: [-0.318, -0.265, 0.262, 0.308, 0.346]}
    for side, positions in rows.items():
        for i in positions:
            j = 0.004 * side
            slope = rng.uniform(-0.25, 0.25)
            direction = np.array([slope, side]) / np.hypot(slope, 1)
            length, n_branches = rng.uniform(0.05, 0.11), int(rng.integers(0, 2))
            seeds.append(folds.Seed(np.array([i, j]), direction, length, n_branches))
    return seeds


def fissure_lines() -> dict[str, Points]:
    """Dense center lines of the fissures."""
    at = np.linspace(0, 1, 100)
    return {name: curves.smooth_line(np.array(f.line), at)[0] for name, f in anatomy.FISSURES.items()}


def sulci(hull: Points, hull_distance: NDArray[np.float64], deep: list[Points]) -> list[Points]:
    """Center lines of all sulci, the fissures first."""
    rng = np.random.default_rng(SEED)
    core = -fields.signed_distance(np.any([fields.fill(curve) for curve in deep], axis=0)) - 0.03
    growth = folds.FoldGrowth(hull_distance, core, spacing=0.040, seed=SEED)
    fissures = fissure_lines()
    for line in fissures.values():
        growth.add_line(line)
    primary, secondary = hull_seeds(hull, rng, [fissures[name] for name in anatomy.OPENINGS])
    growth.grow(primary + medial_seeds(rng))
    growth.grow(secondary)
    axis = np.arange(-0.45, 0.45, 0.004)
    lattice = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    room = (fields.look_up(hull_distance, lattice) > 0.035) & (fields.look_up(core, lattice) > 0.0)
    growth.fill(lattice[room], 0.043, 80)
    return growth.lines


def cortex(hull: Points, deep: list[Points]) -> tuple[Points, Points]:
    """Outlines of the folded pial surface and of the white matter."""
    hull_distance = fields.signed_distance(fields.fill(hull))
    lines = sulci(hull, hull_distance, deep)
    widths = [np.full(100, fissure.half_width) for fissure in anatomy.FISSURES.values()]
    widths += [np.linspace(0.0042, 0.0028, len(line)) for line in lines[len(widths) :]]
    swath = fields.distance_to_lines(lines, widths)
    pial = fields.largest_component(fields.rounded((hull_distance > 0) & (swath > 0), 0.010, 0.001))
    pial_distance = fields.signed_distance(pial)
    noise = gaussian_filter(np.random.default_rng(SEED).normal(size=pial.shape), 60)
    thickness = 0.0130 * (1 + 0.15 * noise / noise.std())
    white = fields.rounded(pial_distance > thickness, 0.002, 0.0)
    white = fields.bridged(white, pial_distance, 0.0045, 1e-4)
    white = fields.largest_component(fields.rounded(white, 0.0, 0.004))
    return fields.outline(pial_distance), fields.outline(fields.signed_distance(white))


def deep_curves() -> dict[str, tuple[float, str, Points]]:
    """Deep structures of both sides, the left-hand ones mirrored, slightly enlarged and displaced."""
    found = {}
    sides = (("right", (1.0, 1.0), (0.0, 0.0)), ("left", (1.03, -1.05), (0.003, 0.001)))
    for name, (level, parent, points) in anatomy.PAIRED.items():
        for side, factors, shift in sides:
            curve = curves.smooth_closed(np.array(points) * factors + np.array(shift), 400)
            found[f"{side} {name}"] = (level, parent if parent == "white" else f"{side} {parent}", curve)
    for name, (level, parent, points) in anatomy.MIDLINE.items():
        found[name] = (level, parent, curves.smooth_closed(np.array(points), 400))
    return found


def draw_layers(drawing: Drawing, head: Head) -> None:
    """Skin, fat, skull, fluid, and what lies within these layers."""
    drawing.fit("skin", anatomy.PALLIDUM, None, head.outline("skin"), 0.02, 0.06)
    drawing.fit("fat", anatomy.BRIGHT, "skin", head.outline("fat"), 0.02, 0.06)
    drawing.fit("skull", anatomy.BONE, "fat", head.outline("skull"), 0.02, 0.05)
    drawing.fit("fluid", anatomy.FLUID, "skull", head.outline("fluid"), 0.02, 0.05)
    at, width = curves.taper(301)
    for name, (layer, first, last, fraction, half, level) in anatomy.LAYER_BANDS.items():
        center, normal, thickness = head.at(layer, fraction, first + (last - first) * at)
        drawing.fit(name, level, layer, curves.band(center, normal, half * thickness * width), 0.006, 0.03)
    for name, (layer, hour, fraction, radius, level) in anatomy.LAYER_VESSELS.items():
        center, _, _ = head.at(layer, fraction, np.array([hour]))
        drawing.add(name, level, layer, curves.spot(center, radius, hour))


def draw_fissure_contents(drawing: Drawing) -> None:
    """Falx and arteries in the fissures."""
    at, width = curves.taper(301)
    for name, (fissure, first, last, half_width) in anatomy.FALX.items():
        line = np.array(anatomy.FISSURES[fissure].line)
        center, normal = curves.smooth_line(line, first + (last - first) * at)
        drawing.fit(name, anatomy.GRAY, "fluid", curves.band(center, normal, half_width * width), 0.003, 0.03)
    for name, (fissure, fraction, radius) in anatomy.FISSURE_VESSELS.items():
        center, _ = curves.smooth_line(np.array(anatomy.FISSURES[fissure].line), np.array([fraction]))
        drawing.add(name, anatomy.BRIGHT, "fluid", curves.spot(center, radius, 10 * fraction))


def draw() -> Drawing:
    """Assemble the whole drawing."""
    drawing, head, deep = Drawing(), Head(), deep_curves()
    draw_layers(drawing, head)
    draw_fissure_contents(drawing)
    inner = [curve for _, parent, curve in deep.values() if parent != "fluid"]
    pial, white = cortex(head.outline("fluid", 1.0), inner)
    drawing.fit("gray", anatomy.GRAY, "fluid", pial, 0.005, 0.02)
    drawing.fit("white", anatomy.WHITE, "gray", white, 0.005, 0.02)
    for name, (level, parent, curve) in deep.items():
        drawing.fit(name, level, parent, curve, 0.005, 0.022)
    for index, (name, (center, radius, level, parent)) in enumerate(anatomy.SPOTS.items()):
        drawing.add(name, level, parent, curves.spot(np.array(center), radius, 1.3 * index))
    return drawing


def main() -> None:
    """Write the drawing next to the package's other data."""
    path = Path(__file__).with_name("data") / "brain.json"
    drawing = draw()
    lines = ",\n".join(json.dumps(region) for region in drawing.regions)
    path.write_text(f'{{"unit": {UNIT}, "degree": 2, "regions": [\n{lines}\n]}}\n', encoding="utf-8")
    logging.getLogger(__name__).info("%d regions written to %s", len(drawing.regions), path)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
