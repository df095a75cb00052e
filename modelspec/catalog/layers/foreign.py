"""Modules of PyTorch's, and of the user's own, as layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, ClassVar

from modelspec.language import dtypes
from modelspec.language.kinds import Anything, Text
from modelspec.language.layer import Layer, Weight
from modelspec.language.shapes import Shape


class Foreign(Layer):
    """A PyTorch module, called on the tensors as they are: no axis is moved.

    What it gives is found by running it on torch's meta device; of several tensors it gives, the
    layer's output is the first. Masks end here.
    """

    takes = "*..."
    #: Its weights start as the module itself starts them: `engine.foreign.initial`.
    foreign: ClassVar[bool] = True
    per_batch = True

    class_ = Text("The class: `torch.nn.Hardswish`, or `package.module:Class`.")
    args = Anything("What the class is called with: a mapping by name, or a list.", default={})

    def shape(self, inputs: list[Shape]) -> Shape:
        shape: Shape = engine().describe(self, inputs).shape
        return shape

    def weights(self, inputs: list[Shape]) -> Iterator[Weight]:
        for held in engine().describe(self, inputs).weights:
            yield Weight(
                held.name, held.shape, "module", trainable=held.trainable, dtype=held.dtype
            )

    def dtypes(self, compute: str, inputs: Sequence[str]) -> list[str]:
        given: str = engine().dtype_given(self)
        return [compute if dtypes.is_float(given) else given]

    def flops(self, output: Shape, inputs: list[Shape]) -> int | None:
        return None


def engine() -> Any:
    """The engine's half, which asks torch itself.

    The one place where a lower floor reaches up: only a spec with such a layer gets here, and it
    alone pays for importing torch.
    """
    return import_module("modelspec.engine.foreign")


class TorchModule(Foreign):
    """A class under `torch.nn`, written `{type: torch.nn.Hardswish}` with its arguments beside.

    Images stand channels last in a spec, and most of torch.nn's modules want them first: put a
    `Permute` on both sides, or use the catalogue's own layer.
    """

    source = "https://docs.pytorch.org/docs/stable/nn.html"


class PythonModule(Foreign):
    """A module of the user's own, `{type: python, class: "package.module:Class", args: {...}}`.

    It runs the user's code, so it works under `--trust-code` alone. The module keeps the batch on
    the first axis, has all its tensors as parameters or buffers, and runs on torch's meta device.
    """
