"""Write docs/keras.md: every public name of Keras's in the catalogue's groups, and what it is here.

Keras itself says which names there are: `make docs` runs this where it is installed.
"""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from modelspec.catalog.refused import refused
from modelspec.catalog.words import find

FILE = Path(__file__).resolve().parent.parent / "docs" / "keras.md"

#: A group of words -> Keras's module.
MODULES = {
    "layers": "layers", "losses": "losses", "metrics": "metrics", "optimizers": "optimizers",
    "schedules": "optimizers.schedules", "initializers": "initializers",
    "regularizers": "regularizers", "constraints": "constraints", "activations": "activations",
    "callbacks": "callbacks",
}  # fmt: skip

#: Functions of every module that are for programs.
ACCESS = ("get", "serialize", "deserialize")

#: Where a word of Keras's name gives other numbers than Keras 3.15, and why.
DIFFERS = {
    "activations.Sparsemax": "Keras adds running sums up twice, so its values sum to less than 1 "
    "where several are left; here it is the paper's",
    "callbacks.BackupAndRestore": "accepted; a run's folder does what it does anyway",
    "callbacks.LearningRateScheduler": "takes a schedule in place of a function",
    "losses.CTC": "a mask shortens sequences; Keras does not take one",
    "metrics.IoU": "weights count as they are; Keras cuts them down to whole numbers",
    "metrics.Mean": "of the output; its targets do not count",
    "metrics.Sum": "of the output; its targets do not count",
    "optimizers.ScheduleFreeAdamW": "as on Keras's other backends; on torch it takes the new "
    "momentum where it means the old",
}
DIFFERS |= {
    "layers.AutoContrast": "with channels first, stretches each channel; Keras other axes",
    "layers.ContrastLimitedAdaptiveHistogramEqualization": "limits and mirrors as on Keras's other "
    "backends; on torch the limit is cut to a whole number, and edges are repeated",
    "layers.RandomColorJitter": "with channels first too; Keras takes the last axis for channels",
    "layers.RandomColorDegeneration": "grey images too, which Keras's functional API refuses",
    "layers.RandomCrop": "crops in inference as Keras says; there it hands images on",
    "layers.RandomGaussianBlur": "takes kernels of two sizes; Keras fails with them on torch",
    "layers.RandAugment": "as on Keras's other backends; on torch its operations write into the "
    "images and angles that they are given, so that brightness always changes",
    "layers.MixUp": "images alone: a layer sees no targets",
    "layers.CutMix": "images alone: a layer sees no targets",
    "layers.TimeDistributed": "a penalty on the activity of what it wraps counts; Keras forgets it",
    "layers.Pipeline": "of layers without weights; others stand as entries",
}
DIFFERS |= {
    f"layers.{name}": "with `stateful`, each validation, evaluation and prediction begins at zero, "
    "so that none depends on what ran before; in Keras, `evaluate` and `predict` move the states "
    "that `fit` goes on from"
    for name in (
        "LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D",
    )
}  # fmt: skip
for name in ("LSTM", "GRU"):
    DIFFERS[f"layers.{name}"] += "; on torch Keras cannot train them without `use_cudnn=False`"
LORA = "; ".join((
    "`lora_rank` and `lora_alpha` are refused, use a frozen layer, two Dense without bias and Add",
    "`quantization_config` is refused, use `train.precision`: layers compute in floats",
))  # fmt: skip
DIFFERS |= {f"layers.{name}": LORA for name in ("Dense", "EinsumDense", "Embedding")}
DIFFERS |= {
    f"layers.Conv{n}D": "`lora_rank` and `lora_alpha` are refused, use a frozen layer and Add"
    for n in (1, 2, 3)
}
DIFFERS["layers.Bidirectional"] = (
    "`stateful` with `return_state` too, where Keras fails to make masks"
)
DIFFERS |= {
    f"layers.AveragePooling{n}D": "with `padding: same`, cells of padding never count; on torch "
    "Keras counts some" for n in (1, 2, 3)
}  # fmt: skip
DIFFERS |= {
    f"layers.{name}": "over any axes; on torch Keras takes the last ones, or fails"
    for name in ("LayerNormalization", "RMSNormalization")
}
DIFFERS["layers.Softmax"] = "over axes behind the batch; a mask of the leading axes is spread too"
DIFFERS["layers.UnitNormalization"] = "over axes behind the batch"
DIFFERS["layers.Concatenate"] = "along axes behind the batch"
DIFFERS["layers.UpSampling2D"] = "with `lanczos3` and `lanczos5`, which Keras lacks on torch"
DIFFERS["layers.MultiHeadAttention"] = (
    "masks over several axes of positions too, where Keras fails; `flash_attention` is a hint"
)
DIFFERS["layers.GroupQueryAttention"] = (
    "values of another width than the query's too, which Keras's functional API refuses"
)
MASKED = "a mask counts beside initial states too, where Keras finds none"
for name in ("LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"):
    DIFFERS[f"layers.{name}"] += f"; {MASKED}"
DIFFERS["layers.Bidirectional"] += f"; {MASKED}"
for name in ("LSTM", "GRU"):
    DIFFERS[f"layers.{name}"] += "; `use_cudnn` is refused: the fastest kernel that fits is used"
DIFFERS |= {
    f"metrics.{name}": DIFFERS["metrics.IoU"]
    for name in ("BinaryIoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU")
}


def public(group: str) -> list[str]:
    """Keras's names in a group, by the alphabet."""
    import keras

    module = keras
    for part in MODULES[group].split("."):
        module = getattr(module, part)
    return [
        name for name in sorted(dir(module), key=str.lower)
        if not name.startswith("_") and not inspect.ismodule(getattr(module, name))
    ]  # fmt: skip


def state(group: str, name: str) -> tuple[str, str]:
    """What Keras's name is here, `same`, `refused, use ...` or `missing`, and a note on it."""
    known = refused(group, name)
    if known is not None:
        return f"refused, use {known.use}", known.reason
    if name in ACCESS:
        return "refused, use the names themselves", "it is for programs"
    word = find(group, name)
    if word is None:
        return "missing", ""
    own = "same" if word.__name__ == name else f"same, as `{word.__name__}`"
    return own, DIFFERS.get(f"{group}.{word.__name__}", "")


def lines() -> Iterator[str]:
    import keras

    yield "# Keras's names"
    yield ""
    yield "<!-- made by `make docs`, from Keras and the catalogue -->"
    yield ""
    yield f"Every public name of Keras {keras.__version__} in these groups, and what it is here."
    yield "What is the same is held to Keras itself by the tests: values, gradients, refusals."
    yield "Integers and booleans are computed with as floats, also where one of Keras's kernels for"
    yield "torch knows none; sizes that are unknown before data comes are checked when it comes."
    yield "A weight for each sample weighs all that its outputs hold; Keras's losses lay it over"
    yield "the last axes, and fail, or weigh other values, where an output has more of them."
    for group in MODULES:
        names = public(group)
        yield ""
        yield f"## keras.{MODULES[group]}"
        yield ""
        yield "| Keras | here | note |"
        yield "| --- | --- | --- |"
        for name in names:
            here, note = state(group, name)
            yield f"| `{name}` | {here} | {note} |"


def table() -> str:
    return "\n".join(lines()) + "\n"


if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "torch")
    if importlib.util.find_spec("keras") is None:
        print("Keras is not installed: docs/keras.md stays as it is", file=sys.stderr)
    else:
        FILE.write_text(table(), encoding="utf-8")
        print(f"{table().count('| missing |')} of Keras's names are missing; the table: {FILE}")
