"""`export --to keras`: graphs as Keras models, which Keras loads by itself and computes alike."""

from __future__ import annotations

import pytest
import torch

import modelspec
from modelspec.model.show import show
from tests.exchange.export_specs import ROOT, randomised
from tests.exchange.keras_models import config, described, imported, loaded, proved

GUIDE = (
    "headline", "tweets", "mlp", "residual", "inception", "conv_nodes", "same_digit",
    "same_digit_pairs", "sequence_of_mlp", "digits", "resnet", "unet", "vit", "transformer",
)  # fmt: skip


def module_of(spec: str):
    return randomised(modelspec.build(spec))


@pytest.mark.parametrize("name", GUIDE)
def test_the_guides_models_are_keras_s(name, tmp_path):
    proved(module_of(str(ROOT / "specs" / f"{name}.yaml")), tmp_path)


@pytest.mark.parametrize("name", ["headline", "mlp", "inception", "digits"])
def test_what_was_exported_is_imported_as_it_was(name, tmp_path):
    module = module_of(str(ROOT / "specs" / f"{name}.yaml"))
    proved(module, tmp_path)
    ours, back = show(module.graph.spec), show(imported(tmp_path).spec)
    for key in ("name", "inputs", "outputs"):
        assert back.get(key) == ours.get(key), key
    assert back["train"]["optimizer"] == ours["train"]["optimizer"]
    # Another order may name what the entry above was.
    assert sources_aside(back["layers"]) == sources_aside(ours["layers"])


def sources_aside(layers):
    return {name: {**entry, "from": None} for name, entry in layers.items()}


@pytest.mark.parametrize("name", ["tweets", "same_digit"])
def test_what_is_shared_is_imported_as_shared(name, tmp_path):
    module = module_of(str(ROOT / "specs" / f"{name}.yaml"))
    proved(module, tmp_path)
    ours, back = show(module.graph.spec), show(imported(tmp_path).spec)
    assert back["shared"] == ours["shared"]
    uses = [entry["use"] for entry in back["layers"].values() if "use" in entry]
    assert uses == list(ours["shared"]) * 2


SHARED = """
inputs: {a: [6], b: [6]}
shared: {both: {type: Dense, units: 4, activation: tanh}}
layers:
  x: {use: both, from: a}
  y: {use: both, from: b}
  far: {type: Subtract, from: [x, y]}
outputs: [far]
"""


def test_a_shared_layer_is_one_layer_with_all_its_nodes(tmp_path):
    model = proved(module_of(SHARED), tmp_path)
    assert [layer.name for layer in model.layers] == ["a", "b", "both", "far"]
    assert len(model.get_layer("both")._inbound_nodes) == 2
    assert model.count_params() == 28


def test_a_graph_is_one_model_called_at_several_nodes(tmp_path):
    spec = """
inputs: {a: [6], b: [6]}
shared:
  encoder:
    inputs: {x: [6]}
    layers:
      inner: {type: Dense, units: 5, activation: tanh}
      last: {type: Dense, units: 2}
layers:
  one: {use: encoder, from: a}
  two: {use: encoder, from: b}
  both: {type: Concatenate, from: [one, two]}
"""
    model = proved(module_of(spec), tmp_path)
    encoder = model.get_layer("encoder")
    assert [layer.name for layer in encoder.layers] == ["x", "inner", "last"]
    assert model.count_params() == 47
    assert list(show(imported(tmp_path).spec)["shared"]) == ["encoder"]


def test_each_block_is_a_model_of_its_own(tmp_path):
    spec = """
blocks:
  residual:
    inputs: {x: [null]}
    layers:
      y: {type: Dense, units: 6, activation: relu}
      sum: {type: Add, from: [x, y]}
inputs: {a: [6]}
layers:
  stage: {type: residual, repeat: 3}
"""
    model = proved(module_of(spec), tmp_path)
    assert [layer.name for layer in model.layers] == ["a", "stage_1", "stage_2", "stage_3"]
    assert [layer.name for layer in model.get_layer("stage_2").layers] == ["x", "y", "sum"]


WHOLE = """
inputs: {a: [6], b: [6]}
shared:
  whole:
    inputs: {x: [6]}
    layers:
      inner: {type: Dense, units: 6, activation: tanh}
      last: {type: Dense, units: 2}
"""


