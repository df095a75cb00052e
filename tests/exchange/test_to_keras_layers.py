"""Every layer of the catalogue in a .keras file: Keras loads it and computes the same, or a reason
says why it is not written.
"""

from __future__ import annotations

import pytest

import modelspec
from modelspec.catalog.index import INDEX
from modelspec.exchange.keras_file import file
from modelspec.model.show import show
from tests.exchange.export_specs import EXAMPLES, examples, module_of
from tests.exchange.keras_models import imported, proved

#: Layers of which Keras has no counterpart, or one that computes something else.
REFUSED = {
    "TorchModule": "PyTorch's", "PythonModule": "PyTorch's",
    "RandomCrop": "in inference", "Equalization": "cannot build",
    "AutoContrast-3": "where channels come first", "GroupQueryAttention-2": "cannot build",
    "RandomColorDegeneration-2": "three channels",
}  # fmt: skip
#: Layers that Keras runs on TensorFlow alone: `test_to_keras_texts` holds their configuration.
IN_TENSORFLOW = {"Hashing", "HashedCrossing", "IntegerLookup", "StringLookup", "TextVectorization"}
#: Interpolations that Keras has on other backends than torch.
ELSEWHERE = {"UpSampling2D-5"}
#: Examples that are no spec of one layer, or that have to learn first.
ELSEWHERE |= {"Parameter", "Constant", "Normalization-1", "Normalization-2", "Discretization-2",
              "TorchModule-4"}  # fmt: skip
#: Layers that come back as others that compute the same.
OTHERS = {"ops.BroadcastTo", "ops.Slice", "ops.CountNonzero", "ops.Flip", "ops.Pad-4",
          "ops.Transpose", "BatchNormalization-7", "ops.Reshape-2", "ops.Reshape-3",
          "RNN-2", "RNN-5", "Bidirectional-6"}  # fmt: skip


def held(name, known):
    return name in known or name.rpartition("-")[0] in known


CASES = [
    (name, example)
    for name, example in examples(*sorted(path.stem for path in EXAMPLES.glob("*.yaml")))
    if not held(name, IN_TENSORFLOW | ELSEWHERE)
]


NEVER = [(name, example) for name, example in CASES if held(name, REFUSED)]
EACH = [
    pytest.param(name, example, id=name, marks=[pytest.mark.nightly] * (int(name[-1]) > 2))
    for name, example in CASES
    if not held(name, REFUSED)
]


@pytest.mark.parametrize(("name", "example"), EACH)
def test_keras_computes_what_the_engine_does(name, example, tmp_path):
    module = module_of(example)
    proved(module, tmp_path)
    if not held(name, OTHERS):
        assert show(imported(tmp_path).spec)["layers"] == show(module.graph.spec)["layers"]


@pytest.mark.parametrize(("name", "example"), NEVER, ids=[name for name, _ in NEVER])
def test_what_keras_has_not_is_refused_with_the_reason(name, example, tmp_path):
    with pytest.raises(modelspec.Rejected) as caught:
        file.write(module_of(example), str(tmp_path / "model.keras"))
    (fault,) = caught.value.diagnostics
    assert fault.code == "cannot-export"
    assert next(why for known, why in REFUSED.items() if held(name, {known})) in fault.label.text
    assert not list(tmp_path.iterdir())


def test_every_layer_has_been_asked():
    asked = {name.rpartition("-")[0] for name, _ in CASES} | {"Parameter", "Constant"}
    listed = {name for names in INDEX["layers"].values() for name in names}
    assert listed - asked == IN_TENSORFLOW
