"""Modules of PyTorch's, and of the user's own, as layers."""

from __future__ import annotations

from typing import Any, ClassVar

from modelspec.language.kinds import Anything, Text
from modelspec.language.layer import Layer
from modelspec.language.shapes import Shape
from modelspec.language.word import Reject

MOST_LAYERS = 1000  # torch makes them one by one, and more would take hours


class Foreign(Layer):
    """A PyTorch module, called on the tensors as they are: no axis is moved.

    What it gives and holds is found by running it on torch's meta device, so the checker asks
    `engine.foreign.describe` where it asks other layers for their shape and weights. Of several
    tensors that a module gives, the layer's output is the first. Masks end here.
    """

    takes = "*..."
    foreign: ClassVar[bool] = True
    per_batch = True

    def flops(self, output: Shape, inputs: list[Shape]) -> int | None:
        return None


class TorchModule(Foreign):
    """A class under `torch.nn`, written `{type: torch.nn.Hardswish}` with its arguments beside.

    Images stand channels last in a spec, and most of torch.nn's modules want them first: put a
    `Permute` on both sides, or use the catalogue's own layer.
    """

    source = "https://docs.pytorch.org/docs/stable/nn.html"
    class_ = Text("The class, such as `torch.nn.Hardswish`.")
    args = Anything("What it is called with: a mapping by name, or a list.", default={})

    def check(self) -> None:
        for key, value in self.args.items() if isinstance(self.args, dict) else ():
            many = isinstance(value, int) and value > MOST_LAYERS
            if many and key.startswith("num_") and key.endswith("layers"):
                raise Reject(key, f"a module holds at most {MOST_LAYERS:,} layers")

    def title(self) -> str:
        return self.class_


class PythonModule(Foreign):
    """A module of the user's own, `{type: python, class: "package.module:Class", args: {...}}`.

    It runs the user's code, so it works under `--trust-code` alone. The module keeps the batch on
    the first axis, has all its tensors as parameters or buffers, and runs on torch's meta device.
    """

    # `class` is a word of Python's own, so it cannot be assigned to by that name.
    vars()["class"] = Text("Where the class is: `package.module:Class`.")
    args = Anything("What it is called with: a mapping by name, or a list.", default={})

    def title(self) -> str:
        name: Any = vars(self)["class"]
        return str(name)
