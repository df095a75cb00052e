"""What watches a training run, and acts on it."""

from __future__ import annotations

import re
from typing import ClassVar

from modelspec.language.kinds import Bool, Choice, Either, Float, Int, Named, Text
from modelspec.language.word import Reject, Word

#: What a run folder holds of its own.
TAKEN = ("spec.yaml", "run.json", "history.jsonl", "encoders.json", "weights.safetensors")
FILLED = re.compile(r"\{(\w+)(?::([^{}]*))?\}")
FORMAT = re.compile(r"0?\d?\d?(\.\d)?[defg]?")


def stays_inside(path: str) -> None:
    """Refuse a path that would leave the run's folder, or replace what lies there."""
    parts = [part for part in path.replace("\\", "/").split("/") if part != "."]
    if not parts or parts[0] in ("", "~") or ".." in parts or "\0" in path:
        raise Reject("path", "what a run writes lies in its folder, and `path` is relative to that",
                     "write a path inside, such as `best`")  # fmt: skip
    if parts[0] in TAKEN or parts[0].startswith("checkpoint-"):
        raise Reject("path", f"the run keeps a `{parts[0]}` of its own", "take another name")


class Callback(Word):
    """Watches the run, epoch by epoch."""

    group = "callbacks"


class Monitor(Callback):
    """Watches one quantity of the history."""

    #: The quantities that are better when larger; `auto` takes every other one to be a loss.
    RISING: ClassVar[tuple[str, ...]] = (
        "accuracy", "acc", "auc", "precision", "recall", "f1_score", "cosine_similarity",
    )  # fmt: skip

    monitor = Text("The quantity, as `history.jsonl` names it.", default="val_loss")
    mode = Choice(
        "Whether smaller or larger is better; `auto` goes by the quantity's name.",
        "auto",
        "min",
        "max",
        default="auto",
    )

    def rises(self) -> bool:
        """Whether larger is better."""
        if self.mode != "auto":
            return bool(self.mode == "max")
        return self.monitor.removeprefix("val_").endswith(self.RISING)


class EarlyStopping(Monitor):
    """Ends training when a quantity has stopped improving."""

    min_delta = Float("The least change that counts as an improvement.", default=0, min=0)
    patience = Int("Epochs without improvement before training ends.", default=0, min=0)
    baseline = Float("The value to improve on; null: the first one seen.", default=None)
    restore_best_weights = Bool(
        "Whether to end with the weights of the best epoch, rather than of the last.",
        default=False,
    )
    start_from_epoch = Int("Epochs to wait before watching.", default=0, min=0)


class ReduceLROnPlateau(Monitor):
    """Lowers the learning rate when a quantity has stopped improving."""

    factor = Float("What the rate is multiplied by.", default=0.1, above=0, below=1)
    patience = Int("Epochs without improvement before the rate falls.", default=10, min=0)
    min_delta = Float("The least change that counts as an improvement.", default=1e-4, min=0)
    cooldown = Int("Epochs to wait after the rate fell.", default=0, min=0)
    min_lr = Float("The rate never falls below this.", default=0.0, min=0)


class ModelCheckpoint(Monitor):
    """Keeps checkpoints of the run, or of its best epoch alone."""

    path = Text(
        "Folder of the checkpoint, inside the run's; may hold `{epoch}` and quantities, such as "
        "`best-{epoch:02d}-{val_loss:.3f}`."
    )
    save_best_only = Bool("Whether to keep the best epoch's alone.", default=False)
    save_weights_only = Bool(
        "Whether to leave out the optimizer's state.",
        default=False,
    )
    save_freq = Either(
        "When: after every epoch, or after this many steps.",
        Choice("", "epoch"),
        Int("", min=1),
        default="epoch",
    )
    initial_value_threshold = Float(
        "The value to improve on before the first is kept; null: any.", default=None
    )

    def check(self) -> None:
        stays_inside(self.path)
        for name, written in FILLED.findall(self.path):
            if not FORMAT.fullmatch(written) or (written.endswith("d") and name != "epoch"):
                raise Reject("path", f"`{{{name}:{written}}}` does not say how a number is written",
                             "`{epoch:02d}`, `{val_loss:.3f}`")  # fmt: skip
        if self.save_best_only and self.save_freq != "epoch" and self.monitor.startswith("val_"):
            raise Reject(
                "save_freq",
                f"`{self.monitor}` is known at the end of an epoch alone, and "
                f"`save_freq: {self.save_freq}` looks at it every {self.save_freq} steps",
                "write `save_freq: epoch`, or monitor a quantity of the steps such as `loss`",
            )


class CSVLogger(Callback):
    """Writes the history to a CSV file, a row an epoch. A resumed run goes on with its file."""

    path = Text("The file, inside the run's folder.")
    separator = Text("What stands between two values.", default=",")
    append = Bool("Whether to add to a file that is there, rather than replace it.", default=False)

    def check(self) -> None:
        stays_inside(self.path)
        if len(self.separator) != 1:
            raise Reject("separator", "`separator` is one character", 'a tab is "\\t"')


class TerminateOnNaN(Callback):
    """Ends training as soon as a step's loss is not a number, or infinite."""

    raise_error = Bool(
        "Whether to count it as a failure of the run (exit code 3) rather than its end.",
        default=False,
    )


class LearningRateScheduler(Callback):
    """Sets the learning rate for each epoch, by a schedule that counts epochs as its steps."""

    schedule = Named("The schedule; its steps are epochs, the first one 0.", "schedules")


class SwapEMAWeights(Callback):
    """Validates with the moving averages of the weights that an optimizer's `use_ema` keeps."""

    swap_on_epoch = Bool(
        "Whether callbacks after it see the averages too, such as a `ModelCheckpoint`.",
        default=False,
    )


class ResetStates(Callback):
    """Lets stateful layers begin each epoch anew, from zeros: what `reset_states()` is in Keras.

    Without it they go on from the end of one epoch to the start of the next, as in Keras.
    """


class BackupAndRestore(Callback):
    """Nothing more than a run does anyway: it keeps checkpoints, and `train --resume` goes on."""

    backup_dir = Text("Not used: the run's folder holds its checkpoints.", default=None)
    save_freq = Either(
        "Not used: `checkpoint_every` of `train` says how often, besides each epoch's end.",
        Choice("", "epoch"),
        Int("", min=1),
        default="epoch",
    )
    double_checkpoint = Bool(
        "Not used: the last checkpoint stays until the next is whole.", default=False
    )
    delete_checkpoint = Bool("Not used: the last checkpoint stays.", default=True)
