"""Families of images: what the loader makes of a folder, what it refuses, and the offline stand-ins."""

import socket

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from srinr.image_families import (
    PHOTOGRAPHS,
    ImageFamily,
    checked_images,
    faces,
    image_folder,
    non_faces,
    photo_crops,
)
from srinr.image_files import read_image
from srinr.status import FileFormatError


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    def refuse(*arguments, **keywords):
        raise AssertionError("a loader opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)


def write(folder, name, pixels, **options):
    Image.fromarray(np.asarray(pixels)).save(folder / name, **options)


def noise(rng, *shape):
    return rng.integers(0, 256, shape, dtype=np.uint8)


# the folder of the user


def test_celeba_recipe_without_resize_is_the_center_in_gray(tmp_path, rng):
    pixels = noise(rng, 218, 178, 3)
    write(tmp_path, "000001.png", pixels)
    family = image_folder(tmp_path, size=178)
    expected = pixels[20:198] @ np.array([0.299, 0.587, 0.114]) / 255
    assert family.images.shape == (1, 178, 178)
    np.testing.assert_allclose(family.images[0], expected, atol=1e-14)
    assert image_folder(tmp_path).images.shape == (1, 64, 64)
    assert "178x178" in family.source and "gray" in family.source


def test_resize_removes_what_the_small_grid_cannot_hold(tmp_path):
    stripes = np.tile(np.array([0, 255], dtype=np.uint8), (128, 64))  # the Nyquist frequency of the file
    write(tmp_path, "stripes.png", stripes)
    small = image_folder(tmp_path, size=32, crop=None).images[0]
    inner = small[4:-4, 4:-4]
    assert np.abs(inner - 0.5).max() < 0.05
    picked = stripes[::4, ::4] / 255  # without anti-aliasing the stripes turn into a constant
    assert np.abs(picked - 0.5).max() == 0.5


def test_constant_images_stay_constant_through_crop_gray_and_resize(tmp_path):
    write(tmp_path, "a.png", np.full((50, 70, 3), 255, dtype=np.uint8))
    write(tmp_path, "b.png", np.full((60, 50), 51, dtype=np.uint8))
    images = image_folder(tmp_path, size=20, crop=None).images
    np.testing.assert_allclose(images[0], 1.0, atol=1e-12)
    np.testing.assert_allclose(images[1], 0.2, atol=1e-12)
    assert images.max() <= 1.0


def test_kinds_of_pixels(tmp_path, rng):
    """8 and 16 bits, a palette, an alpha channel and black-and-white give the same picture."""
    gray = (rng.integers(0, 2, (20, 20)) * 255).astype(np.uint8)
    rgb = np.repeat(gray[..., None], 3, axis=2)
    write(tmp_path, "1_gray.png", gray)
    write(tmp_path, "2_rgb.bmp", rgb)
    write(tmp_path, "3_alpha.png", np.concatenate([rgb, noise(rng, 20, 20, 1)], axis=2))
    write(tmp_path, "4_deep.png", gray.astype(np.uint16) * 257)
    Image.fromarray(rgb).quantize(2).save(tmp_path / "5_palette.png")
    Image.fromarray(gray).convert("1").save(tmp_path / "6_bits.PNG")
    Image.merge("LA", [Image.fromarray(gray)] * 2).save(tmp_path / "7_gray_alpha.png")
    family = image_folder(tmp_path, size=20, crop=20)
    assert len(family) == 7
    for image, name in zip(family.images, family.names, strict=True):
        np.testing.assert_allclose(image, gray / 255, atol=1e-12, err_msg=name)
    color = image_folder(tmp_path, size=20, crop=20, gray=False)
    assert color.images.shape == (7, 20, 20, 3)
    np.testing.assert_allclose(color.images[1], rgb / 255)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_the_camera_is_applied(tmp_path, orientation):
    upright = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1], 5: upright.T,
        6: np.rot90(upright, 1), 7: upright[::-1, ::-1].T, 8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "photo.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "photo.png"), upright / 255)


@pytest.mark.parametrize("gray", ["no", 0, None])
def test_gray_is_a_choice_of_two(tmp_path, gray):
    write(tmp_path, "a.png", np.zeros((20, 20), dtype=np.uint8))
    with pytest.raises(ValueError, match="gray must be True .* or False"):
        image_folder(tmp_path, size=8, crop=16, gray=gray)


def test_sizes_that_memory_cannot_hold_are_refused_at_once(tmp_path):
    write(tmp_path, "a.png", np.zeros((20, 20), dtype=np.uint8))
    for call in (lambda: image_folder(tmp_path, size=100_000, crop=16), lambda: faces(100_000)):
        with pytest.raises(ValueError, match=r"size=100000 makes images of 1e\+10 pixels.*smaller size"):
            call()


def test_sorted_order_limit_and_what_is_passed_over(tmp_path, rng):
    for name in ("c.png", "a.png", "b.jpg"):
        write(tmp_path, name, noise(rng, 20, 20))
    (tmp_path / "list_attr.txt").write_text("not an image")
    (tmp_path / "._a.png").write_bytes(b"resource fork")
    (tmp_path / "folder.png").mkdir()
    assert image_folder(tmp_path, size=8, crop=16).names == ("a.png", "b.jpg", "c.png")
    assert image_folder(tmp_path, size=8, crop=16, limit=2).names == ("a.png", "b.jpg")


