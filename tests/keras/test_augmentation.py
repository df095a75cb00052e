"""What random image layers do with what they drew is what Keras does with the same draws."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import torch
from keras.src.backend.torch import image as keras_image
from keras.src.backend.torch import nn as keras_nn
from keras.src.backend.torch import numpy as keras_numpy
from torch import Tensor

from modelspec.catalog.layers.augmentation.composite import COLOURS, SHAPES_AND_TONES
from modelspec.engine.layers.augmentation import colour, composite, geometric, mixing, tone
from modelspec.engine.layers.augmentation.geometric import corners, crop, draw_crop
from modelspec.engine.layers.augmentation.images import Means
from modelspec.engine.random import Random
from tests.keras.driver import BATCH, call_ours, declared, examples, keras_layer

VALUES, GRADIENTS = 1e-5, 1e-4

MEANS = {
    cls.__name__: means
    for module in (geometric, colour, tone, mixing, composite)
    for cls, means in module.MEANS.items()
} | {"RandomCrop": Means(draw_crop, crop)}

#: Layers that Keras stretches over the wrong axes, with channels first.
WRONG_AXES = {"AutoContrast"}
#: Layers that run others one behind the other.
POLICIES = {"RandAugment", "AugMix"}


def wide(drawn: Tensor) -> Tensor:
    return drawn[:, None, None, None]


def rotation(theirs: Any, ours: Any, x: Tensor, drawn: Any) -> Any:
    height, width = geometric.extent(ours, x.shape)
    none, one = torch.zeros(len(x)), torch.ones(len(x))
    matrix = theirs._compute_affine_matrix(
        0.5, 0.5, drawn, none, none, one, none, none, height=height, width=width
    )
    return {"rotation_matrix": matrix}


def perspective(theirs: Any, ours: Any, x: Tensor, drawn: Any) -> Any:
    starts = corners(ours, x.shape, drawn[1]).expand_as(drawn[1])
    return {"apply_perspective": drawn[0], "start_points": starts, "end_points": drawn[1]}


def erasure(theirs: Any, ours: Any, x: Tensor, drawn: Any) -> Any:
    inside = drawn.box.inside(ours, x).expand_as(x)
    fill = drawn.fill.expand_as(x)
    return {"apply_erasing": drawn.changes, "batch_masks": inside, "fill_value": fill}


def elastic(theirs: Any, ours: Any, x: Tensor, drawn: Any) -> Any:
    noise = iter([drawn.across, drawn.down])
    keras_image.torch = SimpleNamespace(**{**vars(torch), "normal": lambda *_, **__: next(noise)})
    strength = torch.tensor(drawn.strength)
    return {"apply_transform": drawn.changes, "distortion_factor": strength, "seed": 1}


def jitter(theirs: Any, ours: Any, x: Tensor, drawn: Any) -> None:
    parts = (theirs.random_brightness, theirs.random_contrast, theirs.random_saturation,
             theirs.random_hue)  # fmt: skip
    used = [part for part in parts if part is not None]
    for part, own, one in zip(used, ours.parts, drawn, strict=True):
        given = TRANSFORMATIONS[type(own).__name__](part, own, x, one)
        part.get_random_transformation = lambda *_, given=given, **__: given


def operation(theirs: Any, ours: Any, x: Tensor, one: Any) -> Any:
    """Keras's name of one of a policy's operations, and what Keras would have drawn for it."""
    name = keras.src.utils.naming.to_snake_case(one.name)
    given = TRANSFORMATIONS[one.name](getattr(theirs, name), ours.parts[one.name], x, one.drawn)
    return name, given


def on_copies(theirs: Any, name: str) -> None:
    """Keras's layers on torch write into what they are given: here into a copy of it."""
    layer = getattr(theirs, name)
    apply = layer.transform_images
    layer.transform_images = lambda x, given: apply(x.clone(), copied(given))


def copied(given: Any) -> Any:
    return {k: v.clone() if isinstance(v, Tensor) else v for k, v in given.items()}


def policy(theirs: Any, ours: Any, x: Tensor, drawn: Any) -> Any:
    for name in ("random_brightness", "random_rotation"):
        on_copies(theirs, name)
    names = theirs._AUGMENT_LAYERS
    given = {name: getattr(theirs, name).get_random_transformation(x) for name in names}
    named = [operation(theirs, ours, x, one) for one in drawn]
    order = torch.tensor([names.index(name) for name, _ in named], dtype=torch.int32)
    return {"transforms": given | dict(named), "layer_idxes": order}


