"""How raw columns become numbers. What an encoder learns, it learns from `train` alone."""

from __future__ import annotations

from modelspec.language.kinds import Anything, Float, Int, ListOf
from modelspec.language.word import Reject, Word


class Standardize(Word):
    """Mean 0 and variance 1: one mean and deviation for each entry of the last axis.

    As scikit-learn's StandardScaler; a column that is constant becomes 0.
    """

    group = "encoders"


class Scale(Word):
    """From the smallest and largest value of each entry of the last axis to a range.

    As scikit-learn's MinMaxScaler; values outside what was learnt fall outside the range.
    """

    group = "encoders"
    range = ListOf("The range's ends.", Float("An end of the range."), length=2, default=[0, 1])

    def check(self) -> None:
        low, high = self.range
        if not low < high:
            raise Reject("range", f"the range from {low:g} to {high:g} is empty")


class OneHot(Word):
    """A class becomes a vector that is 1 at the class's place and 0 elsewhere.

    Several `columns` have classes of their own, and their vectors stand one after the other.
    """

    group = "encoders"
    classes = ListOf(
        "The classes in order; null learns them: sorted, as numbers where all are.",
        Anything("A class."),
        default=None,
    )

    def check(self) -> None:
        refuse_repeated(self.classes)


class Labels(Word):
    """A class becomes its place among the classes: 0, 1, ..."""

    group = "encoders"
    classes = ListOf(
        "The classes in order; null learns them: sorted, as numbers where all are.",
        Anything("A class."),
        default=None,
    )

    def check(self) -> None:
        refuse_repeated(self.classes)


class Words(Word):
    """A text becomes the places of its words: 0 is padding, 1 an unknown word, words are from 2.

    Words stand between white space, punctuation and symbols, and are lower-cased. The vocabulary
    holds the most frequent words of train; texts are padded and cut at their ends.
    """

    group = "encoders"
    vocabulary = Int(
        "How many places there are, padding and unknown words among them.", default=10000, min=3
    )
    length = Int(
        "Words a text; null takes the wanted shape's, or else those of train's longest text.",
        default=None,
        min=1,
    )


def refuse_repeated(classes: list[object] | None) -> None:
    for place, name in enumerate(classes or ()):
        if not isinstance(name, str | int | float):
            raise Reject("classes", f"a class is a string or a number, and `{name}` is neither")
        if classes is not None and str(name) in map(str, classes[:place]):
            raise Reject("classes", f"the class `{name}` stands there twice")
    if classes is not None and not classes:
        raise Reject("classes", "there is no class in the list", "leave `classes` out to learn it")
