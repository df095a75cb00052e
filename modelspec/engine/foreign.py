"""What a module that is not of the catalogue gives and holds, asked of torch's meta device."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple, get_overloads
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn.modules.lazy import LazyModuleMixin

from modelspec.catalog.layers.foreign import Foreign, PythonModule, TorchModule
from modelspec.language.dtypes import is_float
from modelspec.language.shapes import Shape, show
from modelspec.language.word import Reject
from modelspec.source.suggest import did_you_mean

LONGEST = 160  # of torch's own messages, in characters


class Held(NamedTuple):
    """A parameter or a buffer of a module. `dtype` is None where it is the layer's own."""

    name: str
    shape: tuple[int, ...]
    trainable: bool
    dtype: str | None


class Description(NamedTuple):
    """What a module gives, a shape (batch left out) and a dtype each, and what it holds."""

    shapes: list[Shape]
    dtypes: list[str]
    weights: list[Held]


_modules: WeakKeyDictionary[Foreign, nn.Module] = WeakKeyDictionary()


def describe(
    layer: Foreign, inputs: Sequence[list[Shape]], dtypes: Sequence[list[str]]
) -> Description:
    """What the module makes of tensors of these shapes and dtypes, given by port (it has one).

    A float dtype among the results is the layer's compute dtype. Raises `Reject`.
    """
    module = on_meta(layer)
    probe = Probe(layer, module, inputs[0], dtypes[0])
    return Description([probe.shape()], [probe.dtype], list(held(module)))


class Probe:
    """Runs of a module on the meta device, with sizes that tell where each axis comes from."""

    def __init__(
        self, layer: Foreign, module: nn.Module, shapes: Sequence[Shape], dtypes: Sequence[str]
    ) -> None:
        self.layer, self.module, self.shapes = layer, module, shapes
        self.kinds = [torch.float32 if is_float(d) else getattr(torch, d) for d in dtypes]
        self.dtype = ""
        # A null is a size of its own, so its place is its name.
        self.labelled = [
            [f"?{i}.{axis}" if dim is None else dim for axis, dim in enumerate(shape)]
            for i, shape in enumerate(shapes)
        ]
        names = dict.fromkeys(d for s in self.labelled for d in s if isinstance(d, str))
        self.sizes = {name: (64 + 64 * i, 96 + 64 * i) for i, name in enumerate(names)}

    def shape(self) -> Shape:
        """The output's shape without the batch, with the inputs' own words for its sizes."""
        two, three, other = self.run(2, 0), self.run(3, 0), self.run(2, 1)
        if not two or (two[0], three[0]) != (2, 3) or two[1:] != three[1:]:
            raise Reject(
                "",
                "the batch stays on the first axis, and here a batch of 2 gives "
                f"{show(two)}, one of 3 {show(three)}",
            )
        named = {pair: name for name, pair in self.sizes.items() if not name.startswith("?")}
        pairs = zip(two[1:], other[1:], strict=True)
        return tuple(a if a == b else named.get((a, b)) for a, b in pairs)

    def run(self, batch: int, which: int) -> tuple[int, ...]:
        inputs = []
        for shape, dtype in zip(self.labelled, self.kinds, strict=True):
            sizes = [d if isinstance(d, int) else self.sizes[d][which] for d in shape]
            inputs.append(torch.empty((batch, *sizes), dtype=dtype, device="meta"))
        try:
            with quiet(), torch.no_grad():
                given = first_tensor(self.module.eval()(*inputs))
        except Exception as failed:  # whatever a module raises is a fault of the spec
            shapes = ", ".join(show(shape) for shape in self.shapes)
            raise Reject("", f"it cannot be called on {shapes}: {short(failed)}") from None
        self.dtype = str(given.dtype).removeprefix("torch.")
        return tuple(given.shape)


def first_tensor(given: Any) -> Tensor:
    """The tensor that stands for what a module gives."""
    while not isinstance(given, Tensor):
        if isinstance(given, Mapping) and given:
            given = next(iter(given.values()))
        elif isinstance(given, list | tuple) and given:
            given = given[0]
        else:
            raise TypeError(f"it gives a {type(given).__name__}, not a tensor")
    return given


def held(module: nn.Module) -> Iterator[Held]:
    """Its parameters, then its buffers."""
    for name, parameter in module.named_parameters():
        yield Held(name, tuple(parameter.shape), parameter.requires_grad, None)
    for name, tensor in module.named_buffers():
        dtype = str(tensor.dtype).removeprefix("torch.")
        yield Held(name, tuple(tensor.shape), False, None if is_float(dtype) else dtype)


def on_meta(layer: Foreign) -> nn.Module:
    """The layer's module without memory; its weights come with each call."""
    if layer not in _modules:
        with torch.device("meta"):
            module = construct(layer)
        refuse_strays(layer, module)
        _modules[layer] = module
    return _modules[layer]