@pytest.mark.parametrize(
    "rest",
    [
        "  part: {part_of: whole, inputs: x, outputs: inner}\nlayers:\n"
        "  one: {use: whole, from: a}\n  two: {use: part, from: b}\n",
        "layers:\n  one: {use: whole, from: a}\n  two: {use: whole.inner, from: b}\n",
        "layers:\n  one: {use: whole, from: a}\n  two: {type: Add, from: [b, whole.inner]}\n",
    ],
    ids=["part_of", "a layer inside", "a tensor inside"],
)
def test_a_graph_that_is_used_in_parts_is_written_into_the_model(rest, tmp_path):
    end = "  end: {type: Concatenate, from: [one, two]}\n"
    model = proved(module_of(WHOLE + rest + end), tmp_path)
    assert {"whole_inner", "whole_last"} <= {layer.name for layer in model.layers}
    assert model.count_params() == 56


def test_a_part_alone_is_a_model(tmp_path):
    spec = WHOLE.replace(", b: [6]", "") + (
        "  part: {part_of: whole, inputs: x, outputs: inner}\n"
        "layers:\n  one: {use: part, from: a}\n  end: {type: Dense, units: 1}\n"
    )
    model = proved(module_of(spec), tmp_path)
    assert [layer.name for layer in model.get_layer("part").layers] == ["x", "whole_inner"]


def test_questions_about_videos_share_what_questions_about_images_use(tmp_path):
    folder = tmp_path / "specs"
    folder.mkdir()
    for name in ("vqa", "video_qa"):
        text = (ROOT / "specs" / f"{name}.yaml").read_text(encoding="utf-8")
        for large, small in (("224, 224", "44, 44"), ("10000", "50"), ("[100", "[7")):
            text = text.replace(large, small)
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    for name in ("vqa", "video_qa"):
        proved(module_of(str(folder / f"{name}.yaml")), tmp_path)


def test_what_a_wrapper_calls_may_stand_elsewhere_too(tmp_path):
    spec = """
inputs: {frames: [4, 6], frame: [6]}
shared:
  see:
    inputs: {x: [6]}
    layers:
      inner: {type: Dense, units: 5, activation: tanh}
      last: {type: Dense, units: 2}
layers:
  each: {type: TimeDistributed, layer: {use: see}, from: frames}
  read: {type: Bidirectional, layer: {type: LSTM, units: 3}}
  one: {use: see, from: frame}
  both: {type: Concatenate, from: [read, one]}
"""
    model = proved(module_of(spec), tmp_path)
    assert model.get_layer("each").layer is model.get_layer("see")


def test_outputs_keep_their_names(tmp_path):
    spec = """
inputs: {x: [4]}
layers:
  hidden: {type: Dense, units: 3}
  value: {type: Dense, units: 1}
"""
    listed = proved(module_of(spec + "outputs: [value, hidden]\n"), tmp_path)
    assert listed.output_names == ["value", "hidden"]
    other = "outputs: {score: {from: value}, policy: {from: hidden}}\n"
    assert list(proved(module_of(spec + other), tmp_path).output) == ["score", "policy"]
    assert list(imported(tmp_path).program.outputs) == ["score", "policy"]


def test_layers_that_stay_frozen_and_dtypes_of_their_own(tmp_path):
    spec = """
inputs: {x: [4]}
layers:
  hidden: {type: Dense, units: 3, trainable: false}
  wide: {type: Dense, units: 3, dtype: float64}
  last: {type: Dense, units: 2}
"""
    model = proved(module_of(spec), tmp_path)
    assert [len(layer.trainable_weights) for layer in model.layers[1:]] == [0, 2, 2]
    assert model.get_layer("wide").compute_dtype == "float64"
    back = show(imported(tmp_path).spec)["layers"]
    assert back["hidden"]["trainable"] is False
    assert back["wide"]["dtype"] == "float64"


INVENTED = """
inputs: {x: [4, 5]}
layers:
  token: {type: Parameter, shape: %s, initializer: he_normal}
  mask: {type: Constant, value: %s}
  sum: {type: Add, from: [x, token, mask]}
"""


