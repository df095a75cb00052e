"""Names of torch's and of older Kerases lead to the words here."""

from __future__ import annotations

import pytest

from modelspec.catalog.index import INDEX
from modelspec.catalog.legacy import argument_meant, word_meant
from modelspec.catalog.their_arguments import ARGUMENTS
from modelspec.catalog.theirs import TYPES
from modelspec.catalog.training import Training
from modelspec.catalog.words import find, names, spellings
from modelspec.compiler import compile
from modelspec.model.resolve import TOP
from modelspec.model.sections import OUTPUT_KEYS
from modelspec.source.diagnostics import Rejected
from modelspec.source.text import Source


@pytest.mark.parametrize("group", TYPES)
def test_each_name_leads_to_a_word_and_is_none_itself(group):
    known = spellings(group)
    assert [name for name in TYPES[group] if name in known] == []
    assert [one for ours in TYPES[group].values() for one in ours if one not in known] == []


def test_each_argument_leads_to_one_that_something_takes():
    taken = {*OUTPUT_KEYS, *Training.arguments, *TOP, "shape", "validation", "test"}
    for group in INDEX:
        for name in names(group):
            cls = find(group, name)
            assert cls is not None
            taken |= set(cls.arguments)
    assert {one for ours in ARGUMENTS.values() for one in ours} - taken == set()


@pytest.mark.parametrize(
    ("entry", "meant"),
    [
        ("{type: Linear}", "`Dense`"),
        ("{type: MaxPool2d}", "`MaxPooling2D`"),
        ("{type: BatchNorm2d}", "`BatchNormalization`"),
        ("{type: ConvTranspose1d}", "`Conv1DTranspose`"),
        ("{type: Sigmoid}", "{type: Activation, activation: sigmoid}"),
        ("{type: gelu}", "{type: Activation, activation: gelu}"),
        ("{type: relu}", "did you mean `ReLU`?"),
        ("{type: nn.Linear, in_features: 3}", "`Dense` or `torch.nn.Linear`"),
        ("{type: fc}", "`Dense`"),
        ("{type: Mean, axis: 1}", "`ops.Mean`"),
        ("{type: PixelShuffle}", "`torch.nn.PixelShuffle`"),
        ("{type: MaxPooling2D, kernel_size: 2}", "`pool_size`"),
        ("{type: Dense, neurons: 2}", "`units`"),
        ("{type: Dense, units: 2, input: x}", "`from`"),
        ("{type: Dense, units: 2, form: x}", "`from`"),
        ("{type: Dense, units: 2, activation: nn.ReLU()}", "`Relu`"),
        ("{type: Dense, units: 2, activation: lrelu}", "`leaky_relu`"),
        ("{type: Dense, units: 2, kernel_regularizer: 0.01}", "{type: L2, l2: 0.01}"),
        ("{type: Dense, units: 2, use_bias: None}", "leave it out"),
        ("{type: Dense, units: 2, kernel_regularizer: none}", "write null"),
        (
            "{Dense: {units: 2, activation: relu}}",
            "write {type: Dense, units: 2, activation: relu}",
        ),
        ("{name: Dense, units: 2}", "write {type: Dense, units: 2}"),
        ("{layer: Dense, units: 2}", "write {type: Dense, units: 2}"),
        ("{type: Dense, units: 1_000}", "write 1000"),
        ("{type: Dense, units: 1,000}", "write `units: 1000`"),
        ("{type: Dense, units: [3]}", "write 3"),
        ("{type: Dense, units: 3, use_bias: 'true'}", "write true"),
        ("{type: Dense, units: 3, bias_initializer: 0}", "write zeros"),
        ("{type: Dense, units: 3, kernel_regularizer: {l2: 0.1}}", "write {type: l2, l2: 0.1}"),
        ("{type: Dense, units: 3, kernel_regularizer: l2(0.1)}", "write {type: l2, l2: 0.1}"),
        ("Dense(64)", "write {type: Dense, units: 64}"),
        ("{use: Dense}", "write `type: Dense`"),
        ("{type: Add, from: 'x, x'}", "[x, x]"),
        ("{type: Dense, units: 3, dtype: fp16}", "`float16`"),
        ("{type: Dense, units: 3, trainable: no}", "write `false`"),
        ("{type: \u201cDense\u201d, units: 3}", "write Dense"),
        ("{type: Bidirectional, layer: LSTM, units: 8}", "layer: {type: LSTM, units: ...}"),
        ('{type: Dense, units: "{{ width }}"}', 'write "${width}"'),
        ("{type: Dense, units: width * 2}", 'write "${width * 2}"'),
        ('{type: Dense, units: "${width / 3}"}', "`//`"),
        ('{type: Dense, units: "${width ^ 2}"}', "`**`"),
        ("{type: Conv2D, filters: 3, kernel_size: 3x5}", "write [3, 5]"),
        ("{type: Conv2D, filters: 3, kernel_size: (3, 3)}", "write [3, 3]"),
        ("{type: Conv2D, filters: 3, kernel_size: 3, padding: 1}", "ZeroPadding"),
        ("{type: Conv2D, filters: 3, kernel_size: 3, bias: false}", "`use_bias`"),
        ("{type: LSTM, units: 3, num_layers: 2}", "`repeat: 2`"),
        ("{type: LSTM, units: 3, bidirectional: true}", "{type: Bidirectional, layer:"),
        ("{type: Dense, output_dim: 3}", "`units`"),
        ("{type: Dense, out_features: 3}", "`units`"),
        ("{type: Dense, units: 3, in_features: 3}", "leave `in_features` out"),
        ("{type: Dense, units: 3, input_shape: [3]}", "`inputs: {name: [shape]}`"),
        ("{type: Conv2D, nb_filter: 3, kernel_size: 3}", "`filters`"),
        ("{type: Conv2D, filters: 3, kernel_size: 3, border_mode: same}", "`padding`"),
        ("{type: Dropout, p: 0.5}", "`rate`"),
        ("{type: LSTM, units: 3, use_cudnn: true}", "the fastest kernel that fits is used"),
        ("{type: LSTM, units: 3, batch_shape: [4, 5, 3]}", "batch_size: 4}}`"),
        ("{type: Dense, units: 3, lora_rank: 2}", "freeze this layer"),
        ("{type: Dense, units: 3, quantization_config: int8}", "`train.precision`"),
        ("{type: Attention, activity_regularizer: l2}", "ActivityRegularization"),
        ("{type: Dense, units: 3, kernel_initializer: xavier_uniform}", "`glorot_uniform`"),
        ("{type: Dense, units: 3, kernel_initializer: {type: Normal}}", "`RandomNormal`"),
        ("{type: Reshape, target_shape: [16, 16]}", "write [12, 16] or [16, 12]"),
        ("{type: Reshape, target_shape: [-1, 50]}", "write [-1, 48]"),
    ],
)
def test_a_layer_that_others_call_so_is_found(entry, meant):
    head = "params: {width: 8}\ninputs: {x: [8, 8, 3]}\n"
    assert meant in helped(f"{head}layers: [{entry}]\n")