def refuse_strays(layer: Foreign, module: nn.Module) -> None:
    """Tensors that are plain attributes would be left behind, on no device."""
    for inner in module.modules():
        for name, value in vars(inner).items():
            if isinstance(value, Tensor):
                raise Reject(
                    "class",
                    f"`{name}` of `{type(inner).__name__}` in `{layer.title()}` is neither a "
                    "parameter nor a buffer, so it cannot be saved or moved",
                    f'`self.register_buffer("{name}", ...)` makes it one',
                )


def initial(layer: Foreign, seed: int) -> dict[str, Tensor]:
    """Its parameters and buffers as the module itself starts them, under a seed."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        module = construct(layer)
    state = [*module.named_parameters(), *module.named_buffers()]
    return {name: tensor.detach().clone() for name, tensor in state}


def construct(layer: Foreign) -> nn.Module:
    """The module, made with the layer's arguments; raises `Reject`."""
    name = layer.title()
    cls = torch_class(name) if isinstance(layer, TorchModule) else python_class(name)
    if issubclass(cls, LazyModuleMixin):
        near = name.replace("Lazy", "")
        raise Reject("type", "it finds its sizes as it runs", f"use `{near}`")
    assert isinstance(layer, TorchModule | PythonModule)
    blamed = "type" if isinstance(layer, TorchModule) else "args"
    positional, named = given_arguments(cls, layer.args, blamed)
    try:
        with quiet():
            return cls(*positional, **named)
    except Exception as failed:
        raise Reject(blamed, f"it refuses its arguments: {short(failed)}") from None


def torch_class(name: str) -> type[nn.Module]:
    """The class of that full name under torch.nn."""
    place: Any = nn
    path = name.removeprefix("torch.nn.").split(".")
    for part in path:
        inside = isinstance(place, ModuleType) and place.__name__.startswith("torch.nn")
        found = vars(place).get(part) if inside and not part.startswith("_") else None
        if found is None:
            break
        place = found
    if isinstance(place, type) and issubclass(place, nn.Module) and name.startswith("torch.nn."):
        return place
    classes = [n for n, c in vars(nn).items() if isinstance(c, type) and issubclass(c, nn.Module)]
    near = did_you_mean(path[-1], classes)
    raise Reject("type", f"torch.nn has no module `{'.'.join(path)}`", "".join(near))


def python_class(name: str) -> type[nn.Module]:
    """The user's class. Importing it runs the user's code: the resolver has asked for trust."""
    package, colon, attribute = name.partition(":")
    if not (colon and package and attribute):
        raise Reject("class", f"a class is written `package.module:Class`, not `{name}`")
    try:
        module = import_module(package)
    except Exception as failed:
        raise Reject(
            "class",
            f"`{package}` cannot be imported: {short(failed)}",
            "is its folder on PYTHONPATH?",
        ) from None
    found = vars(module).get(attribute)
    if isinstance(found, type) and issubclass(found, nn.Module):
        return found
    classes = [n for n, c in vars(module).items() if isinstance(c, type)]
    raise Reject(
        "class",
        f"`{attribute}` of `{package}` is no torch.nn.Module"
        if found is not None
        else f"`{package}` has no class `{attribute}`",
        "" if found is not None else "".join(did_you_mean(attribute, classes)),
    )


def given_arguments(
    cls: type[nn.Module], args: Any, blamed: str
) -> tuple[list[Any], dict[str, Any]]:
    """Positional and named arguments, held against the class's signature.

    `blamed` is the argument of the layer that is at fault where one is missing.
    """
    if not isinstance(args, list | dict):
        raise Reject("args", "`args` is a mapping by name, or a list")
    positional, named = (args, {}) if isinstance(args, list) else ([], args)
    parameters = signature(cls).parameters.values()
    fixed = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    known = [p.name for p in fixed if p.name not in ("device", "dtype")]
    for key in named:
        if key in ("device", "dtype") and cls.__module__.startswith("torch."):
            raise Reject(key, f"`{key}` is not set layer by layer: the run decides it")
        if key not in known and not any(p.kind is p.VAR_KEYWORD for p in parameters):
            listed = f"it takes {', '.join(f'`{k}`' for k in known)}" if known else ""
            near = "".join(did_you_mean(key, known))
            raise Reject(key, f"it has no argument `{key}`", near or listed)
    needed = [p.name for p in fixed[len(positional) :] if p.default is p.empty]
    missing = [f"`{key}`" for key in needed if key not in named]
    if missing:
        raise Reject(blamed, f"it needs {', '.join(missing)}")
    return positional, named


def signature(cls: type[nn.Module]) -> inspect.Signature:
    """How a class is called; where that is `*args, **kwargs`, its first overload says more."""
    for overload in get_overloads(cls.__init__):
        found = inspect.signature(overload)
        return found.replace(parameters=list(found.parameters.values())[1:])
    return inspect.signature(cls)


@contextmanager
def quiet() -> Iterator[None]:
    """Without torch's warnings: what is wrong is said once, by us."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def short(failed: Exception) -> str:
    """A module's own message, its first line."""
    text = str(failed).strip().partition("\n")[0] or type(failed).__name__
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
