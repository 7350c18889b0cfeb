"""Phantoms from drawings: SVG files with filled shapes in gray levels."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from srinr.phantoms.contours import Contour, ContourPhantom
from srinr.phantoms.nesting import Painted, additive_phantom, containment, find_contact
from srinr.phantoms.pieces import signed_areas
from srinr.phantoms.svg_elements import Shape, painted_shapes, view_box

Array = NDArray[np.float64]
Box = tuple[float, float, float, float]


def contours_from_svg(
    path: str | os.PathLike[str], *, field_of_view: Box | None = None, max_bytes: int = 16 * 2**20
) -> ContourPhantom:
    """Read a piecewise constant phantom from an SVG drawing.

    The drawing consists of filled shapes, painted in the order of the file; later ones cover earlier ones.
    Supported: ``path`` (all commands), ``ellipse``, ``circle``, ``rect``, ``polygon``, ``polyline``, groups,
    ``use`` of ``defs``, all ``transform`` functions, ``fill`` and ``fill-rule`` as attributes or in ``style``.
    Gray levels run from black = 0 to white = 1: ``#808080``, ``rgb(22%,22%,22%)``, ``22%``, ``black``. A picture
    starts out black. Curves stay curves; nothing is flattened.

    Parameters
    ----------
    path : str or path
        The file, encoded in UTF-8.
    field_of_view : (x, y, width, height), optional
        Part of the picture, in its units, that becomes the unit cell. By default the ``viewBox``, or
        ``width`` and ``height``; without these (or with a ``viewBox`` in px, which is not valid SVG) the
        background: a rectangle painted before and around everything else. If it is not square it is extended
        to a square about its center.
    max_bytes : int
        Larger files are refused unread.

    Returns
    -------
    ContourPhantom
        SVG's y axis (downwards) is axis 0, its x axis is axis 1: a raster shown with ``imshow`` looks like the
        drawing. Weights are additive: level minus that of the region around.

    Raises
    ------
    ValueError
        With the element's name, for anything whose appearance cannot be kept: damaged files, colors, strokes,
        gradients, transparency, text, clipping; shapes that overlap in part, touch, or leave the field of view.

    Notes
    -----
    The brain of Guerquin-Kern et al., IEEE Trans. Med. Imaging 31 (2012) 626, is in the public domain as file
    ``meta/Brain.svg`` of github.com/Biomedical-Imaging-Group/realistic-analytical-phantom; it can be read as it is.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> drawing = '''<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">
    ...   <circle cx="50" cy="30" r="20" fill="gray"/> <path d="M45 25 h10 v10 h-10 z" fill="white"/></svg>'''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder) / "drawing.svg"
    ...     _ = file.write_text(drawing)
    ...     phantom = contours_from_svg(file)
    >>> phantom.image([[0.3, 0.5], [0.3, 0.38], [0.5, 0.7]]).round(3).tolist()
    [1.0, 0.502, 0.0]
    """
    name = Path(path).name
    try:
        root = _parsed(Path(path), max_bytes)
        shapes = [shape for shape in painted_shapes(root) if shape.subpaths]
        return _phantom(shapes, _checked_box(field_of_view) if field_of_view else None, root)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _parsed(path: Path, max_bytes: int) -> ElementTree.Element:
    if path.stat().st_size > max_bytes:
        raise ValueError(
            f"{path.stat().st_size} bytes are more than max_bytes = {max_bytes}; raise max_bytes"
        )
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"not encoded in UTF-8 ({error}); is it an uncompressed SVG file?") from error
    # Entities can hide exponentially large or foreign content, and drawings do not need them.
    if "<!ENTITY" in text:
        raise ValueError("entity declarations are refused; save as plain SVG")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(f"not well-formed XML, perhaps truncated: {error}") from error
    if root.tag.rpartition("}")[2] != "svg":
        raise ValueError(f"the root element must be svg, got {root.tag!r}")
    return root


def _checked_box(box: Box) -> Box:
    x, y, width, height = (float(value) for value in box)
    if not (np.isfinite([x, y, width, height]).all() and width > 0 and height > 0):
        raise ValueError(f"field_of_view must be (x, y, width, height) with positive sizes, got {box!r}")
    return x, y, width, height


def _phantom(shapes: list[Shape], box: Box | None, root: ElementTree.Element) -> ContourPhantom:
    if not shapes:
        raise ValueError("no filled shapes found")
    x, y, width, height = box or _default_box(shapes, root)
    side = max(width, height)
    corner = np.array([y + (height - side) / 2, x + (width - side) / 2])
    to_cell = np.array([[0.0, 1.0], [1.0, 0.0]]) / side
    # The picture starts out black, so that black shapes before all others change nothing.
    shapes = list(itertools.dropwhile(lambda shape: shape.level == 0.0, shapes))
    if not shapes:
        raise ValueError("all shapes are black, so nothing shows; fill them with gray levels above 0")
    regions = [
        region
        for index, shape in enumerate(shapes)
        for region in _regions(shape, index, to_cell, -corner / side)
    ]
    _check_inside(regions, shapes)
    regions = _without_repeats(regions)
    contact = find_contact([region.contour for region in regions])
    if contact is not None:
        one, two = (shapes[regions[index].shape].name for index in contact)
        raise ValueError(
            f"{one} and {two} overlap in part or touch; every pair of outlines must be nested or disjoint: "
            "combine or separate the shapes in the drawing"
        )
    return additive_phantom(regions)


def _default_box(shapes: list[Shape], root: ElementTree.Element) -> Box:
    background = shapes[0].rectangle()
    if background is not None and not _surrounds(background, shapes[1:]):
        background = None
    # A viewBox in px is invalid and ignored by viewers; the published brain file has a misleading one.
    box = view_box(root) or background or view_box(root, allow_px=True)
    if box is None:
        raise ValueError("no viewBox, no width and height, no background rectangle; pass field_of_view")
    return box


def _surrounds(box: Box, shapes: list[Shape]) -> bool:
    x, y, width, height = box
    corners = np.array([[x, y], [x + width, y + height]]) + 1e-9 * max(width, height) * np.array([[-1], [1]])
    boxes = np.array([shape.bounding_box() for shape in shapes]).reshape(-1, 2)
    return bool((boxes >= corners[0]).all() and (boxes <= corners[1]).all())


def _regions(shape: Shape, index: int, matrix: Array, shift: Array) -> Iterator[Painted]:
    """The painted regions and the holes of one shape, by its fill rule."""
    subpaths = shape.placed(matrix, shift)
    try:
        outlines = [Contour.from_pieces(pieces) for pieces in subpaths]
        inside = containment(outlines)
    except ValueError as error:
        raise ValueError(f"{shape.name}: {error}") from error
    turns = np.array([np.sign(signed_areas(pieces, np.zeros(2)).sum()) for pieces in subpaths])
    if shape.even_odd:
        turns = np.ones(len(turns))
    before = turns @ inside
    for outline, around, within in zip(outlines, before, before + turns, strict=True):
        painted = [bool(winding % 2 if shape.even_odd else winding) for winding in (around, within)]
        if painted[0] != painted[1]:
            yield Painted(outline, shape.level if painted[1] else None, index)


def _check_inside(regions: list[Painted], shapes: list[Shape]) -> None:
    for region in regions:
        box = region.contour.bounding_box
        if box.min() < -1e-9 or box.max() > 1 + 1e-9:
            raise ValueError(
                f"{shapes[region.shape].name} leaves the field of view: it reaches from {box[0].round(4).tolist()} to "
                f"{box[1].round(4).tolist()} (y, x) in units of it; pass a larger field_of_view"
            )


def _without_repeats(regions: list[Painted]) -> list[Painted]:
    """Drop outlines that a later shape paints again, exactly: it covers them."""
    keys = [region.contour.pieces.rows.tobytes() for region in regions]
    last = {key: index for index, key in enumerate(keys) if regions[index].level is not None}
    return [region for index, region in enumerate(regions) if last.get(keys[index], index) <= index]
