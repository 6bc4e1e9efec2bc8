"""What a data set is told by all its files together: pages, ranges of values, palettes."""

import cv2
import numpy as np
import pytest
from datasets import photo, write_images_masks, write_tree
from PIL import Image

from common.config.groups import DataConfig
from common.data.decode import decode_sample, image_of
from common.data.fitting import Fitting
from common.data.known import KnownFiles
from common.data.layouts.registry import find_dataset
from common.data.load import load_photographs, load_splits
from common.data.opened import BadFileError, read_bytes
from common.data.split import split_samples
from common.data.survey import survey
from common.errors import UserError

SIDE = 16


def surveyed(root, *, labelled=False, **options):
    cache = root.parent / "cache"
    cache.mkdir(exist_ok=True)
    known = KnownFiles(cache, str(root), what="facts")
    found = survey(find_dataset(root, labelled=labelled).samples, known, **{"pages": "refuse", **options})
    known.keep()
    return found


def read(sample):
    return image_of(sample, read_bytes(sample.image))


def write_geotiff(root, count=2):
    """Float images, a quarter of which nothing was measured."""
    root.mkdir(parents=True)
    for i in range(count):
        values = photo(i, height=SIDE, width=SIDE)[..., 0].astype(np.float32) * 10
        values[: SIDE // 4] = -9999
        Image.fromarray(values).save(root / f"{i}.tif", tiffinfo={42113: "-9999"})


def write_deep(root, arrays):
    root.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        assert cv2.imwrite(str(root / name), array[..., ::-1] if array.ndim == 3 else array)
    return root


def scene(seed, most):
    return (photo(seed, height=SIDE, width=SIDE).astype(np.float64) / 255 * most).round().astype(np.uint16)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".ppm"])
