"""Dense layers over any axes, by Einstein's summation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import prod
from typing import Any, NamedTuple

from modelspec.language.kinds import (
    Dims,
    Either,
    Int,
    Text,
    activation,
    constraint,
    initializer,
    regularizer,
)
from modelspec.language.layer import Layer, Reject, Weight
from modelspec.language.shapes import Clash, Dim, Shape, join, show, show_dim, size
from modelspec.language.word import Word

FORMS = (
    re.compile(r"(\.\.\.)([a-zA-Z]+),([a-zA-Z]+)->\.\.\.([a-zA-Z]+)()"),
    re.compile(r"()([a-zA-Z]+),([a-zA-Z]+)->([a-zA-Z]+)()"),
    re.compile(r"()([a-zA-Z]{2,})\.\.\.,([a-zA-Z]+)->([a-zA-Z]+)(\.\.\.)"),
)


class Equation(NamedTuple):
    """`ab,bc->ac`, with the axes that `...` stands for before or after the letters of a tensor."""

    before: bool
    input: str
    kernel: str
    output: str
    after: bool


class Sizes(NamedTuple):
    """What an equation makes of one input: shapes with the batch left out, sizes by letter."""

    output: Shape
    each: dict[str, Dim]
    hidden: int  # how many axes `...` stands for, a batch among them included


class EinsumDense(Layer):
    """A dense layer that says by an equation which axes meet.

    It gives `activation(einsum(equation, x, kernel) + bias)`. The first tensor of `equation` is
    the input with the batch as its first axis, the second the kernel, the third the output.
    `abc,cd->abd` is `Dense` over sequences; `...x,xy->...y` is `Dense` over any shape.
    """

    equation = Text("Such as `ab,bc->ac`, `...x,xy->...y` or `ab...,bc->ac...`.")
    output_shape = Either(
        "The output's shape without the batch and without what `...` stands for; null is the "
        "input's size of that letter.",
        Int("A size.", min=1),
        Dims("Sizes."),
    )
    activation = activation("Applied to the result; null is linear.")
    bias_axes = Text("The output's letters that have an offset of their own.", default=None)
    kernel_initializer = initializer("How the kernel starts.", "glorot_uniform")
    bias_initializer = initializer("How the bias starts.", "zeros")
    kernel_regularizer = regularizer("Penalty on the kernel.")
    bias_regularizer = regularizer("Penalty on the bias.")
    activity_regularizer = regularizer("Penalty on the output.")
    kernel_constraint = constraint("Projection of the kernel after each update.")
    bias_constraint = constraint("Projection of the bias after each update.")

    @property
    def parsed(self) -> Equation:
        for form in FORMS:
            found = form.fullmatch(self.equation)
            if found is not None:
                before, taken, kernel, output, after = found.groups()
                return Equation(bool(before), taken, kernel, output, bool(after))
        raise Reject(
            "equation",
            f"an equation joins an input and a kernel, and `{self.equation}` does not",
            "write it as `ab,bc->ac`, `...x,xy->...y` or `ab...,bc->ac...`",
        )

    def check(self) -> None:
        equation = self.parsed
        for letters in (equation.input, equation.kernel, equation.output):
            if len(set(letters)) < len(letters):
                raise Reject("equation", f"`{letters}` has a letter twice")
        for letter in equation.output:
            if letter not in equation.input + equation.kernel:
                raise Reject(
                    "equation", f"`{letter}` of the output is neither in the input nor the kernel"
                )
        for letter in equation.kernel:
            if letter not in equation.input + equation.output:
                raise Reject(
                    "equation", f"`{letter}` of the kernel is neither in the input nor the output"
                )
        batch = "" if equation.before else equation.input[0]
        if batch and (batch in equation.kernel or equation.output[0] != batch):
            raise Reject(
                "equation",
                f"`{batch}` is the batch, which is the first axis of input and output alone",
            )
        for letter in self.offsets:
            if letter not in equation.output or letter == batch:
                raise Reject("bias_axes", f"`{letter}` is no axis of the output but the batch")

    @property
    def offsets(self) -> str:
        axes: Any = self.bias_axes  # may be None
        return axes or ""

    def sizes(self, x: Shape) -> Sizes:
        """Every size that follows from an input's; the batch counts as None."""
        equation, full = self.parsed, (None, *x)
        hidden = len(full) - len(equation.input)
        wanted: Any = self.output_shape
        given = (wanted,) if isinstance(wanted, int) else wanted
        if hidden < 0 or (hidden and not (equation.before or equation.after)):
            raise Reject(
                "equation",
                f"`{equation.input}` has {len(equation.input)} axes, and {show(x)} with its batch "
                f"{len(full)}",
            )
        start = hidden if equation.before else 0
        each: dict[str, Dim] = dict(zip(equation.input, full[start:], strict=False))
        # The batch is among the letters, or the first that `...` stands for.
        batch = () if equation.before and hidden else (None,)
        if len(batch) + len(given) != len(equation.output):
            raise Reject(
                "output_shape",
                f"{show(given)} does not fit `{equation.output}`",
                "leave out the batch and what `...` stands for",
            )
        for letter, dim in zip(equation.output, (*batch, *given), strict=True):
            try:
                each[letter] = join(each.get(letter), dim)
            except Clash:
                raise Reject(
                    "output_shape",
                    f"`{letter}` is {show_dim(each[letter])} in the input and {show_dim(dim)} here",
                ) from None
        letters = tuple(each[letter] for letter in equation.output)
        around = full[:start], full[len(equation.input) :] if equation.after else ()
        return Sizes((*around[0], *letters, *around[1])[1:], each, hidden)

    def shape(self, x: Shape) -> Shape:
        return self.sizes(x).output

    def weights(self, x: Shape) -> Iterator[Weight]:
        equation, sizes = self.parsed, self.sizes(x)
        yield Weight(
            "kernel",
            tuple(sizes.each[letter] for letter in equation.kernel),
            self.started(equation),
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if self.offsets:
            first = min(equation.output.index(letter) for letter in self.offsets)
            shape = [sizes.each[one] if one in self.offsets else 1 for one in equation.output]
            yield Weight(
                "bias",
                (*shape[first:], *(1,) * (sizes.hidden if equation.after else 0)),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def started(self, equation: Equation) -> Word:
        """The kernel's initializer, told which of its axes are inputs and which outputs."""
        word: Word = self.kernel_initializer
        if "input_axes" not in word.arguments:
            return word
        given = vars(word)
        if given["input_axes"] is not None and given["output_axes"] is not None:
            return word
        axes: dict[str, list[int]] = {"input_axes": [], "output_axes": []}
        for axis, letter in enumerate(equation.kernel):
            axes["output_axes" if letter in equation.output else "input_axes"].append(axis)
        return type(word).of({**given, **axes})

    def flops(self, output: Shape, x: Shape) -> int | None:
        equation, each, made = self.parsed, self.sizes(x).each, size(output)
        summed = [each[one] for one in equation.kernel if one not in equation.output]
        known = [dim for dim in summed if isinstance(dim, int)]
        if made is None or len(known) < len(summed):
            return None
        return made * (2 * prod(known) + bool(self.offsets))
