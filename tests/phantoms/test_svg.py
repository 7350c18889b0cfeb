"""Reading SVG drawings: paths, transforms, styles, painting order, and refusals."""

import numpy as np
import pytest

from srinr.domain import Grid
from srinr.phantoms.contours import ContourPhantom, ellipse_contour
from srinr.phantoms.svg import contours_from_svg

HEADER = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 100 100">'
HEADER_WITHOUT_BOX = HEADER.replace(' viewBox="0 0 100 100"', "")


@pytest.fixture
def read(tmp_path):
    def read_drawing(body, header=HEADER, **options):
        file = tmp_path / "drawing.svg"
        file.write_text(f"{header}{body}</svg>", encoding="utf-8")
        return contours_from_svg(file, **options)

    return read_drawing


def values(phantom, *points):
    """Image at points given as (x, y) in percent of the field of view."""
    return phantom.image(np.array(points)[:, ::-1] / 100).round(12).tolist()


# --- elements, styles, transforms


@pytest.mark.parametrize(
    "shape",
    [
        '<circle cx="40" cy="30" r="10" fill="white"/>',
        '<ellipse cx="40px" cy="30" rx="10" ry="10" style="fill:#fff;stroke:none"/>',
        '<path d="M30 30 a10 10 0 0 1 20 0 10 10 0 0 1 -20 0" fill="rgb(100%,100%,100%)"/>',
        '<g transform="translate(40,30) scale(10)" fill="rgb(255 255 255)"><circle r="1"/></g>',
        '<g fill="black"><circle transform="rotate(90 40 40)" cx="30" cy="40" r="10" fill="100%"/></g>',
        '<g transform="matrix(0 1 1 0 0 0)"><circle cx="30" cy="40" r="10" fill="#FFFFFF"/></g>',
        '<defs><circle id="c" r="5"/></defs><use xlink:href="#c" x="20" y="15" transform="scale(2)" fill="white"/>',
        '<use href="#g" fill="white"/>'
        '<defs><g id="g"><g transform="translate(40)"><circle cy="30" r="10"/></g></g></defs>',
        '<circle cx="10" cy="30" r="0" fill="white"/>'
        '<circle cx="40" cy="30" r="10" style="fill: white !important"/>',
    ],
)
def test_ways_to_draw_a_disc(read, shape):
    phantom = read(shape)
    expected = ContourPhantom([ellipse_contour([0.3, 0.4], 0.1 * np.eye(2))], [1.0])
    k = np.array([[0, 0], [1, 0], [0, 1], [-3, 7], [20, 11]])
    assert np.abs(phantom.fourier_coefficients(k) - expected.fourier_coefficients(k)).max() < 1e-12


def test_skew_is_a_shear(read):
    phantom = read('<rect width="10" height="20" transform="translate(10 20) skewX(45)" fill="white"/>')
    assert phantom.support * 100 == pytest.approx(np.array([[20, 10], [40, 40]]))
    phantom = read('<rect width="10" height="20" transform="translate(10 20) skewY(45)" fill="white"/>')
    assert phantom.support * 100 == pytest.approx(np.array([[20, 10], [50, 20]]))


@pytest.mark.parametrize(
    ("fill", "level"),
    [("#808080", 128 / 255), ("#888", 8 / 15), ("rgb(22%, 22%, 22%)", 0.22), ("22%", 0.22), ("rgb(51,51,51)", 0.2),
     ("Gray", 128 / 255), ("silver", 192 / 255)],
)  # fmt: skip
def test_gray_levels(read, fill, level):
    assert values(read(f'<rect x="10" y="10" width="50" height="50" fill="{fill}"/>'), (20, 20)) == [
        round(level, 12)
    ]


def test_shapes_without_fill_are_not_painted(read):
    phantom = read(
        '<title>t</title><rect x="1" y="1" width="9" height="9" fill="white"/><circle r="200" fill="none"/>'
        '<g display="none"><circle r="200" fill="red"/></g><polyline points="50 50 60 50 60 60" fill="white"/><style/>'
    )
    assert values(phantom, (5, 5), (58, 52), (20, 20)) == [1.0, 1.0, 0.0]