@pytest.mark.parametrize("most", [4095, 1023, 65535])
def test_deep_images_share_the_range_of_all_of_them(tmp_path, suffix, most):
    scenes = {f"{seed}{suffix}": scene(seed, most if seed else most // 4) for seed in range(3)}
    found = surveyed(write_deep(tmp_path / "in", scenes))
    assert found.depth is not None
    low, high = found.depth
    assert low < 0.1 * most
    assert 0.9 * most < high <= most
    assert found.notes == [f"3 images are of more than 8 bits: values from {low:,.6g} to {high:,.6g} become 0 to 255"]
    for sample, values in zip(found.samples, scenes.values(), strict=True):
        expected = np.clip((values - low) / (high - low), 0, 1) * 255
        assert np.abs(read(sample) - expected).max() <= 0.51
        grey = image_of(sample, read_bytes(sample.image), 1)
        assert np.abs(grey[..., 0] - expected @ [0.299, 0.587, 0.114]).max() < 1.6


@pytest.mark.parametrize("kind", [np.float32, np.int32, np.uint16])
def test_grey_images_of_floats_and_whole_numbers_are_deep_too(tmp_path, kind):
    values = (scene(1, 4000)[..., 0] / (4000 if kind is np.float32 else 1)).astype(kind)
    write_tree(tmp_path / "in", {"a.tif": values})
    found = surveyed(tmp_path / "in")
    image = read(found.samples[0])
    assert (image == image[..., :1]).all()
    assert (image.min(), image.max()) == (0, 255)
    assert np.corrcoef(image[..., 0].ravel(), values.ravel())[0, 1] > 0.999


def test_colours_of_floats_keep_their_order(tmp_path):
    write_deep(tmp_path / "in", {"a.tif": scene(1, 1000).astype(np.float32)})
    image = read(surveyed(tmp_path / "in").samples[0])
    assert np.corrcoef(image.ravel(), scene(1, 1000).ravel())[0, 1] > 0.999


def test_single_hot_pixels_darken_no_image(tmp_path):
    values = np.kron(scene(1, 1000), np.ones((4, 4, 1), np.uint16))
    values[0, 0] = 65535
    found = surveyed(write_deep(tmp_path / "in", {"a.png": values}))
    assert found.depth is not None
    assert found.depth[1] <= 1000
    assert (read(found.samples[0])[0, 0] == 255).all()


def test_a_range_that_a_network_knows_goes_before_that_of_the_images(tmp_path):
    found = surveyed(write_deep(tmp_path / "in", {"a.png": scene(1, 500)}), depth=(0.0, 1000.0))
    assert found.depth == (0, 1000)
    assert read(found.samples[0]).max() in (127, 128)
    assert surveyed(write_tree(tmp_path / "plain", {"a.png": photo(1)}), depth=(0.0, 1000.0)).depth is None


def test_an_image_whose_values_are_no_numbers_is_named(tmp_path):
    write_tree(tmp_path / "in", {"a.tif": np.full((8, 8), np.nan, np.float32)})
    with pytest.raises(UserError, match=r"a\.tif: it holds values that are no numbers"):
        read(surveyed(tmp_path / "in").samples[0])


@pytest.mark.parametrize("turned", [3, 6, 8])
@pytest.mark.parametrize("suffix", ["PNG", "TIFF"])
def test_deep_images_are_turned_as_their_tag_says(tmp_path, turned, suffix):
    values = np.arange(24, dtype=np.uint16).reshape(4, 6) * 1000
    exif = Image.Exif()
    exif[274] = turned
    root = tmp_path / "in"
    root.mkdir()
    Image.fromarray(values).save(root / "a.png", suffix, exif=exif)
    expected = {3: values[::-1, ::-1], 6: np.rot90(values, -1), 8: np.rot90(values)}[turned]
    image = read(surveyed(root).samples[0])[..., 0].astype(int)
    assert image.shape == expected.shape
    assert (np.argsort(image.ravel(), kind="stable") == np.argsort(expected.ravel())).all()


def write_stack(path, count, *, first=0, side=SIDE, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = [Image.fromarray(np.full((side, side, 3), 40 * (first + i), np.uint8)) for i in range(count)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], **options)
    return path


STACKS = {"a.tif": {}, "b.gif": {}, "c.webp": {"lossless": True}, "d.png": {}}


def test_stacks_and_animations_are_refused_unless_the_user_says_what_to_take(tmp_path):
    root = write_tree(tmp_path / "in", {"plain.png": photo(1)})
    for name, options in STACKS.items():
        write_stack(root / name, 3, **options)
    found = surveyed(root)
    assert read(found.samples[-1]).shape == (40, 50, 3)
    for sample in found.samples[:-1]:
        with pytest.raises(
            BadFileError, match=rf"{sample.image.name} holds 3 pictures \(3 other files hold .*first.*--pages all"
        ):
            read(sample)


def test_of_stacks_and_animations_the_first_picture_is_taken_with_a_note(tmp_path):
    for name, options in STACKS.items():
        write_stack(tmp_path / "in" / name, 3, first=2, **options)
    found = surveyed(tmp_path / "in", pages="first")
    assert [sample.key for sample in found.samples] == ["a", "b", "c", "d"]
    assert found.notes[0].startswith("of 4 files with several pictures the first is taken: ")
    assert all(np.abs(read(sample).astype(int) - 80).max() <= 4 for sample in found.samples)


def test_all_pictures_of_stacks_and_animations_are_images_that_share_a_split(tmp_path):
    for name, options in STACKS.items():
        write_stack(tmp_path / "in" / name, 5, first=1, **options)
    write_tree(tmp_path / "in", {f"{i}.png": photo(i) for i in range(20)})
    found = surveyed(tmp_path / "in", pages="all")
    pages = [sample for sample in found.samples if sample.reading.page is not None]
    assert [sample.key for sample in pages] == [f"{name}_page{i}" for name in "abcd" for i in range(1, 6)]
    assert found.notes == ["20 images are pages of 4 files"]
    for number, sample in enumerate(pages):
        assert np.abs(read(sample).astype(int) - 40 * (1 + number % 5)).max() <= 4
    split = split_samples(found.samples, seed=1)
    homes = {sample.image.name: name for name, samples in split.items() for sample in samples}
    assert all(homes[sample.image.name] == name for name, samples in split.items() for sample in samples)


def test_deep_stacks_are_read_page_by_page(tmp_path):
    pages = [scene(seed, 4000)[..., 0] for seed in range(3)]
    (tmp_path / "in").mkdir()
    pictures = [Image.fromarray(page) for page in pages]
    pictures[0].save(tmp_path / "in/a.tif", save_all=True, append_images=pictures[1:])
    found = surveyed(tmp_path / "in", pages="all")
    for sample, page in zip(found.samples, pages, strict=True):
        assert np.corrcoef(read(sample)[..., 0].ravel(), page.ravel())[0, 1] > 0.999


def test_deep_stacks_have_the_range_of_all_pages_that_are_taken(tmp_path):
    pages = [np.full((SIDE, SIDE), 100 * factor, np.uint16) for factor in (1, 40, 10)]
    for page in pages:
        page[0] = 0
    (tmp_path / "in").mkdir()
    pictures = [Image.fromarray(page) for page in pages]
    pictures[0].save(tmp_path / "in/a.tif", save_all=True, append_images=pictures[1:])
    assert surveyed(tmp_path / "in", pages="first").depth == (0, 100)
    found = surveyed(tmp_path / "in", pages="all")
    assert found.depth == (0, 4000)
    assert [int(read(sample).max()) for sample in found.samples] == [6, 255, 64]


def test_taking_all_pages_after_the_first_alone_looks_at_all_ranges(tmp_path, monkeypatch):
    monkeypatch.setattr("common.data.known.SETTLED", -1.0)
    pages = [Image.fromarray(scene(seed, most)[..., 0]) for seed, most in enumerate((100, 4000))]
    (tmp_path / "in").mkdir()
    pages[0].save(tmp_path / "in/a.tif", save_all=True, append_images=pages[1:])
    known = {"data_dir": tmp_path / "in", "image_size": 64, "cache_dir": tmp_path / "cache"}
    configs = DataConfig(**known, pages="first"), DataConfig(**known, pages="all")
    notes = [load_photographs(tmp_path / "in", config, depth=None)[1] for config in configs]
    first, everything = (float(note[0].split()[-5].replace(",", "")) for note in notes)
    assert everything > 30 * first


def test_smaller_copies_of_a_page_are_no_pages(tmp_path):
    (tmp_path / "in").mkdir()
    page, small = (Image.fromarray(photo(1, height=side, width=side)) for side in (32, 8))
    for copy in (page, small):
        copy.encoderinfo = {}
    small.encoderinfo = {"tiffinfo": {254: 1}}
    page.save(tmp_path / "in/a.tif", save_all=True, append_images=[small])
    (sample,) = surveyed(tmp_path / "in").samples
    assert read(sample).shape == (32, 32, 3)


def test_each_page_has_its_own_page_of_the_mask(tmp_path):
    root = tmp_path / "in"
    write_stack(root / "images/a.tif", 3)
    masks = [Image.fromarray(np.full((SIDE, SIDE), value, np.uint8)) for value in (0, 1, 0)]
    (root / "masks").mkdir()
    masks[0].save(root / "masks/a.tif", save_all=True, append_images=masks[1:])
    found = surveyed(root, labelled=True, pages="all")
    read = [decode_sample(sample, Fitting(SIDE)).mask for sample in found.samples]
    assert [mask.max() for mask in read if mask is not None] == [0, 1, 0]
    masks[0].save(root / "masks/a.tif", save_all=True, append_images=masks[1:2])
    with pytest.raises(UserError, match=r"a\.tif has 3 pages, and its mask .*a\.tif 2"):
        surveyed(root, labelled=True, pages="all")


def test_pages_of_a_data_set_make_another_pack_each(tmp_path):
    root = write_images_masks(tmp_path / "data", 12)
    for folder in ("images", "masks"):
        write_stack(root / folder / "stack.tif", 4, side=40)
    config = {"data_dir": root, "image_size": 64, "cache_dir": tmp_path / "cache"}
    photographs = load_splits(DataConfig(**config, pages="all"))
    keys = [key for pack in (photographs.train, photographs.val, photographs.test) for key in pack.keys]
    assert len(keys) == 16
    assert len(
        {np.asarray(pack.images[i]).tobytes() for pack in (photographs.train,) for i in range(len(pack))}
    ) == len(photographs.train)


def test_what_was_seen_is_not_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr("common.data.known.SETTLED", -1.0)
    root = write_deep(tmp_path / "in", {"a.png": scene(1, 4000)})
    write_tree(root, {"b.jpg": photo(2)})
    before = surveyed(root)
    monkeypatch.setattr("common.data.survey.read_bytes", lambda path: pytest.fail(f"{path} is read again"))
    assert surveyed(root) == before


def test_a_file_that_cannot_be_read_is_left_to_decoding(tmp_path):
    root = write_tree(tmp_path / "in", {"images/a.png": photo(1), "masks/a.png": photo(1)[..., 0]})
    for path in root.rglob("*.png"):
        path.write_bytes(b"no image")
    assert len(surveyed(root, labelled=True).samples) == 1


def without_masks(root, **options):
    """The packs of phase 1."""
    return load_splits(DataConfig(data_dir=root, image_size=SIDE, cache_dir=root.parent / "cache", **options))


def test_packs_without_masks_have_the_range_that_the_note_tells(tmp_path):
    found = without_masks(write_deep(tmp_path / "in", {f"{seed:02}.png": scene(seed, 4095) for seed in range(40)}))
    assert any("more than 8 bits" in sentence for sentence in found.notes)
    assert found.train.images.max() > 200


def test_packs_without_masks_hold_every_page_or_refuse_the_file(tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(30):
        first, *others = (Image.fromarray(np.full((SIDE, SIDE, 3), level, np.uint8)) for level in (10, 120, 240))
        first.save(tmp_path / f"in/{number:02}.tif", save_all=True, append_images=others)
    found = without_masks(tmp_path / "in", pages="all")
    assert np.unique(found.train.images).tolist() == [10, 120, 240]
    assert np.unique(without_masks(tmp_path / "in", pages="first").train.images).tolist() == [10]
    with pytest.raises(UserError, match="holds 3 pictures"):
        without_masks(tmp_path / "in")


def test_what_gdal_calls_no_data_is_left_out_of_the_range(tmp_path):
    write_geotiff(tmp_path / "data")
    found = surveyed(tmp_path / "data")
    assert found.depth[0] >= 0
    assert (read(found.samples[0])[: SIDE // 4] == 0).all()


def test_of_tags_that_opencv_does_not_know_nothing_is_printed(tmp_path, capfd):
    write_geotiff(tmp_path / "data")
    surveyed(tmp_path / "data")
    assert capfd.readouterr().err == ""


def test_nan_that_a_file_calls_no_data_is_black_and_no_other_nan_is(tmp_path):
    values = photo(0, height=SIDE, width=SIDE)[..., 0].astype(np.float32) + 1
    values[0] = np.nan
    (tmp_path / "in").mkdir()
    for name, tags in (("told.tif", {42113: "nan"}), ("untold.tif", {})):
        Image.fromarray(values).save(tmp_path / "in" / name, tiffinfo=tags)
    found = surveyed(tmp_path / "in")
    assert found.depth is not None
    assert 1 <= found.depth[0] < found.depth[1] <= 256
    image = read(found.samples[0])
    assert image[0].max() == 0
    assert image[1:].max() == 255
    with pytest.raises(BadFileError, match=r"untold\.tif: it holds values that are no numbers"):
        read(found.samples[1])


@pytest.mark.parametrize("nothing", ["-9999", "nan"])
def test_an_image_in_which_nothing_was_measured_has_no_part_in_the_range(tmp_path, nothing):
    measured = photo(0, height=SIDE, width=SIDE)[..., 0].astype(np.float32) + 1
    (tmp_path / "in").mkdir()
    for name, values in (("a", measured), ("b", np.full_like(measured, float(nothing)))):
        Image.fromarray(values).save(tmp_path / f"in/{name}.tif", tiffinfo={42113: nothing})
    found = surveyed(tmp_path / "in")
    assert found.depth is not None
    assert 1 <= found.depth[0] < found.depth[1] <= 256
    assert read(found.samples[1]).max() == 0
