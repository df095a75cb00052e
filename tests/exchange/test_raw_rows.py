"""Exported Python takes raw rows: encoders and layers over texts came along."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np

import modelspec
from modelspec.cli.shell import run as cli
from modelspec.engine.run import build, load
from modelspec.exchange import export_python
from modelspec.exchange.export import export
from tests.engine.training import trained

SPEC = """
inputs:
  review: {shape: [], dtype: string}
  place: [2]
  size: [1]
  kind: [3]
  title: {shape: [4], dtype: int32}
layers:
  tokens: {type: TextVectorization, max_tokens: 20, output_sequence_length: 5, from: review}
  embedded: {type: Embedding, input_dim: 20, output_dim: 3, mask_zero: true}
  read: {type: LSTM, units: 3}
  bins: {type: Hashing, num_bins: 5, from: review, output_mode: one_hot}
  known: {type: StringLookup, vocabulary: [good film], output_mode: one_hot, from: review}
  titled: {type: Embedding, input_dim: 30, output_dim: 2, from: title}
  flat: {type: Flatten}
  both: {type: Concatenate, from: [read, place, size, kind, bins, known, flat]}
  label: {type: Dense, units: 3, activation: softmax}
  price: {type: Dense, units: 1, from: both}
outputs:
  label: {loss: sparse_categorical_crossentropy}
  price: {loss: mse}
data:
  train: rows.csv
  fields:
    place: {columns: [a, b], encode: Standardize}
    size: {column: a, encode: {type: Scale, range: [-1, 1]}}
    kind: {column: kind, encode: OneHot}
    title: {column: review, encode: {type: Words, vocabulary: 30}}
    label: {column: label, encode: Labels}
    price: {column: b, encode: Standardize}
train: {epochs: 1, batch_size: 8}
"""


def rows(folder):
    draw = np.random.default_rng(3)
    words = ["good", "film", "bad,", "awful", "GREAT", "really", "a", "movie"]
    lines = ["review,a,b,kind,label"]
    for at in range(24):
        text = " ".join(draw.choice(words, draw.integers(1, 8)))
        label = ["no", "yes", "may be"][at % 3]
        lines.append(f'"{text}",{draw.random():.4f},{at},{"xyz"[at % 3]},{label}')
    (folder / "rows.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "spec.yaml").write_text(SPEC, encoding="utf-8")
    return list(csv.DictReader(lines))


def test_raw_rows_are_predicted_as_the_run_predicts_them(tmp_path):
    given = rows(tmp_path)
    run = trained(tmp_path / "spec.yaml", tmp_path / "run")
    made = export(run.folder, "python", str(tmp_path / "made.py"))
    assert not made.fails
    defined = export_python.loaded(made.files[0])
    found = defined["predict"](defined["load"](made.files[1]), given)
    out = tmp_path / "out.npz"
    assert not cli(["predict", run.folder, "--data", str(tmp_path / "rows.csv"), "-o", str(out)])
    with np.load(out) as expected:
        assert [one["label"] for one in found] == expected["label"].tolist()
        prices = [one["price"] for one in found]
        np.testing.assert_allclose(prices, expected["price"], rtol=1e-5, atol=1e-5)


def test_the_files_run_where_nothing_of_ours_is_known(tmp_path):
    rows(tmp_path)
    run = trained(tmp_path / "spec.yaml", tmp_path / "run")
    folder = load(run.folder).folder
    target = str(tmp_path / "made.py")
    assert cli(["export", folder, "--to", "python", "--with-training", "-o", target]) == 0
    code = (
        "import sys; sys.modules['modelspec'] = None; sys.argv = ['train_made.py']; "
        "sys.path.insert(0, '.'); import train_made; train_made.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("epoch 1/1  loss ")
    assert (tmp_path / "made_trained.safetensors").exists()
    linted = subprocess.run(
        [Path(sys.executable).parent / "ruff", "check", "--isolated", "--select", "E,F,I,UP",
         "--line-length", "100", "made.py", "train_made.py"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert linted.returncode == 0, linted.stdout


def test_a_training_script_goes_with_python_alone(tmp_path, capsys):
    code = cli(["export", "run", "--to", "onnx", "--with-training", "-o", str(tmp_path / "m")])
    assert code == 2
    assert "--with-training goes with --to python" in capsys.readouterr().err


HASHED = """
inputs:
  city: {shape: [], dtype: string}
  street: {shape: [1], dtype: string}
  streets: {shape: [2], dtype: string}
  hour: {shape: [], dtype: int32}
  code: {shape: [1], dtype: int64}
  codes: {shape: [2], dtype: int64}
layers:
  crossed: {type: HashedCrossing, num_bins: 7, output_mode: one_hot, from: [city, hour]}
  vectors: {type: HashedCrossing, num_bins: 1000, from: [street, code]}
  numbers: {type: HashedCrossing, num_bins: 1000, from: [code, code]}
  salted: {type: Hashing, num_bins: 1000, salt: 133, from: city}
  twice: {type: Hashing, num_bins: 9, salt: [133, 137], output_mode: count, from: streets}
  masked: {type: Hashing, num_bins: 9, mask_value: "Köln", from: city}
  coded: {type: Hashing, num_bins: 1000, salt: 5, from: codes}
  looked:
    {type: StringLookup, vocabulary: [Bonn], num_oov_indices: 90, salt: [1, 2],
     from: city}
  counted:
    {type: IntegerLookup, vocabulary: [7], num_oov_indices: 90, oov_method: farmhash, salt: 3,
     from: codes}
outputs: [crossed, vectors, numbers, salted, twice, masked, coded, looked, counted]
"""
CITIES = ["Bonn", "Köln", "", "a city of seventeen", "a" * 40, "東京" * 30, "b" * 200]


def test_hashes_of_texts_and_numbers_are_those_of_the_run(tmp_path):
    given = {
        "city": np.array(CITIES, object),
        "street": np.array([[one[::-1]] for one in CITIES], object),
        "streets": np.array([[one, one[::-1]] for one in CITIES], object),
        "hour": np.arange(7, dtype=np.int32) - 3,
        "code": 10 ** np.arange(7, 14)[:, None],
        "codes": np.stack([np.arange(7), -(10 ** np.arange(7, 14))], 1),
    }
    folder = build(modelspec.check(HASHED), str(tmp_path / "run")).folder
    made = export(folder, "python", str(tmp_path / "made.py"))
    assert not made.fails
    defined = export_python.loaded(made.files[0])
    rows = [
        dict(zip(given, (one.tolist() if isinstance(one, np.ndarray) else one for one in row),
                 strict=True))
        for row in zip(*given.values(), strict=True)
    ]  # fmt: skip
    found = defined["predict"](defined["load"](made.files[1]), rows)
    wanted = load(folder).predict(given)
    assert list(found[0]) == list(wanted)
    for name, values in wanted.items():
        assert [one[name] for one in found] == values.tolist(), name
