"""Dense layers by equation: what is refused, and how kernels start."""

from __future__ import annotations

import keras
import pytest

from modelspec.catalog.words import bind
from modelspec.language.word import Reject
from modelspec.source.diagnostics import Rejected


def layer(equation, output_shape, **arguments):
    return bind("layers", {"type": "EinsumDense", "equation": equation,
                           "output_shape": output_shape, **arguments})  # fmt: skip


@pytest.mark.parametrize(("arguments", "message"), [
    (("ab,bc", 3), "an equation joins an input and a kernel, and `ab,bc` does not"),
    (("ab, bc->ac", 3), "an equation joins an input and a kernel"),
    (("ab,bc->acd", [3, 4]), "`d` of the output is neither in the input nor the kernel"),
    (("ab,bcd->ac", 3), "`d` of the kernel is neither in the input nor the output"),
    (("ab,abc->ac", 3), "`a` is the batch"),
    (("aab,bc->ac", 3), "`aab` has a letter twice"),
])  # fmt: skip
def test_equations_that_are_none_are_refused(arguments, message):
    with pytest.raises(Rejected) as caught:
        layer(*arguments)
    assert message in str(caught.value)


def test_an_offset_is_along_axes_of_the_output():
    with pytest.raises(Rejected, match="`b` is no axis of the output"):
        layer("ab,bc->ac", 3, bias_axes="b")


@pytest.mark.parametrize(("arguments", "shape", "message"), [
    (("abc,cd->abd", [6, 3]), (5, 4), "`b` is 5 in the input and 6 here"),
    (("abc,cd->abd", 3), (5, 4), "(3) does not fit `abd`"),
    (("ab,bc->ac", 3), (5, 4), "`ab` has 2 axes, and (5, 4) with its batch 3"),
])  # fmt: skip
def test_inputs_that_do_not_go_with_the_equation_are_refused(arguments, shape, message):
    with pytest.raises(Reject) as caught:
        layer(*arguments).shape(shape)
    assert caught.value.message == message
    with pytest.raises((ValueError, RuntimeError)):
        keras.layers.EinsumDense(*arguments)(keras.ops.ones((2, *shape)))


@pytest.mark.parametrize(("equation", "output_shape", "shape"), [
    ("abc,cde->abde", [None, 2, 3], (5, 4)),
    ("abcd,cde->abe", [5, 3], (5, 2, 4)),
    ("...x,xy->...y", 3, (5, 4)),
])  # fmt: skip
def test_the_kernel_starts_by_the_axes_that_the_equation_sums_over(equation, output_shape, shape):
    ours = next(layer(equation, output_shape).weights(shape)).initializer
    given = tuple(output_shape) if isinstance(output_shape, list) else output_shape
    theirs = keras.layers.EinsumDense(equation, given)
    cloned = {}
    clone = theirs._update_kernel_initializer
    theirs._update_kernel_initializer = lambda i, o: cloned.update(i=i, o=o) or clone(i, o)
    theirs.build((None, *shape))
    assert (ours.input_axes, ours.output_axes) == (cloned["i"], cloned["o"])


def test_a_multiply_add_counts_as_two_operations():
    of = layer("abcd,cde->abe", [5, 3], bias_axes="e")
    assert of.flops(of.shape((5, 2, 4)), (5, 2, 4)) == 15 * (2 * 8 + 1)
