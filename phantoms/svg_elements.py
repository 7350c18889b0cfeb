"""The painted shapes of an SVG document: the tree of elements with styles, transforms and references resolved."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from srinr.phantoms.pieces import EllipticalArc, Piece, Pieces, Segment, bounding_box, join, transformed
from srinr.phantoms.svg_paths import path_contours

Array = NDArray[np.float64]
Box = tuple[float, float, float, float]

_SVG = "http://www.w3.org/2000/svg"
_HREF = "{http://www.w3.org/1999/xlink}href"
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_FUNCTION = re.compile(r"[\s,]*(\w+)\s*\(([^()]*)\)[\s,]*")
_UNPAINTED = {
    "defs",
    "title",
    "desc",
    "metadata",
    "symbol",
    "clipPath",
    "mask",
    "linearGradient",
    "radialGradient",
}
_GROUPS = {"svg", "g", "a"}
_SHAPES = {"path", "ellipse", "circle", "rect", "polygon", "polyline"}
_NAMED_GRAYS = {"black": 0.0, "gray": 128 / 255, "grey": 128 / 255, "silver": 192 / 255, "white": 1.0}
# Bounds that no sensible drawing meets: against files made to exhaust memory.
_MAX_DEPTH = 64
_MAX_PIECES = 500_000
_MAX_VISITS = 100_000


@dataclass(frozen=True)
class Shape:
    """A filled shape: subpaths in its own units, the map from there to the picture, its gray level."""

    name: str
    level: float
    even_odd: bool
    subpaths: list[list[Piece]]
    matrix: Array
    shift: Array

    def placed(self, matrix: Array, shift: Array) -> list[Pieces]:
        """Subpaths under the map to the picture followed by ``x -> matrix x + shift``."""
        both, offset = matrix @ self.matrix, matrix @ self.shift + shift
        return [transformed(join([piece.pieces() for piece in path]), both, offset) for path in self.subpaths]

    def bounding_box(self) -> Array:
        """Lower and upper corner (x, y) in the picture, shape (2, 2)."""
        return bounding_box(join(self.placed(np.eye(2), np.zeros(2))))

    def rectangle(self) -> Box | None:
        """(x, y, width, height) when the shape is an upright rectangle in the picture."""
        path = self.subpaths[0]
        if len(self.subpaths) > 1 or len(path) != 4 or not all(isinstance(piece, Segment) for piece in path):
            return None
        corners = self.placed(np.eye(2), np.zeros(2))[0].polynomials[:, 0]
        low, high = corners.min(axis=0), corners.max(axis=0)
        on_border = ((corners == low) | (corners == high)).all()
        if not on_border or len(np.unique(corners, axis=0)) < 4:
            return None
        return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])


@dataclass(frozen=True)
class _State:
    matrix: Array
    shift: Array
    fill: str = "black"
    even_odd: bool = False
    depth: int = 0


def painted_shapes(root: Element) -> list[Shape]:
    """Filled shapes in painting order."""
    shapes, n_pieces = [], 0
    for shape in _Walk(root).below(root, _State(np.eye(2), np.zeros(2))):
        n_pieces += sum(len(path) for path in shape.subpaths)
        if n_pieces > _MAX_PIECES:
            raise ValueError(f"more than {_MAX_PIECES} pieces of curves are painted; simplify the drawing")
        shapes.append(shape)
    return shapes


def view_box(root: Element, *, allow_px: bool = False) -> Box | None:
    """Field of view from ``viewBox``, else from ``width`` and ``height``; None when there is none."""
    text = root.get("viewBox", "")
    if not text and root.get("width") and root.get("height"):
        text = " ".join(
            ["0 0", *(root.get(key, "").strip().removesuffix("px") for key in ("width", "height"))]
        )
    parts = re.split(r"[\s,]+", text.strip())
    if len(parts) != 4 or not all(
        re.fullmatch(_NUMBER + ("(px)?" if allow_px else ""), part) for part in parts
    ):
        return None
    x, y, width, height = (float(part.removesuffix("px")) for part in parts)
    return (x, y, width, height) if width > 0 and height > 0 else None


class _Walk:
    """Visits elements in painting order and follows references."""

    def __init__(self, root: Element) -> None:
        self._by_id = {element.get("id", ""): element for element in root.iter()}
        self._n_visits = 0

    def below(self, element: Element, state: _State) -> Iterator[Shape]:
        """Shapes painted by an element and its descendants."""
        namespace, _, tag = str(element.tag).rpartition("}")
        if namespace not in ("", "{" + _SVG) or tag in _UNPAINTED:
            return
        self._n_visits += 1
        name = _name(element, tag)
        if self._n_visits > _MAX_VISITS:
            raise ValueError(f"more than {_MAX_VISITS} elements are painted; simplify the drawing")
        style = _style(element)
        if style.get("display") == "none" or style.get("visibility") in ("hidden", "collapse"):
            return
        _refuse_effects(style, name)
        state = _entered(style, state, name)
        if tag in _GROUPS and (tag != "svg" or state.depth == 1):
            for child in element:
                yield from self.below(child, state)
        elif tag == "use":
            offset = [_length(element.get(axis, "0"), name) for axis in "xy"]
            moved = replace(state, shift=state.shift + state.matrix @ offset)
            yield from self.below(self._target(element, name), moved)
        elif tag in _SHAPES:
            level = _gray(state.fill, name)
            if level is not None:
                outline = _outline(element, tag, name)
                yield Shape(name, level, state.even_odd, outline, state.matrix, state.shift)
        elif tag != "line" and not (tag == "style" and not (element.text or "").strip()):
            raise ValueError(
                f"{name} is not supported; convert everything to filled paths with fill attributes"
            )

    def _target(self, use: Element, name: str) -> Element:
        reference = use.get("href") or use.get(_HREF) or ""
        target = self._by_id.get(reference[1:]) if reference.startswith("#") else None
        if target is None or str(target.tag).rpartition("}")[2] in _UNPAINTED:
            raise ValueError(f"{name} must refer to a shape or group of this file, got href={reference!r}")
        return target


def _entered(style: dict[str, str], state: _State, name: str) -> _State:
    """State inside an element: inherited properties and the composed transform."""
    if state.depth >= _MAX_DEPTH:
        raise ValueError(f"{name} is nested more than {_MAX_DEPTH} deep, or refers to itself")
    matrix, shift = _transform(style.get("transform", ""), name)
    return _State(
        state.matrix @ matrix,
        state.matrix @ shift + state.shift,
        style.get("fill", state.fill),
        style.get("fill-rule", "evenodd" if state.even_odd else "nonzero") == "evenodd",
        state.depth + 1,
    )


def _name(element: Element, tag: str) -> str:
    identifier = element.get("id")
    return f"{tag} #{identifier}" if identifier else tag


def _style(element: Element) -> dict[str, str]:
    """Properties of an element; those in ``style`` win over attributes."""
    style = {key: value.strip() for key, value in element.attrib.items()}
    for declaration in element.get("style", "").split(";"):
        key, colon, value = declaration.partition(":")
        if colon:
            style[key.strip()] = value.replace("!important", "").strip()
    return style


def _refuse_effects(style: dict[str, str], name: str) -> None:
    for key in ("clip-path", "mask", "filter"):
        if style.get(key, "none") != "none":
            raise ValueError(f"{name} has a {key}, which cannot be represented; cut the outlines themselves")
    for key in ("opacity", "fill-opacity"):
        if style.get(key, "1") not in ("1", "1.0", "100%"):
            raise ValueError(f"{name} is transparent ({key} {style[key]}); give it a solid gray level")
    if style.get("stroke", "none") not in ("none", "transparent") and style.get("stroke-width") not in (
        "0",
        "0px",
    ):
        raise ValueError(f"{name} has a stroke; convert strokes to filled paths or remove them")


def _gray(fill: str, name: str) -> float | None:
    """Gray level of a fill, None for no fill."""
    text = fill.lower()
    if text in ("none", "transparent"):
        return None
    if text in _NAMED_GRAYS:
        return _NAMED_GRAYS[text]
    channels: list[float] = []
    if re.fullmatch(r"#[0-9a-f]{3}|#[0-9a-f]{6}", text):
        width = len(text) // 3
        channels = [int(text[i : i + width], 16) / (16**width - 1) for i in range(1, len(text), width)]
    elif re.fullmatch(r"rgb\(.*\)", text):
        channels = [_channel(part, name) for part in re.split(r"[\s,]+", text[4:-1].strip())]
    elif text.endswith("%"):
        channels = [_channel(text, name)] * 3
    if len(channels) != 3 or len(set(channels)) != 1 or not 0 <= channels[0] <= 1:
        raise ValueError(
            f"{name} has the fill {fill!r}; a gray level is needed, such as '#808080' or 'rgb(50%,50%,50%)'"
        )
    return channels[0]


def _channel(text: str, name: str) -> float:
    return _length(text[:-1], name) / 100 if text.endswith("%") else _length(text, name) / 255


def _length(text: str, name: str) -> float:
    if not re.fullmatch(_NUMBER + r"(px)?", text.strip()):
        raise ValueError(f"{name}: expected a number, optionally with px, got {text!r}")
    return float(text.strip().removesuffix("px"))


def _transform(text: str, name: str) -> tuple[Array, Array]:
    """Matrix and shift of a ``transform`` attribute."""
    matrix, shift, at = np.eye(2), np.zeros(2), 0
    while at < len(text):
        match = _FUNCTION.match(text, at)
        values = re.split(r"[\s,]+", match.group(2).strip()) if match else []
        m, s = _transform_function(
            match.group(1) if match else "", [_length(v, name) for v in values], name, text
        )
        matrix, shift = matrix @ m, matrix @ s + shift
        at = match.end() if match else len(text)
    return matrix, shift


def _transform_function(function: str, values: list[float], name: str, text: str) -> tuple[Array, Array]:
    zero = np.zeros(2)
    match function, values:
        case "matrix", [a, b, c, d, e, f]:
            return np.array([[a, c], [b, d]]), np.array([e, f])
        case "translate", [x, *rest] if len(rest) < 2:
            return np.eye(2), np.array([x, *rest, 0.0][:2])
        case "scale", [x, *rest] if len(rest) < 2:
            return np.diag([x, *rest, x][:2]), zero
        case "rotate", [angle, *center] if len(center) in (0, 2):
            c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
            turn = np.array([[c, -s], [s, c]])
            fixed = np.array(center or [0.0, 0.0])
            return turn, fixed - turn @ fixed
        case "skewX", [angle]:
            return np.array([[1.0, np.tan(np.radians(angle))], [0.0, 1.0]]), zero
        case "skewY", [angle]:
            return np.array([[1.0, 0.0], [np.tan(np.radians(angle)), 1.0]]), zero
    raise ValueError(f"{name}: transform {text!r} is malformed or not supported")


def _outline(element: Element, tag: str, name: str) -> list[list[Piece]]:
    """Subpaths of a shape element in its own units; empty when it paints nothing."""
    if tag == "path":
        try:
            return path_contours(element.get("d", ""))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    if tag in ("polygon", "polyline"):
        points = [_length(part, name) for part in re.split(r"[\s,]+", element.get("points", "")) if part]
        if len(points) % 2:
            raise ValueError(f"{name}: points must be pairs of numbers, got {len(points)} numbers")
        return _polygon(np.array(points).reshape(-1, 2))
    if tag == "rect":
        if any(element.get(key, "0") not in ("0", "auto") for key in ("rx", "ry")):
            raise ValueError(f"{name} has rounded corners, which are not supported; convert it to a path")
        x, y, width, height = (_length(element.get(key, "0"), name) for key in ("x", "y", "width", "height"))
        corners = np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]])
        return _polygon(corners) if width and height else []
    center = [_length(element.get(key, "0"), name) for key in ("cx", "cy")]
    radii = [
        _length(element.get(key, "0"), name) for key in (("r", "r") if tag == "circle" else ("rx", "ry"))
    ]
    return [[EllipticalArc(center, np.diag(radii), 0.0, 2 * np.pi)]] if all(radii) else []


def _polygon(points: Array) -> list[list[Piece]]:
    following = np.roll(points, -1, axis=0)
    edges: list[Piece] = [Segment(p, q) for p, q in zip(points, following, strict=True) if (p != q).any()]
    return [edges] if edges else []