def test_the_units_of_the_published_brain_file(read):
    # viewBox in px and too small; the drawing in fields of view about the center; a black background first.
    header = HEADER.replace("0 0 100 100", "0 0 256px 256px")
    phantom = read(
        '<defs><path id="a" d="M-.2,-.1 Q-.2,-.3 0,-.3 T.2,-.1 0,.1 -.2,-.1"/>'
        '<ellipse id="b" rx=".02" ry=".05" transform="translate(.05,-.1) rotate(-90,0,0)"/></defs>'
        '<g transform="scale(512,512) translate(0.5,0.5)"><rect width="1" height="1" x="-.5" y="-.5"/>'
        '<use xlink:href="#a" fill="rgb(36%,36%,36%)"/><use xlink:href="#b" fill="rgb(0%,0%,0%)"/></g>',
        header,
    )
    assert values(phantom, (45, 40), (55, 40), (59, 40), (50, 70)) == [0.36, 0.0, 0.0, 0.0]
    assert phantom.amplitudes == pytest.approx([0.36, -0.36])


def test_field_of_view_can_be_given_and_is_made_square(read):
    body = '<rect x="10" y="10" width="20" height="10" fill="white"/>'
    assert read(body, field_of_view=(0, 0, 40, 20)).support.tolist() == [[0.5, 0.25], [0.75, 0.75]]
    assert read(
        body, HEADER.replace('viewBox="0 0 100 100"', 'width="40px" height="40"')
    ).support.tolist() == [
        [0.25, 0.25],
        [0.5, 0.75],
    ]


def test_a_gray_background_fills_the_cell(read):
    body = '<rect width="50" height="50" fill="#333"/><circle cx="25" cy="25" r="10" fill="#fff"/>'
    assert read(body).support.tolist() == [[0.0, 0.0], [0.5, 0.5]]
    phantom = read(body, HEADER_WITHOUT_BOX)
    assert values(phantom, (1, 99), (50, 50)) == [0.2, 1.0]
    assert phantom.fourier_coefficients([[0, 0]]).real == pytest.approx(0.2 + 0.8 * np.pi * 0.04, abs=1e-12)


# --- painting order


def test_painted_raster_equals_additive_raster(read):
    # Centers, radii and levels in painting order: nested, hidden, repainted, black on gray.
    discs = [
        (50, 50, 45, 0.4), (30, 40, 8, 1.0), (30, 40, 12, 0.8), (32, 41, 5, 0.0), (65, 60, 15, 0.8), (65, 60, 6, 0.4),
        (64, 59.5, 2, 1.0), (65, 60, 4, 0.0), (50, 20, 6, 0.4), (50, 20, 3, 1.0),
    ]  # fmt: skip
    body = "".join(f'<circle cx="{x}" cy="{y}" r="{r}" fill="{100 * v}%"/>' for x, y, r, v in discs)
    phantom = read(body)
    # Off the grid, so that no point lies on a circle.
    points = Grid((200, 190)).points * 0.997 + 0.0013
    painted = np.zeros(len(points))
    for x, y, r, v in discs:
        painted[np.hypot(100 * points[:, 1] - x, 100 * points[:, 0] - y) < r] = v
    assert np.abs(phantom.image(points) - painted).max() < 1e-14
    # The first small disc, the vessel under the last one and the disc without contrast are gone.
    assert len(phantom.contours) == 7


@pytest.mark.parametrize("rule", ["nonzero", "evenodd"])
def test_holes_show_what_lies_below(read, rule):
    square = "M{0} {0} H{1} V{1} H{0} Z"
    reverse = "M{0} {0} V{1} H{1} V{0} Z"
    phantom = read(
        f'<path d="{square.format(5, 95)}" fill="40%"/><circle cx="50" cy="50" r="5" fill="100%"/>'
        '<circle cx="20" cy="20" r="4" fill="100%"/>'
        f'<path d="{square.format(10, 90)} {reverse.format(30, 70)} {square.format(40, 60)}" '
        f'fill="80%" fill-rule="{rule}"/>'
    )
    # Under the frame a disc is hidden; the hole shows the first square; the island covers the other disc.
    assert values(phantom, (7, 7), (20, 20), (35, 35), (50, 50), (20, 50)) == [0.4, 0.8, 0.4, 0.8, 0.8]


def test_subpaths_of_the_same_direction_differ_by_the_fill_rule(read):
    path = '<path d="M10 10 H90 V90 H10 Z M30 30 H70 V70 H30 Z" fill="white" fill-rule="{}"/>'
    assert values(read(path.format("nonzero")), (50, 50), (20, 20)) == [1.0, 1.0]
    assert values(read(path.format("evenodd")), (50, 50), (20, 20)) == [0.0, 1.0]


def test_a_hole_that_is_filled_again_by_the_same_outline(read):
    inner = "M30 30 H70 V70 H30 Z"
    phantom = read(
        f'<path d="M10 10 H90 V90 H10 Z {inner}" fill="80%" fill-rule="evenodd"/><path d="{inner}" fill="30%"/>'
    )
    assert values(phantom, (50, 50), (20, 20)) == [0.3, 0.8]