def with_rate(schedule: str) -> str:
    return f"train: {{optimizer: {{type: SGD, learning_rate: {{{schedule}}}}}}}"


@pytest.mark.parametrize(
    ("rest", "meant"),
    [
        ("outputs: {y: {loss: mse, wieght: 0.2}}", "`loss_weight`"),
        ("outputs: {y: {loss: CrossEntropyLoss}}", "`SparseCategoricalCrossentropy`"),
        ("outputs: {y: {loss: nn.BCELoss}}", "`BinaryCrossentropy`"),
        ("outputs: {y: {loss: mse_loss}}", "`mean_squared_error`"),
        ("outputs: {y: {loss: BCEWithLogitsLoss}}", "`from_logits: true`"),
        ("outputs: {y: {loss: crossentropy}}", "`sparse_categorical_crossentropy`"),
        ("outputs: {y: {loss: mse, metrics: [f1]}}", "`f1_score`"),
        ("outputs: {y: {loss: mse, metrics: [iou]}}", "`IoU`"),
        ("outputs: {y: {loss: mse, metrics: [auroc]}}", "`auc`"),
        ("outputs: {y: {loss: mse}}\ntrain: {nb_epoch: 3}", "`epochs`"),
        ("outputs: {y: {loss: mse}}\ntrain: {max_epochs: 3}", "`epochs`"),
        ("outputs: {y: {loss: mse}}\ntrain: {learning_rate: 3}", "learning_rate: 0.001}"),
        ("outputs: {y: {loss: mse}}\ntrain: {scheduler: cosine}", "learning_rate: {type: ...}"),
        ("outputs: {y: {loss: mse}}\ntrain: {precision: fp16}", "`float16`"),
        ("outputs: {y: {loss: mse}}\ntrain: {precision: bf16}", "`bfloat16`"),
        ("outputs: {y: {loss: mse}}\ntrain: {optimizer: torch.optim.Adam}", "`Adam`"),
        ("outputs: {y: {loss: mse}}\ntrain: {optimizer: {type: Adam, betas: 1}}", "`beta_1`"),
        (with_rate("type: CosineAnnealing"), "`CosineDecay`"),
        (with_rate("type: CosineDecay, lr: 0.1"), "`initial_learning_rate`"),
        (with_rate("type: CosineDecay, learning_rate: 0.1"), "`initial_learning_rate`"),
        ("train: {optimizer: Adam(lr=0.1)}", "write {type: Adam, learning_rate: 0.1}"),
        ("train: {optimizer: {adam: {epsilon: 0.1}}}", "write {type: adam, epsilon: 0.1}"),
        ("train: {callbacks: {EarlyStopping: {}, CSVLogger: {path: a}}}", "write a list: [{type:"),
        ('train: {optimizer: {type: Adam, learning_rate: "1e-3"}}', "write 1e-3, without quotes"),
        ("train: {validation_split: 0.2}", "data: {train: ..., validation: 0.2}"),
        ("data: {train: {path: a.csv}}", "write a.csv alone"),
        ("data: {train: {type: Images, path: a, size: 64}}", "write a list: [64, 64]"),
        ("data: {train: a.csv, validation: 20%}", "write 0.2"),
        ("data: {train: a.csv, fields: {y: {columns: c}}}", "write a list: [c]"),
        ("data: {train: a.csv, fields: {y: [c, d]}}", "{columns: [name, name]}"),
        ("outputs: {loss: mse, metrics: [mae]}", "outputs: {y: {loss: ..., metrics: [...]}}"),
        ("outputs: {y: {loss: categorical-crossentropy}}", "mean `categorical_crossentropy`?"),
        ("outputs: [{name: y, loss: mse}]", "outputs: {y: {loss: ...}}"),
        ("outputs: {y: {loss: mse}}\nepochs: 3", "train: {epochs: ...}"),
        ("outputs: {y: {loss: mse}}\nloss: mse", "outputs: {name: {loss: mse"),
        ("outputs: {y: {loss: mse}}\nbackbone: [1]", "`layers`"),
        ("outputs: {y: {loss: mse}}\nnc: 80", "`units`"),
        ("outputs: {y: {loss: mse}}\ndata: {val: 0.2}", "`validation`"),
        ("outputs: {y: {loss: mse}}\ndata: {type: CSV, path: a.csv, sep: x}", "`delimiter`"),
        ("train: {callbacks: {type: ModelCheckpoint, filepath: best}}", "`path`"),
        ("train: {callbacks: {type: TerminateOnNaN, verbose: 1}}", "the command line says"),
        ("outputs: {y: {loss: mse}}\ntrain: {optimizer: {type: Adam, lr: 0.1}}", "`learning_rate`"),
    ],
)
def test_a_key_that_others_call_so_is_found(rest, meant):
    assert meant in helped(f"inputs: {{x: [4]}}\nlayers: {{y: {{type: Dense, units: 1}}}}\n{rest}")


def test_what_nobody_calls_so_is_looked_up_by_its_spelling():
    assert word_meant("layers", "Dens", ["Dense"]) == ("did you mean `Dense`?",)
    assert argument_meant("unit", ["units"]) == ("did you mean `units`?",)
    assert argument_meant("zzz", ["units"]) == ()


@pytest.mark.parametrize(
    "entry",
    ["{type: gelu}", "{type: GELU}", "{type: Dense, units: 2, activation: lrelu}"],
)
def test_what_is_another_tools_word_is_no_slip_of_the_finger(entry):
    with pytest.raises(Rejected) as caught:
        compile(Source("spec.yaml", f"inputs: {{x: [8, 8, 3]}}\nlayers: [{entry}]\n"))
    assert [one.fix for one in caught.value.diagnostics] == [None]


def helped(text: str) -> str:
    with pytest.raises(Rejected) as caught:
        compile(Source("spec.yaml", text))
    return "\n".join(line for one in caught.value.diagnostics for line in one.help)
