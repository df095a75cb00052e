from __future__ import annotations

from itertools import islice, permutations

import pytest

from modelspec.source.suggest import CLOSEST, Candidates, did_you_mean, distance, nearest

WORDS = [
    "units", "use_bias", "activation", "activity_regularizer", "kernel_size", "kernel_initializer",
    "kernel_regularizer", "Dense", "Dropout", "Dot", "Conv1D", "Conv2D", "Conv3D",
    "Conv2DTranspose",
    "binary_crossentropy", "categorical_crossentropy", "loss", "loss_weight", "layers", "filters",
]  # fmt: skip


@pytest.mark.parametrize(("word", "best"), [
    ("unit", "units"), ("Units", "units"), ("untis", "units"), ("kernelSize", "kernel_size"),
    ("kernel-size", "kernel_size"), ("acitvation", "activation"), ("conv2d", "Conv2D"),
    ("binary_cross_entropy", "binary_crossentropy"), ("lyers", "layers"), ("useBias", "use_bias"),
    ("Dense_", "Dense"), ("losss", "loss"), ("layer", "layers"), ("fitlers", "filters"),
])  # fmt: skip
def test_the_word_that_was_meant_comes_first(word, best):
    assert nearest(word, WORDS)[0] == best


@pytest.mark.parametrize("word", ["", "x", "zzz", "momentum", "ab", "Q" * 1000])
def test_nothing_is_suggested_where_nothing_is_near(word):
    assert nearest(word, WORDS) == []
    assert did_you_mean(word, WORDS) == ()


def test_the_beginning_of_words_suggests_them_all_and_at_most_three():
    assert nearest("Conv", WORDS) == ["Conv1D", "Conv2D", "Conv3D"]
    assert nearest("kernel", WORDS) == ["kernel_size", "kernel_initializer", "kernel_regularizer"]


def test_beside_the_same_word_in_other_letters_nothing_else_is_suggested():
    assert nearest("conv2d", WORDS) == ["Conv2D"]


def test_a_suggestion_is_a_question():
    assert did_you_mean("unit", ["units"]) == ("did you mean `units`?",)
    assert did_you_mean("Conv4D", WORDS) == ("did you mean `Conv1D`, `Conv2D` or `Conv3D`?",)


@pytest.mark.parametrize(("a", "b", "edits"), [
    ("abc", "abc", 0), ("abc", "acb", 1), ("abc", "ab", 1), ("abc", "xyz", 3), ("ca", "abc", 3),
    ("", "ab", 2),
])  # fmt: skip
def test_a_swap_of_neighbours_is_one_edit(a, b, edits):
    assert distance(a, b, 9) == edits


def test_of_very_many_names_of_the_same_letters_few_are_compared_the_likeliest_first():
    names = ["".join(letters) for letters in islice(permutations("abcdefgh"), 5000)]
    near = Candidates([*names, "abcdefgi"]).within("abcdefgij", 3)
    assert len(near) == CLOSEST == 20
    assert near[0] == "abcdefgi"


def test_a_distance_beyond_the_bound_is_given_up():
    assert distance("abcdefgh", "stuvwxyz", 2) == 3