# --- refusals


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('<circle id="a" cx="30" cy="50" r="20" fill="gray"/><circle id="b" cx="50" cy="50" r="20" fill="white"/>',
         "circle #a and circle #b overlap"),
        ('<circle cx="30" cy="50" r="20" fill="gray"/><circle cx="70" cy="50" r="20" fill="white"/>', "touch"),
        ('<path d="M10 10 L50 50 H10 L60 10 Z" fill="white"/>', "path: the contour is not simple"),
        ('<path d="M10 10 H50 V50 Z M10 20 H90 V60 Z" fill="white"/>', "contours 0 and 1 cross"),
        ('<circle cx="90" cy="50" r="20" fill="gray"/>', "leaves the field of view"),
        ('<g clip-path="url(#c)"><circle cx="50" cy="50" r="20"/></g>', "clip-path"),
        ('<circle cx="50" cy="50" r="20" mask="url(#m)"/>', "mask"),
        ('<circle id="x" cx="50" cy="50" r="20" fill="red"/>', "circle #x has the fill 'red'"),
        ('<circle cx="50" cy="50" r="20" fill="url(#gradient)"/>', "gray level is needed"),
        ('<circle cx="50" cy="50" r="20" fill="#102030"/>', "gray level is needed"),
        ('<circle cx="50" cy="50" r="20" opacity="0.5"/>', "transparent"),
        ('<circle cx="50" cy="50" r="20" stroke="black"/>', "stroke"),
        ('<rect x="10" y="10" width="20" height="20" rx="3" fill="white"/>', "rounded corners"),
        ('<circle cx="5cm" cy="50" r="20"/>', "expected a number"),
        ('<g transform="spin(3)"><circle r="1"/></g>', "transform"),
        ('<g transform="translate(1"><circle r="1"/></g>', "transform"),
        ('<use href="#nothing"/>', "must refer"),
        ('<use href="other.svg#a"/>', "must refer"),
        ('<g id="a"><use href="#a"/></g>', "refers to itself"),
        ('<text>hello</text>', "not supported"),
        ("<style>circle {fill: red}</style>", "not supported"),
        ('<polygon points="1 2 3" fill="white"/>', "pairs"),
        ('<path d="M0 0 L1" fill="white"/>', "path data"),
        ("", "no filled shapes"),
        ('<circle cx="50" cy="50" r="20" fill="black"/>', "all shapes are black"),
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused(read, body, message):
    with pytest.raises(ValueError, match=f"drawing.svg: .*{message}"):
        read(body)


def test_exponential_references_are_stopped(read):
    levels = "".join(
        f'<g id="g{i + 1}">' + f'<use href="#g{i}"/>' * 10 + "</g>" for i in range(12)
    )  # fmt: skip
    with pytest.raises(ValueError, match="elements are painted"):
        read(f'<defs><g id="g0"/>{levels}</defs><use href="#g12"/>')


def test_a_file_without_field_of_view_is_refused(read):
    with pytest.raises(ValueError, match="pass field_of_view"):
        read('<circle cx="50" cy="50" r="20" fill="white"/>', HEADER_WITHOUT_BOX)


def test_a_wrong_field_of_view_is_refused(read):
    with pytest.raises(ValueError, match="positive sizes"):
        read('<circle cx="50" cy="50" r="20" fill="white"/>', field_of_view=(0, 0, -1, 1))


def test_large_files_are_refused(read):
    with pytest.raises(ValueError, match="max_bytes"):
        read('<circle cx="50" cy="50" r="20" fill="white"/>', max_bytes=50)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not well-formed"),
        (b"\x89PNG\r\n\x1a\n\xff\xfe", "UTF-8"),
        (b"just some text", "not well-formed"),
        (b"<html/>", "root element"),
        (b'<!DOCTYPE svg [<!ENTITY a "aaaa">]><svg>&a;</svg>', "entity"),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    file = tmp_path / "file.svg"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        contours_from_svg(file)


@pytest.mark.parametrize("share", [0.3, 0.7, 0.99])
def test_truncated_files_are_refused(tmp_path, share):
    text = HEADER + '<path d="M10 10 Q 30 5 50 10 T 60 40 L 10 60 Z" fill="white"/></svg>'
    file = tmp_path / "cut.svg"
    file.write_text(text[: int(share * len(text))], encoding="utf-8")
    with pytest.raises(ValueError, match=r"cut\.svg: not well-formed XML, perhaps truncated"):
        contours_from_svg(file)
