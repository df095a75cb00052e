"""What random image layers draw is distributed as what Keras draws."""

from __future__ import annotations

from typing import Any

import keras
import pytest
import torch
from torch import Tensor

from modelspec.catalog.words import bind
from modelspec.compiler import compile
from modelspec.engine.layers.augmentation.geometric import draw_elastic
from modelspec.engine.layers.augmentation.mixing import beta, dirichlet
from modelspec.engine.module import Module
from modelspec.engine.random import Random
from modelspec.source.diagnostics import Rejected
from modelspec.source.text import Source
from tests.keras.driver import BATCH, Recording, call_ours, declared, examples, keras_layer
from tests.keras.test_augmentation import MEANS

MANY = 20_000
SIZE = (10, 8, 3)

#: name -> arguments; our draws and Keras's as lists of numbers, one for each sample.
DRAWS: list[tuple[str, dict[str, Any], Any, Any]] = [
    ("RandomFlip", {}, lambda d: [d], lambda k: [k["flips"]]),
    ("RandomRotation", {"factor": 0.2}, lambda d: [d], lambda k: [k["angle"]]),
    ("RandomRotation", {"factor": [-0.1, 0.4]}, lambda d: [d], lambda k: [k["angle"]]),
    ("RandomZoom", {"height_factor": 0.3}, list, lambda k: [k["height_zoom"], k["width_zoom"]]),
    ("RandomZoom", {"height_factor": [0.1, 0.3], "width_factor": 0.5}, list,
     lambda k: [k["height_zoom"], k["width_zoom"]]),
    ("RandomTranslation", {"height_factor": 0.3, "width_factor": [-0.1, 0.5]}, list,
     lambda k: [k["translations"][:, 1], k["translations"][:, 0]]),
    ("RandomShear", {"x_factor": 0.3, "y_factor": [0.1, 0.5]}, list,
     lambda k: k["shear_factor"].unbind(1)),
    ("RandomPerspective", {"factor": [0.1, 0.7], "scale": 0.5},
     lambda d: [d[0], *d[1].flatten(1).unbind(1)],
     lambda k: [k["apply_perspective"], *k["end_points"].flatten(1).unbind(1)]),
    ("RandomElasticTransform", {"factor": 0.8}, lambda d: [d.changes],
     lambda k: [k["apply_transform"]]),
    ("RandomBrightness", {"factor": 0.3}, lambda d: [d], lambda k: [k["rgb_delta"]]),
    ("RandomBrightness", {"factor": [-0.1, 0.8], "value_range": [0, 1]}, lambda d: [d],
     lambda k: [k["rgb_delta"]]),
    ("RandomContrast", {"factor": 0.3}, lambda d: [d], lambda k: [k["contrast_factor"]]),
    ("RandomContrast", {"factor": [0.5, 1.5]}, lambda d: [d], lambda k: [k["contrast_factor"]]),
    ("RandomHue", {"factor": 0.4}, lambda d: [d], lambda k: [k["factor"]]),
    ("RandomHue", {"factor": [0.1, 0.2]}, lambda d: [d], lambda k: [k["factor"]]),
    ("RandomSaturation", {"factor": 0.6}, lambda d: [d], lambda k: [k["factor"]]),
    ("RandomSaturation", {"factor": [0.2, 0.9]}, lambda d: [d], lambda k: [k["factor"]]),
    ("RandomColorDegeneration", {"factor": 0.6}, lambda d: [d], lambda k: [k["factor"]]),
    ("RandomGrayscale", {"factor": 0.3}, lambda d: [d], lambda k: [k]),
    ("RandomInvert", {"factor": 0.6}, lambda d: [d], lambda k: [k["apply_inversion"]]),
    ("RandomInvert", {"factor": [0.5, 0.9]}, lambda d: [d], lambda k: [k["apply_inversion"]]),
    *(("RandomPosterization", {"factor": bits}, lambda d: [8 - d],
       lambda k: [k["shift_factor"].int()]) for bits in (1, 5, [3, 3], [2, 7])),
    ("Solarization", {"addition_factor": 0.3, "threshold_factor": [0.2, 0.7]}, list,
     lambda k: [k["additions"], k["thresholds"]]),
    ("RandomSharpness", {"factor": [0.2, 0.7]}, lambda d: [d], lambda k: [k["factor"]]),
    ("RandomGaussianBlur", {"factor": 0.6}, lambda d: [d[0]], lambda k: [k["should_apply_blur"]]),
    ("MixUp", {"alpha": 0.3}, lambda d: [d[0]], lambda k: [k["mix_weight"]]),
]  # fmt: skip


