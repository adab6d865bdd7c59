"""What must stay together in a split, and what is taken from the front."""

from microgan.datasets.file_groups import (
    are_planes, group_planes, in_turns, same_layout, take_groups)


def test_only_several_images_of_a_file_are_planes():
    assert are_planes("aab")
    assert not are_planes("abc") and not are_planes("")


def test_layouts_are_compared_without_names():
    assert same_layout("aab", "xxy") and not same_layout("aab", "xyy")
    assert same_layout("abc", "")


def test_copies_join_their_files():
    assert group_planes(["1", "2", "3", "1", "4"], "aabbc") == ["a", "a", "a", "a", "c"]


def test_the_only_file_is_cut_into_runs():
    groups = group_planes([str(index) for index in range(10)], "a" * 10)

    assert groups == [f"a {index // 2}" for index in range(10)]
    assert len(set(group_planes("123", "aaa"))) == 3


def test_every_group_has_its_turn():
    assert in_turns([5, 4, 3, 2, 1, 0], "aaabbb") == [5, 2, 4, 1, 3, 0]


def test_groups_are_taken_while_they_fit_or_else_the_smallest():
    order, keys = [0, 1, 2, 3, 4, 5], "aaabbc"

    assert take_groups(order, keys, 2) == ([3, 4], [0, 1, 2, 5])
    assert take_groups(order, keys, 4) == ([0, 1, 2, 5], [3, 4])
    assert take_groups(order, "aaabbb", 1) == ([0, 1, 2], [3, 4, 5])
    assert take_groups(order, keys, 6, leave=1) == ([0, 1, 2, 3, 4], [5])
    assert take_groups(order, keys, 0) == ([], order)
    assert take_groups(order, "aaaaaa", 2, leave=1) == ([], order)