@pytest.mark.parametrize(
    ("shape", "value"),
    [("[4, 5]", "[[1.5], [2], [3], [4]]"), ("[5]", "7.0"), ("[]", "[1, 2, 3, 4, 5]"),
     ("[1, 5]", "[[true]]")],
)  # fmt: skip
def test_tensors_that_need_no_input_are_made_of_what_keras_has(shape, value, tmp_path):
    spec = INVENTED % (shape, value)
    if shape != "[4, 5]":
        spec = spec.replace("  sum: {type: Add, from: [x, token, mask]}", (
            "  t: {type: Flatten, from: token}\n  m: {type: Flatten, from: mask}\n"
            "  f: {type: Flatten, from: x}\n  c: {type: ops.Cast, to: float32, from: m}\n"
            "  sum: {type: Concatenate, from: [t, c, f]}"
        ))  # fmt: skip
    if shape == "[]":
        spec = spec.replace("shape: []", "shape: [1]")
    module = module_of(spec)
    model = proved(module, tmp_path)
    assert model.count_params() == module.graph.parameters
    back, ours = show(imported(tmp_path).spec)["layers"], show(module.graph.spec)["layers"]
    assert back["token"] == {**ours["token"]}
    assert back["mask"] == {**ours["mask"]}


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_a_mixed_precision_is_the_policy_of_every_layer(precision, tmp_path):
    from modelspec.engine.run import build
    from modelspec.exchange.export import export_run

    spec = SHARED + f"train: {{precision: {precision}}}\n"
    run = build(modelspec.check(spec), str(tmp_path / "run"))
    made = export_run(run, "keras", str(tmp_path / "model.keras"))
    assert not made.fails, made.compared
    assert described(tmp_path)["both"]["config"]["dtype"]["config"] == {
        "name": f"mixed_{precision}"
    }
    assert imported(tmp_path).spec.training.precision == precision


def test_layers_that_go_on_from_batch_to_batch_know_its_size(tmp_path):
    spec = """
inputs: {x: {shape: [4, 3], batch_size: 2}}
layers:
  read: {type: GRU, units: 3, stateful: true}
"""
    module = module_of(spec)
    model = loaded(module, tmp_path)
    x = torch.rand(2, 4, 3)
    for _ in range(2):
        assert torch.allclose(model(x), module({"x": x})["read"], atol=1e-6)
    assert imported(tmp_path).batch_size == 2


def test_no_code_is_in_the_file(tmp_path):
    proved(module_of(str(ROOT / "specs" / "vit.yaml")), tmp_path)
    text = str(config(tmp_path))
    assert "__lambda__" not in text
    modules = {one["module"] for one in described(tmp_path).values()}
    assert all(module.startswith("keras") for module in modules)


def test_all_that_keras_cannot_hold_is_said_at_once(tmp_path):
    from modelspec.engine.run import build
    from modelspec.exchange.export import export

    spec = """
inputs: {x: [8, 8, 3]}
layers:
  a: {type: torch.nn.Hardswish}
  b: {type: RandomCrop, height: 4, width: 4}
  c: {type: ops.Add, x2: 1, dtype: float64}
"""
    run = build(modelspec.check(spec), str(tmp_path / "run"))
    with pytest.raises(modelspec.Rejected) as caught:
        export(run.folder, "keras", str(tmp_path / "model.keras"))
    assert [one.code for one in caught.value.diagnostics] == ["cannot-export"] * 3
    assert [one.label.text.partition(":")[0] for one in caught.value.diagnostics] == [
        "`torch.nn.Hardswish`", "`RandomCrop`", "`ops.Add`"
    ]  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_name_that_keras_does_not_know_is_refused(tmp_path):
    from modelspec.cli.shell import run as cli
    from modelspec.engine.run import build

    build(modelspec.check(SHARED), str(tmp_path / "run"))
    path = tmp_path / "model.zip"
    assert cli(["export", str(tmp_path / "run"), "--to", "keras", "-o", str(path)]) == 1
    assert not path.exists()


def test_an_input_that_is_an_output_and_a_tensor_that_is_two(tmp_path):
    spec = """
inputs: {x: [4]}
layers:
  hidden: {type: Dense, units: 3}
outputs: {same: {from: x}, one: {from: hidden}, other: {from: hidden}}
"""
    assert list(proved(module_of(spec), tmp_path).output) == ["same", "one", "other"]


def test_a_layer_called_as_keras_calls_its_casts(tmp_path):
    spec = """
inputs: {x: [4]}
layers:
  wide: {type: Dense, units: 3, dtype: float64}
  cast: {type: Dense, units: 3}
  cast_1: {type: Dense, units: 3, dtype: float64}
"""
    proved(module_of(spec), tmp_path)