def keras_draws(name: str, given: dict[str, Any], shape: tuple[int, ...], seed: int) -> Any:
    layer = keras_layer({"type": name, **given, "seed": seed})
    return layer.get_random_transformation(torch.zeros(shape), training=True)


def apart(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference of two distribution functions (Kolmogorov and Smirnov)."""
    ours, theirs = (one.double().flatten().sort().values for one in (ours, theirs))
    both = torch.cat([ours, theirs]).unique()
    shares = [torch.searchsorted(one, both, right=True) / len(one) for one in (ours, theirs)]
    return float((shares[0] - shares[1]).abs().max())


def assert_alike(ours: Tensor, theirs: Tensor) -> None:
    # The chance of more is one in a million.
    limit = 2.7 * (1 / ours.numel() + 1 / theirs.numel()) ** 0.5
    assert apart(ours, theirs) <= limit
    low, high = float(theirs.min()), float(theirs.max())
    slack = 0.01 * (high - low) + 1e-6
    assert float(ours.min()) >= low - slack
    assert float(ours.max()) <= high + slack


@pytest.mark.parametrize("case", DRAWS, ids=lambda c: f"{c[0]}-{c[1]}")
def test_draws_are_distributed_as_keras_s(case):
    name, given, ours, theirs = case
    shape = (MANY, *SIZE)
    drawn = MEANS[name].draw(bind("layers", {"type": name, **given}), shape, Random(3))
    wanted = theirs(keras_draws(name, given, shape, 4))
    mine = list(ours(drawn))
    assert len(mine) == len(wanted)
    for one, other in zip(mine, wanted, strict=True):
        assert one.numel() == MANY == other.numel()
        assert_alike(one.float(), other.float())


def test_one_chance_in_two_mirrors_and_draws_are_independent():
    drawn = MEANS["RandomFlip"].draw(None, (100_000, 4, 4, 1), Random(1)).float()
    assert abs(float(drawn.mean()) - 0.5) < 5 * 0.5 / 100_000**0.5
    assert abs(float((drawn[1:] * drawn[:-1]).mean()) - 0.25) < 0.01


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("RandomErasing", {}),
        ("RandomErasing", {"factor": 0.5, "scale": [0.1, 0.3], "data_format": "channels_first"}),
        ("CutMix", {"factor": [1.0, 1.0]}),
        ("CutMix", {"factor": [0.3, 0.3], "data_format": "channels_first"}),
    ],
)
def test_rectangles_are_distributed_as_keras_s(name, given):
    first = "data_format" in given
    shape = (MANY // 4, 1, 12, 9) if first else (MANY // 4, 12, 9, 1)
    layer = bind("layers", {"type": name, **given})
    drawn = MEANS[name].draw(layer, shape, Random(3))
    box = drawn.box if name == "RandomErasing" else drawn[0]
    ours = box.inside(layer, torch.zeros(shape)).float().squeeze(1 if first else -1)
    theirs = keras_draws(name, given, shape, 4)["batch_masks"].float().squeeze(1 if first else -1)
    for axes in ((1, 2), (1,), (2,)):
        mine, wanted = ours.sum(axes), theirs.sum(axes)
        for one, other in zip(mine.reshape(len(ours), -1).T, wanted.reshape(len(ours), -1).T,
                              strict=True):  # fmt: skip
            assert_alike(one, other)


def test_rectangles_are_filled_with_noise_or_the_value():
    layer = bind("layers", {"type": "RandomErasing", "scale": [1, 1], "value_range": [0, 2]})
    shape = (50, 20, 20, 3)
    x = torch.full(shape, -1.0)
    y = MEANS["RandomErasing"].apply(layer, x, MEANS["RandomErasing"].draw(layer, shape, Random(1)))
    changed = y[y != -1]
    theirs = keras_draws("RandomErasing", {"value_range": [0, 2]}, shape, 1)["fill_value"]
    assert_alike(changed, theirs)
    layer = bind("layers", {"type": "RandomErasing", "fill_value": [1, 300, 2], "scale": [1, 1]})
    y = MEANS["RandomErasing"].apply(layer, x, MEANS["RandomErasing"].draw(layer, shape, Random(1)))
    assert {tuple(cell.tolist()) for cell in y.reshape(-1, 3).unique(dim=0)} <= {
        (1, 255, 2), (-1, -1, -1),
    }  # fmt: skip


@pytest.mark.parametrize("alpha", [0.001, 0.2, 1.0, 5.0])
def test_weights_have_the_moments_of_a_beta_distribution(alpha):
    n = 100_000
    drawn = beta(alpha, (n,), Random(1)).double()
    variance = 1 / (4 * (2 * alpha + 1))
    assert torch.isfinite(drawn).all()
    assert float(drawn.min()) >= 0
    assert float(drawn.max()) <= 1
    assert abs(float(drawn.mean()) - 0.5) < 5 * (variance / n) ** 0.5
    assert abs(float(drawn.var()) - variance) < 5 * 0.5 * variance / n**0.5 + 1e-3 * variance


def test_weights_of_chains_sum_to_one_and_have_the_variance_of_a_dirichlet_distribution():
    random, alpha, count = Random(1), 0.5, 3
    drawn = torch.stack([dirichlet(alpha, count, random) for _ in range(4000)]).double()
    assert torch.allclose(drawn.sum(1), torch.ones(4000, dtype=torch.float64))
    share = 1 / count
    variance = share * (1 - share) / (count * alpha + 1)
    assert abs(float(drawn.mean()) - share) < 1e-6
    assert abs(float(drawn[:, 0].var()) - variance) < 0.1 * variance


def test_each_image_is_mixed_with_one_other():
    order = MEANS["MixUp"].draw(bind("layers", {"type": "MixUp"}), (50, 4, 4, 1), Random(1))[1]
    assert sorted(order.tolist()) == list(range(50))
    assert order.tolist() != list(range(50))


def test_a_crop_lies_anywhere_and_is_the_batch_s():
    layer = bind("layers", {"type": "RandomCrop", "height": 7, "width": 5})
    random = Random(1)
    places = [MEANS["RandomCrop"].draw(layer, (2, 10, 8, 1), random) for _ in range(4000)]
    counts = [sum(place == (row, column) for place in places)
              for row in range(4) for column in range(4)]  # fmt: skip
    assert sum(counts) == 4000
    assert all(abs(count - 250) < 5 * 250**0.5 for count in counts)


def test_operations_are_chosen_alike():
    layer = bind("layers", {"type": "RandAugment", "num_ops": 3})
    random = Random(1)
    drawn = [MEANS["RandAugment"].draw(layer, (1, 4, 4, 3), random) for _ in range(700)]
    names = [one.name for operations in drawn for one in operations]
    assert len(names) == 2100
    assert set(names) == set(layer.parts)
    assert all(abs(names.count(n) - 2100 / 11) < 5 * (2100 / 11) ** 0.5 for n in layer.parts)
    layer = bind("layers", {"type": "AugMix", "all_ops": False})
    chains = [MEANS["AugMix"].draw(layer, (1, 4, 4, 3), random).chains for _ in range(200)]
    assert all(len(one) == 3 for one in chains)
    lengths = [len(chain) for one in chains for chain in one]
    assert set(lengths) <= {0, 1, 2, 3}
    assert abs(sum(lengths) / 600 - 3 * 7 / 8) < 5 * (3 * 7 / 64 / 600) ** 0.5


def test_bends_are_strong_as_keras_s():
    layer = bind("layers", {"type": "RandomElasticTransform", "scale": [0.2, 0.6]})
    random = Random(1)
    ours = torch.tensor([draw_elastic(layer, (1, 4, 4, 1), random).strength for _ in range(600)])
    theirs = keras.layers.RandomElasticTransform(scale=(0.2, 0.6), seed=1)
    wanted = [theirs.get_random_transformation(torch.zeros(1, 4, 4, 1))["distortion_factor"]
              for _ in range(600)]  # fmt: skip
    assert_alike(ours, torch.stack(wanted))


AUGMENTATIONS = [e for e in examples() if e.name in MEANS or e.name == "Pipeline"]
ALWAYS = {"AutoContrast"}
each = pytest.mark.parametrize("example", AUGMENTATIONS, ids=lambda e: e.id)


def images_of(example: Any) -> Tensor:
    given = example.inputs["x"]
    shape = given if isinstance(given, list) else given["shape"]
    generator = torch.Generator().manual_seed(example.seed)
    return torch.rand((BATCH, *shape), generator=generator)


@each
def test_inference_hands_images_on_and_draws_nothing(example):
    layer, x = declared(example.plain), images_of(example)
    given = call_ours(layer, {}, {"x": x})
    assert not given.is_random
    kept = example.name not in (*ALWAYS, "RandomCrop") and example.id not in (
        "Pipeline-2", "Pipeline-3",
    )  # fmt: skip
    assert not kept or torch.equal(given.outputs[0], x)


@each
def test_the_same_seed_draws_the_same_images(example, monkeypatch):
    layer, x = declared(example.plain), images_of(example)
    first = call_ours(layer, {}, {"x": x}, training=True)
    again = call_ours(layer, {}, {"x": x}, training=True)
    assert torch.equal(first.outputs[0], again.outputs[0])
    assert first.outputs[0].dtype == torch.float32
    monkeypatch.setattr(Recording, "__init__", seeded)
    others = call_ours(layer, {}, {"x": x}, training=True)
    if not others.is_random:
        assert torch.equal(first.outputs[0], others.outputs[0])


def seeded(self: Recording, seed: int) -> None:
    self.device, self.used = "cpu", False
    self.generator_ = torch.Generator().manual_seed(seed + 1)


@pytest.mark.parametrize("side", [12, 9, 5])
def test_a_crop_is_the_middle_in_inference_and_where_images_are_small(side):
    layer = bind("layers", {"type": "RandomCrop", "height": 6, "width": 9})
    x = torch.rand(2, side, 12, 3)
    made = call_ours(layer, {}, {"x": x}).outputs[0]
    theirs = keras.ops.image.resize(x, (6, 9), crop_to_aspect_ratio=True)
    torch.testing.assert_close(made, theirs)
    assert made.shape == (2, 6, 9, 3)
    if side == 5:
        again = call_ours(layer, {}, {"x": x}, training=True).outputs[0]
        assert torch.equal(again, made)


def test_a_bend_of_no_strength_changes_nothing():
    x = torch.rand(2, 8, 8, 1) * 300
    for given in ({"scale": 0}, {"factor": 0}):
        layer = bind("layers", {"type": "RandomElasticTransform", **given})
        assert torch.equal(call_ours(layer, {}, {"x": x}, training=True).outputs[0], x)


def test_pictures_in_bytes_become_floats():
    x = torch.randint(0, 256, (2, 8, 8, 3), dtype=torch.uint8)
    for example in AUGMENTATIONS:
        if example.plain.get("data_format") or example.inputs["x"] != [8, 8, 3]:
            continue
        for training in (True, False):
            made = call_ours(declared(example.plain), {}, {"x": x}, training=training).outputs[0]
            assert made.dtype == torch.float32


SPEC = """
inputs: {x: {shape: [8, 8, 3], dtype: uint8}}
layers:
  turned: {type: RandomRotation, factor: 0.2}
  line:
    type: Pipeline
    layers: [{type: RandAugment}, {type: RandomFlip}, {type: Rescaling, scale: 0.00392}]
  small: {type: RandomCrop, height: 4, width: 4}
  y: {type: GlobalAveragePooling2D}
"""


def test_a_graph_augments_in_training_alone():
    module = Module(compile(Source("spec.yaml", SPEC)), seed=3)
    x = {"x": torch.randint(0, 256, (4, 8, 8, 3), dtype=torch.uint8)}
    module.eval()
    still = module(x)["y"]
    assert torch.equal(still, module(x)["y"])
    module.train()
    first, second = module(x)["y"], module(x)["y"]
    assert not torch.equal(first, second)
    again = Module(compile(Source("spec.yaml", SPEC)), seed=3).train()
    assert torch.equal(again(x)["y"], first)  # the same seed and step


@pytest.mark.parametrize(
    ("name", "given", "argument"),
    [
        ("RandomRotation", {"factor": 1.5}, "factor"),
        ("RandomRotation", {"factor": [1.5, 2]}, "factor"),
        ("RandomRotation", {"factor": 0.1, "fill_mode": "mirror"}, "fill_mode"),
        ("RandomRotation", {"factor": 0.1, "interpolation": "bicubic"}, "interpolation"),
        ("RandomZoom", {"height_factor": -1}, "height_factor"),
        ("RandomZoom", {"height_factor": 0.1, "width_factor": [0, 1.5]}, "width_factor"),
        ("RandomTranslation", {"height_factor": [-2, 0], "width_factor": 0}, "height_factor"),
        ("RandomTranslation", {"height_factor": 0, "width_factor": 1.1}, "width_factor"),
        ("RandomShear", {"x_factor": -0.1}, "x_factor"),
        ("RandomShear", {"y_factor": [0.1, 1.1]}, "y_factor"),
        ("RandomPerspective", {"scale": 1.5}, "scale"),
        ("RandomPerspective", {"factor": -0.5}, "factor"),
        ("RandomElasticTransform", {"scale": 2}, "scale"),
        ("RandomElasticTransform", {"fill_mode": "far"}, "fill_mode"),
        ("RandomBrightness", {"factor": -1.5}, "factor"),
        ("RandomBrightness", {"factor": 0.1, "value_range": [0, 1, 2]}, "value_range"),
        ("RandomContrast", {"factor": -0.1}, "factor"),
        ("RandomHue", {"factor": 1.1}, "factor"),
        ("RandomSaturation", {"factor": [0.1, 0.2, 0.3]}, "factor"),
        ("RandomGrayscale", {"factor": 1.1}, "factor"),
        ("RandomPosterization", {"factor": 0}, "factor"),
        ("RandomPosterization", {"factor": 9}, "factor"),
        ("Solarization", {"addition_factor": 1.5}, "addition_factor"),
        ("Solarization", {"threshold_factor": -0.5}, "threshold_factor"),
        ("RandomSharpness", {"factor": 2}, "factor"),
        ("RandomGaussianBlur", {"kernel_size": 4}, "kernel_size"),
        ("RandomGaussianBlur", {"sigma": 1.5}, "sigma"),
        ("RandomErasing", {"factor": 1.5}, "factor"),
        ("RandomErasing", {"scale": [1.2, 1.5]}, "scale"),
        ("CutMix", {"factor": 1.5}, "factor"),
        ("AugMix", {"factor": 1.5}, "factor"),
        ("RandAugment", {"factor": -1}, "factor"),
    ],
)  # fmt: skip
def test_what_keras_refuses_is_refused(name, given, argument):
    with pytest.raises((ValueError, NotImplementedError)):
        getattr(keras.layers, name)(**given)
    with pytest.raises(Rejected, match=f"`{argument}`"):
        bind("layers", {"type": name, **given})


@pytest.mark.parametrize("name", ["RandomHue", "RandomSaturation", "RandomGrayscale", "AugMix"])
def test_colours_need_their_channels(name):
    given = {"factor": 0.5} if name != "AugMix" else {}
    text = f"inputs: {{x: [8, 8, 2]}}\nlayers: {{y: {{type: {name}, {str(given)[1:-1]}}}}}"
    text = text.replace("'", "")
    with pytest.raises(Rejected, match=r"channels: \(8, 8, 2\) has 2"):
        compile(Source("spec.yaml", text))
    if name != "AugMix":  # of which few draws turn images grey
        with pytest.raises((ValueError, RuntimeError)):
            getattr(keras.layers, name)(**given)(torch.rand(2, 8, 8, 2), training=True)


@pytest.mark.parametrize(
    ("inside", "message"),
    [
        ("{type: Dense, units: 3}", "`Dense` has weights"),
        ("{type: Add}", "`Add` has several inputs or outputs"),
        ("{layers: [{type: RandomFlip}]}", "a pipeline holds plain layers"),
        ("{type: Flatten}, {type: RandomFlip}", "`RandomFlip` takes"),
    ],
)
def test_a_pipeline_holds_layers_without_weights(inside, message):
    text = f"{{inputs: {{x: [8, 8, 3]}}, layers: {{y: {{type: Pipeline, layers: [{inside}]}}}}}}"
    with pytest.raises(Rejected, match=message):
        compile(Source("spec.yaml", text))
