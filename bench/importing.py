"""How much processor time the import of a Keras model takes, beside Keras's own loading of it.

User and system time of whole processes: what else runs on the machine counts for little.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.measure import table

ROUNDS = 5
MODELS = ("ResNet50", "EfficientNetB0", "NASNetMobile")
MAKE = """
import sys, keras
from functools import partial
from keras.src.applications.nasnet import NASNet
mobile = partial(NASNet, penultimate_filters=1056, num_blocks=4, stem_block_filters=32,
                 skip_reduction=False, filter_multiplier=2, default_size=224)
build = mobile if sys.argv[1] == "NASNetMobile" else getattr(keras.applications, sys.argv[1])
build(weights=None, input_shape=(224, 224, 3)).save(sys.argv[2])
"""
LOAD = "import sys, keras; keras.saving.load_model(sys.argv[1])"


def run(*arguments: str) -> None:
    environment = {**os.environ, "KERAS_BACKEND": "torch", "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, *arguments], env=environment, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip


def seconds(*arguments: str) -> float:
    """The processor time of a process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(*arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    torch = statistics.median(seconds("-c", "import torch") for _ in range(ROUNDS))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in MODELS:
            path = str(Path(folder, f"{name}.keras"))
            run("-c", MAKE, name, path)
            ours, theirs = [], []
            for number in range(ROUNDS):
                target = str(Path(folder, f"{name}-{number}"))
                ours.append(seconds("-m", "modelspec", "import", path, "-o", target))
                theirs.append(seconds("-c", LOAD, path))
            middle = statistics.median(ours)
            ratio = statistics.median(t / o for o, t in zip(ours, theirs, strict=True))
            rows.append([name, f"{middle:.2f}", f"{middle / torch:.2f}", f"{ratio:.1f}"])
    table(
        "Import (budget: 3 s for ResNet50, torch not imported)",
        ["model", "s of processor", "x import torch", "Keras takes x"],
        rows,
    )