def chains(theirs: Any, ours: Any, x: Tensor, drawn: Any) -> Any:
    made = [
        [dict(zip(("layer_name", "transformation"), operation(theirs, ours, x, one), strict=True))
         for one in chain]
        for chain in drawn.chains
    ]  # fmt: skip
    return {"chain_mixing_weights": drawn.weights, "weight_sample": drawn.image,
            "chain_transforms": made}  # fmt: skip


#: What Keras would have drawn, from what we drew: (its layer, ours, the images, our draws).
TRANSFORMATIONS: dict[str, Any] = {
    "RandomFlip": lambda k, p, x, d: {"flips": wide(d)},
    "RandomRotation": rotation,
    "RandomZoom": lambda k, p, x, d: {"height_zoom": d[0][:, None], "width_zoom": d[1][:, None]},
    "RandomTranslation": lambda k, p, x, d: {"translations": torch.stack([d[1], d[0]], 1)},
    "RandomShear": lambda k, p, x, d: {"shear_factor": torch.stack(d, 1)},
    "RandomPerspective": perspective,
    "RandomElasticTransform": elastic,
    "RandomCrop": lambda k, p, x, d: d,
    "RandomBrightness": lambda k, p, x, d: {"rgb_delta": wide(d)},
    "RandomContrast": lambda k, p, x, d: {"contrast_factor": wide(d)},
    "RandomHue": lambda k, p, x, d: {"factor": d},
    "RandomSaturation": lambda k, p, x, d: {"factor": d},
    "RandomColorDegeneration": lambda k, p, x, d: {"factor": wide(d)},
    "RandomGrayscale": lambda k, p, x, d: wide(d),
    "RandomInvert": lambda k, p, x, d: {"apply_inversion": d},
    "RandomColorJitter": jitter,
    "RandomPosterization": lambda k, p, x, d: {"shift_factor": (8 - d).to(torch.uint8)},
    "Solarization": lambda k, p, x, d: {"additions": wide(d[0]), "thresholds": wide(d[1])},
    "Equalization": lambda k, p, x, d: None,
    "AutoContrast": lambda k, p, x, d: None,
    "RandomSharpness": lambda k, p, x, d: {"factor": d},
    "RandomGaussianBlur": lambda k, p, x, d: {"should_apply_blur": d[0],
                                              "blur_factor": d[1].flip(0)},
    "RandomErasing": erasure,
    "MixUp": lambda k, p, x, d: {"mix_weight": d[0], "permutation_order": d[1]},
    "CutMix": lambda k, p, x, d: {"batch_masks": d[0].inside(p, x).expand_as(x),
                                  "permutation_order": d[1]},
    "RandAugment": policy,
    "AugMix": chains,
}  # fmt: skip

FAR = {"height_factor": [0.5, 1.0], "width_factor": [-1.0, -0.6]}
#: Further configurations: a name, arguments, and the images' shape.
MORE: list[tuple[str, dict[str, Any], list[int]]] = [
    *(
        (name, {**given, "fill_mode": mode, "interpolation": between, "fill_value": 40}, shape)
        for name, given, shape in [
            ("RandomRotation", {"factor": 1.0}, [9, 7, 2]),
            ("RandomTranslation", FAR, [7, 8, 1]),
            ("RandomZoom", {"height_factor": 0.9, "width_factor": [0.2, 0.9]}, [9, 7, 2]),
            ("RandomShear", {"x_factor": 1.0, "y_factor": 0.4}, [8, 7, 1]),
            ("RandomElasticTransform", {"scale": [0.9, 1.0]}, [16, 12, 2]),
        ]
        for mode in ("reflect", "wrap", "constant", "nearest")
        for between in ("bilinear", "nearest")
    ),
    ("RandomElasticTransform", {"fill_mode": "mirror", "scale": [1, 1]}, [14, 14, 2]),
    ("RandomPerspective", {"scale": 1.0, "fill_value": 9}, [20, 12, 3]),
    ("RandomCrop", {"height": 3, "width": 9}, [20, 12, 3]),
    ("RandomFlip", {"mode": "horizontal"}, [5, 6, 3]),
    ("RandomSaturation", {"factor": [0.0, 0.2], "value_range": [0, 1]}, [6, 6, 3]),
    ("RandomColorDegeneration", {"factor": 0.9}, [6, 6, 3]),
    ("Equalization", {"bins": 300}, [6, 6, 2]),
    ("Equalization", {"bins": 5, "value_range": [-1, 1]}, [12, 6, 2]),
    ("RandomGaussianBlur", {"kernel_size": 7, "sigma": [0.6, 1.0]}, [9, 12, 2]),
    ("RandomPosterization", {"factor": 8, "value_range": [0, 1]}, [6, 6, 3]),
    ("RandAugment", {"num_ops": 9, "factor": 0.9}, [9, 9, 3]),
    ("AugMix", {"chain_depth": 9, "all_ops": False}, [9, 9, 3]),
    *(("RandAugment", {"num_ops": 1, "factor": 0.1 * n, "value_range": [0, n]}, [9, 8, 3])
      for n in range(1, 8)),
]  # fmt: skip
CASES = [
    (e.plain, e.inputs["x"] if isinstance(e.inputs["x"], list) else e.inputs["x"]["shape"])
    for e in examples()
    if e.name in MEANS
] + [({"type": name, **given}, shape) for name, given, shape in MORE]