def test_what_cannot_be_loaded_is_named(tmp_path, rng):
    with pytest.raises(FileFormatError, match="missing: not a folder"):
        image_folder(tmp_path / "missing")
    with pytest.raises(FileFormatError, match="no images in this folder"):
        image_folder(tmp_path)
    write(tmp_path, "good.png", noise(rng, 40, 30))
    with pytest.raises(ValueError, match=r"good.png: 40x30 pixels are too small for crop=31"):
        image_folder(tmp_path, crop=31)
    assert len(image_folder(tmp_path, crop=30)) == 1
    (tmp_path / "torn.png").write_bytes((tmp_path / "good.png").read_bytes()[:60])
    with pytest.raises(FileFormatError, match="torn.png: cannot be read"):
        image_folder(tmp_path, crop=30)
    (tmp_path / "torn.png").write_bytes(b"")
    with pytest.raises(FileFormatError, match="torn.png: cannot be read"):
        image_folder(tmp_path, crop=30)


def test_floating_point_files_outside_the_range_are_refused(tmp_path):
    Image.fromarray(np.full((20, 20), 0.5, dtype=np.float32)).save(tmp_path / "a.tif")
    np.testing.assert_allclose(image_folder(tmp_path, size=20, crop=20).images, 0.5)
    Image.fromarray(np.full((20, 20), 7.0, dtype=np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(FileFormatError, match=r"a.tif: float32 values must lie in \[0, 1\]"):
        image_folder(tmp_path, size=20, crop=20)


@pytest.mark.parametrize(
    ("name", "value"), [("size", 0), ("crop", -1), ("limit", 0), ("size", 2.5), ("crop", True)]
)
def test_sizes_of_the_folder_are_checked(tmp_path, name, value):
    with pytest.raises(ValueError, match=f"{name} must be a positive integer"):
        image_folder(tmp_path, **{name: value})


# the stand-ins


def test_faces_and_non_faces_are_the_two_halves():
    from skimage.data import lfw_subset

    both = np.concatenate([faces().images, non_faces().images])
    np.testing.assert_array_equal(both, lfw_subset())
    train, test = faces().split(80)
    assert (len(train), len(test), test.names[0]) == (80, 20, "face 80")
    np.testing.assert_array_equal(test.images, lfw_subset()[80:100])


def test_interpolated_faces_hold_nothing_above_their_band():
    """The control: crops of photographs do."""

    def high_band(images):
        window = np.outer(np.hanning(64), np.hanning(64))
        power = np.abs(np.fft.fft2((images - images.mean((1, 2), keepdims=True)) * window)) ** 2
        k = np.abs(np.fft.fftfreq(64, 1 / 64))
        return power[:, np.maximum.outer(k, k) > 16].sum(1) / power.sum((1, 2))

    large = faces(64)
    assert large.shape == (64, 64) and "interpolated" in large.source
    assert np.median(high_band(photo_crops(64, 60).images)) > 100 * np.median(high_band(large.images))


def test_photo_crops_are_pieces_of_the_photographs():
    from skimage import data

    family = photo_crops(24, n=40, seed=3)
    assert family.images.shape == (40, 24, 24)
    found = 0
    for image, name in zip(family.images, family.names, strict=True):
        photograph, row, column = name.split()
        if photograph in ("camera", "astronaut"):
            whole = getattr(data, photograph)() / 255.0
            whole = whole if whole.ndim == 2 else whole @ np.array([0.299, 0.587, 0.114])
            part = whole[int(row) : int(row) + 24, int(column) : int(column) + 24]
            np.testing.assert_allclose(image, part, atol=1e-12)
            found += 1
    assert found
    assert len({name.split()[0] for name in photo_crops(8, 100).names}) == len(PHOTOGRAPHS)


def test_seeds_of_crops():
    first, again, other = (photo_crops(16, 4, seed).images for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    with pytest.raises(ValueError, match="take at most 300"):
        photo_crops(301, 40)
    assert photo_crops(300, 1).shape == (300, 300)


# the value


@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 4))
def test_split_loses_nothing(n, h, w):
    images = np.random.default_rng(n).random((n, h, w))
    family = ImageFamily(images, [str(i) for i in range(n)], "made up")
    for k in range(1, n):
        first, rest = family.split(k)
        np.testing.assert_array_equal(np.concatenate([first.images, rest.images]), images)
        assert first.names + rest.names == family.names
    for k in (0, n):
        with pytest.raises(ValueError, match="n_first must lie between"):
            family.split(k)


def test_family_is_a_value():
    pixels = np.zeros((1, 2, 2))
    family = ImageFamily(pixels, ["zero"], "made up")
    pixels[:] = 1.0
    assert family.images.max() == 0.0
    with pytest.raises(ValueError, match="read-only"):
        family.images[0, 0, 0] = 1.0


@pytest.mark.parametrize(
    ("images", "match"),
    [
        (np.zeros((0, 4, 4)), "without empty axes"),
        (np.zeros((4, 4)), r"shape \(n, h, w\)"),
        (np.zeros((1, 4, 4, 2)), r"shape \(n, h, w\)"),
        (np.full((1, 4, 4), np.nan), "NaN or infinite"),
        (np.full((1, 4, 4), 255.0), r"must lie in \[0, 1\]"),
        (np.full((1, 4, 4), -0.1), r"must lie in \[0, 1\]"),
        (np.zeros((2, 4, 4)), "one name per image"),
    ],
)
def test_families_that_are_refused(images, match):
    with pytest.raises(ValueError, match=match):
        ImageFamily(images, ["one"], "made up")


@pytest.mark.parametrize(
    ("images", "match"),
    [
        ([["a"]], "must be real numbers"),
        (np.zeros((4, 4), dtype=complex), "must be real numbers"),
        ([[1.0, 2.0], [3.0]], "must be real numbers"),
        (np.zeros((4, 4, 3)), "color images"),
        (np.zeros(4), r"must have shape \(h, w\)"),
    ],
)
def test_arrays_that_are_refused(images, match):
    with pytest.raises(ValueError, match=match):
        checked_images(images, "image", 2)
