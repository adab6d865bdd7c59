import numpy as np
import pytest

from microgan.datasets.normalization import IntensityRange
from microgan.datasets.section_sampling import NUM_DRAWS, StackBatches, TrainingStacks
from microgan.errors import UserError


def numbered(depth, height, width):
    """Every voxel encodes its position: 10000 z + 100 y + x."""
    z, y, x = np.ogrid[:depth, :height, :width]
    return (10_000 * z + 100 * y + x).astype(np.uint32)


def build(stacks, focal_planes, **changes):
    sharp = {"sharp_lateral": [numbered(1, 40, 44)[0]], "sharp_axial": [numbered(1, 40, 9)[0]]}
    sharp |= {name: changes.pop(name) for name in sharp if name in changes}
    settings = {"batch_size": 2, "patch_size": 32, "seed": 5}
    return StackBatches(TrainingStacks(stacks, focal_planes, **sharp,
                                       intensities=IntensityRange(0, 1)),
                        **{**settings, **changes})


def test_batch_has_crops_of_the_promised_shapes():
    batch = build([numbered(9, 40, 44)], [4])(0)

    assert {name: (array.shape, array.dtype) for name, array in batch.items()} == {
        "blurred": ((2, 9, 32, 32, 1), np.float32),
        "sharp_lateral": ((2, 1, 32, 32, 1), np.float32),
        "sharp_axial": ((2, 1, 32, 9, 1), np.float32), "focal_plane": ((2,), np.int32),
        "places": ((2, NUM_DRAWS, 1), np.float32)}
    assert 0 <= batch["places"].min() and batch["places"].max() < 1


def test_batch_is_a_function_of_seed_and_update():
    draw, again = (build([numbered(9, 40, 44)], [4]) for _ in range(2))

    for update in (0, 7):
        for name, array in draw(update).items():
            np.testing.assert_array_equal(array, again(update)[name])
    assert not np.array_equal(draw(0)["blurred"], draw(1)["blurred"])


def test_deeper_stack_is_cut_around_its_focal_plane():
    draw = build([numbered(9, 40, 44), numbered(17, 40, 44)], [4, 10])

    assert draw.depth == 9
    # 8 of 17 slices are cut, in proportion to the slices on both sides of the focal plane.
    assert draw.stacks[1][0, 0, 0] == 50_000
    assert draw.focal_planes == [4, 5]


def test_crops_are_neither_mirrored_nor_turned():
    draw = build([numbered(9, 40, 44)], [4])

    for update in range(10):
        batch = draw(update)
        # Twice the intensities: network values run from -1 to 1.
        for axis, step in ((1, 20_000), (2, 200), (3, 2)):
            steps = np.diff(batch["blurred"][..., 0], axis=axis)
            np.testing.assert_allclose(steps, step, rtol=0.1)


@pytest.mark.parametrize("changes, words", [
    ({"patch_size": 41}, "z-stack 0 is 40 x 44 pixels, too small for --patch_size=41"),
    ({"sharp_lateral": [np.zeros((40, 31))]},
     "in-focus image 0 is 40 x 31 pixels, too small for --patch_size=32"),
    ({"sharp_axial": [np.zeros((31, 9))]},
     "vertical sections 0 is 31 x 9 pixels, too small for --patch_size=32. Lower")])
def test_images_smaller_than_a_crop_are_refused(changes, words):
    with pytest.raises(UserError, match=words):
        build([numbered(9, 40, 44)], [4], **changes)


def test_images_with_fewer_columns_than_slices_are_refused_whatever_the_crop():
    with pytest.raises(UserError, match="40 x 8 pixels, but 9 columns.* to 8 slices") as error:
        build([numbered(9, 40, 44)], [4], sharp_axial=[np.zeros((40, 8))])

    assert "patch_size" not in str(error.value)