def images(ours: Any, shape: list[int], seed: int) -> Tensor:
    """Images in the layer's range of values."""
    low, high = getattr(ours, "value_range", (0, 255))
    generator = torch.Generator().manual_seed(seed)
    return torch.rand((BATCH, *shape), generator=generator) * (high - low) + low


def drawn_for(ours: Any, x: Tensor, seed: int) -> Any:
    """Draws that Keras is right with, and of a policy those that do not stand on a step."""
    while True:
        drawn = MEANS[type(ours).__name__].draw(ours, tuple(x.shape), Random(seed))
        text = str(drawn)
        is_right = ours.data_format == "channels_last" or not any(n in text for n in WRONG_AXES)
        if is_right and not (type(ours).__name__ in POLICIES and is_on_a_step(ours, x, drawn)):
            return drawn
        seed += 1000


def is_on_a_step(ours: Any, x: Tensor, drawn: Any) -> bool:
    """Whether the last bits of draws decide what becomes of a pixel: behind a shear an equalization
    counts it into one grey or the next, and each processor rounds in its own way.
    """
    apply = MEANS[type(ours).__name__].apply
    made = apply(ours, x, drawn)
    most = VALUES * float(made.abs().max().clamp(min=1))
    draws = torch.Generator().manual_seed(0)
    return any(
        float((apply(ours, x, nudged(drawn, draws)) - made).abs().max()) > most for _ in range(4)
    )


def nudged(drawn: Any, draws: torch.Generator) -> Any:
    """The same draws, each off by some of its last bits."""
    if isinstance(drawn, Tensor) and drawn.is_floating_point():
        return drawn * (1 + 1e-6 * (torch.rand(drawn.shape, generator=draws) - 0.5))
    if isinstance(drawn, tuple | list):
        parts = [nudged(part, draws) for part in drawn]
        return type(drawn)(*parts) if hasattr(drawn, "_fields") else type(drawn)(parts)
    return drawn


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]['type']}-{CASES.index(c)}")
def test_the_same_draws_give_keras_s_images_and_gradients(case, monkeypatch):
    monkeypatch.setattr(keras_image, "torch", torch)
    plain, shape = case
    if (plain["type"], plain.get("data_format")) == ("AutoContrast", "channels_first"):
        pytest.skip("Keras stretches over the wrong axes")
    ours, theirs = declared(plain), keras_layer(plain)
    for seed in range(2):
        x = images(ours, shape, seed)
        theirs.build(x.shape)
        drawn = drawn_for(ours, x, seed)
        mine, other = x.clone().requires_grad_(), x.clone().requires_grad_()
        given = TRANSFORMATIONS[plain["type"]](theirs, ours, x, drawn)
        wanted = theirs.transform_images(other.clone(), given, training=True)
        made = MEANS[plain["type"]].apply(ours, mine, drawn)
        assert_close(made, wanted, VALUES)
        assert_close(gradient(made, mine), gradient(wanted, other), GRADIENTS)


def gradient(y: Tensor, x: Tensor) -> Tensor:
    if not y.requires_grad:
        return torch.zeros_like(x)
    pull = torch.randn(y.shape, generator=torch.Generator().manual_seed(3))
    (found,) = torch.autograd.grad((y * pull).sum(), x, allow_unused=True)
    return torch.zeros_like(x) if found is None else found


def assert_close(ours: Tensor, theirs: Tensor, tolerance: float) -> None:
    assert ours.shape == theirs.shape
    scale = float(theirs.detach().abs().max().clamp(min=1))
    apart = float((ours.detach() - theirs.detach()).abs().max())
    assert apart <= tolerance * scale, f"{apart:.3g} apart, the largest is {scale:.3g}"


@pytest.mark.parametrize(
    ("given", "shape"),
    [
        ({}, [20, 17, 2]),
        ({"clip_limit": 2.5, "tile_grid_size": [3, 2]}, [10, 14, 3]),
        ({"value_range": [-1, 2], "tile_grid_size": 4}, [9, 30, 1]),
        (
            {"clip_limit": 0.7, "tile_grid_size": [2, 5], "data_format": "channels_first"},
            [2, 11, 6],
        ),
        ({"tile_grid_size": [7, 7]}, [2, 3, 1]),
    ],
)
def test_equalization_by_tiles_is_keras_s(given, shape, monkeypatch):
    # On torch, Keras's `one_hot` gives integers, and so a limit that is one: a half is none. And
    # its `pad` repeats the edge where it says that it mirrors. Elsewhere both do as they say.
    one_hot = keras_nn.one_hot
    monkeypatch.setattr(keras_nn, "one_hot", lambda x, n: one_hot(x, n, dtype="float32"))
    monkeypatch.setattr(keras_numpy, "pad", lambda x, by, mode: torch.tensor(np.pad(x, by, mode)))
    plain = {"type": "ContrastLimitedAdaptiveHistogramEqualization", **given}
    ours = declared(plain)
    x = images(ours, shape, 1)
    if isinstance(given.get("tile_grid_size"), int):
        plain["tile_grid_size"] = [given["tile_grid_size"]] * 2
    (made,) = call_ours(ours, {}, {"x": x}).outputs
    assert_close(made, keras_layer(plain)(x), VALUES)


def test_contrast_is_stretched_in_each_channel_wherever_the_channels_stand():
    x = torch.rand(2, 5, 6, 3) * 200
    x[0, :, :, 1] = 7.0  # flat: it stays
    (last,) = call_ours(declared({"type": "AutoContrast"}), {}, {"x": x}).outputs
    plain = {"type": "AutoContrast", "data_format": "channels_first"}
    (first,) = call_ours(declared(plain), {}, {"x": x.movedim(-1, 1)}).outputs
    assert torch.equal(first.movedim(1, -1), last)
    assert_close(last, keras.layers.AutoContrast()(x), VALUES)


def test_the_operations_are_keras_s():
    assert {
        keras.src.utils.naming.to_snake_case(name) for name in (*SHAPES_AND_TONES, *COLOURS)
    } == set(keras.layers.RandAugment()._AUGMENT_LAYERS)
    few = keras.layers.AugMix(all_ops=False)._augment_layers
    assert {keras.src.utils.naming.to_snake_case(name) for name in SHAPES_AND_TONES} == set(few)


#: Where a value a little smaller can become one much smaller.
STEPPED = {
    "RandomPosterization", "Solarization", "Equalization", "RandAugment", "AugMix", "RandomHue",
    "RandomColorJitter",
}  # fmt: skip
SMOOTH = [
    (plain, shape)
    for plain, shape in CASES
    if plain["type"] not in STEPPED and plain.get("interpolation") != "nearest"
]


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_the_dtype_stays_and_so_do_the_values_within_its_precision(dtype):
    for plain, shape in SMOOTH:
        ours = declared(plain)
        x = images(ours, shape, 5).bfloat16().float()
        drawn = MEANS[plain["type"]].draw(ours, tuple(x.shape), Random(5))
        made = MEANS[plain["type"]].apply(ours, x.to(dtype), drawn)
        assert made.dtype == dtype
        wanted = MEANS[plain["type"]].apply(ours, x, drawn)
        assert_close(made.float(), wanted, 1e-4 if dtype == torch.float64 else 0.06)
