"""What training scripts read: every format of data, as the engine reads it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.engine.training import trained
from tests.exchange.scripts import Written, same

SPEC = """
inputs: {v: [3], kind: [3], size: [1]}
layers:
  both: {type: Concatenate, from: [v, kind, size]}
  y: {type: Dense, units: 1}
outputs: {y: {loss: mse}}
data:
  fields:
    kind: {column: kind, encode: OneHot}
    size: {column: size, encode: Standardize}
train: {optimizer: adam, epochs: 2, batch_size: 4, shuffle: false}
"""
COLUMNS = {"v": {"columns": ["a", "b", "c"]}}
PICTURES = """
inputs: {image: [4, 5, CHANNELS]}
layers: {flat: {type: Flatten}, label: {type: Dense, units: 3, activation: softmax}}
outputs: {label: {loss: sparse_categorical_crossentropy, metrics: [accuracy]}}
train: {optimizer: adam, epochs: 2, batch_size: 4, shuffle: false}
"""


def rows(count=10):
    draw = np.random.default_rng(5)
    return [
        {"v": [round(float(x), 3) for x in draw.normal(size=3)], "kind": "xyz"[at % 3],
         "size": at, "y": round(float(draw.normal()), 3)}
        for at in range(count)
    ]  # fmt: skip


def table():
    pa = pytest.importorskip("pyarrow")
    return pa.table({key: [row[key] for row in rows()] for key in rows()[0]})


def delimited(folder, name, delimiter, header=True):
    lines = [["a", "b", "c", "kind", "size", "y"]] if header else []
    lines += [[*row["v"], row["kind"], row["size"], row["y"]] for row in rows()]
    text = "\n".join(delimiter.join(map(str, line)) for line in lines)
    (folder / name).write_text(text + "\n", encoding="utf-8")


def csv_file(folder):
    delimited(folder, "rows.csv", ",")
    return {"train": "rows.csv", "fields": COLUMNS}


def csv_without_names(folder):
    delimited(folder, "rows.txt", ";", header=False)
    fields = {"v": {"columns": ["0", "1", "2"]}, "y": {"column": "5"},
              "kind": {"column": "3", "encode": "OneHot"},
              "size": {"column": "4", "encode": "Standardize"}}  # fmt: skip
    source = {"type": "CSV", "path": "rows.txt", "delimiter": ";", "header": False}
    return {"train": source, "fields": fields}


def two_tsv_files(folder):
    delimited(folder, "one.tsv", "\t")
    delimited(folder, "two.tsv", "\t")
    return {"train": ["one.tsv", "two.tsv"], "fields": COLUMNS, "validation": 0.25}


def jsonl_file(folder):
    text = "\n\n".join(json.dumps(row) for row in rows())
    (folder / "rows.jsonl").write_text(text, encoding="utf-8")
    return {"train": "rows.jsonl", "validation": "rows.jsonl"}


def parquet_file(folder):
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(table(), folder / "rows.parquet", row_group_size=4)
    return {"train": "rows.parquet", "validation": 0.2}


def arrow_file(folder):
    pa = pytest.importorskip("pyarrow")
    with (
        pa.OSFile(str(folder / "rows.arrow"), "wb") as file,
        pa.ipc.new_file(file, table().schema) as writer,
    ):
        writer.write_table(table(), max_chunksize=4)
    return {"train": "rows.arrow"}


def feather_file(folder):
    pytest.importorskip("pyarrow.feather").write_feather(table(), folder / "rows.feather")
    return {"train": "rows.feather"}


def arrays():
    listed = rows()
    return {key: np.array([row[key] for row in listed]) for key in listed[0]}


def several_formats(folder):
    delimited(folder, "rows.tsv", "\t")
    (folder / "held.jsonl").write_text("\n".join(map(json.dumps, flat())), encoding="utf-8")
    return {"train": "rows.tsv", "validation": "held.jsonl", "fields": COLUMNS}


def flat():
    """The rows without lists."""
    return [{**dict(zip("abc", row["v"], strict=True)), **row} for row in rows()]


def npz_then_csv(folder):
    np.savez(
        folder / "rows.npz",
        **{key: np.array([row[key] for row in flat()]) for key in "abcy"},
        size=np.arange(10),
        kind=np.array(["x", "y", "z", "x", "y", "z", "x", "y", "z", "x"]),
    )
    delimited(folder, "held.csv", ",")
    return {"train": "rows.npz", "validation": "held.csv", "fields": COLUMNS}


def npz_file(folder):
    np.savez(folder / "rows.npz", **arrays())
    return {"train": "rows.npz"}


def npy_folder(folder):
    (folder / "rows").mkdir()
    for name, values in arrays().items():
        np.save(folder / "rows" / f"{name}.npy", values)
    return {"train": "rows"}


def npy_files(folder):
    npy_folder(folder)
    return {"train": [f"rows/{name}.npy" for name in arrays()]}


def pictures(folder, names, size=(4, 5)):
    image = pytest.importorskip("PIL.Image")
    draw = np.random.default_rng(6)
    for name in names:
        (folder / name).mkdir(parents=True)
        for at in range(3):
            pixels = draw.integers(0, 256, (*size, 3), dtype=np.uint8)
            image.fromarray(pixels).save(folder / name / f"{at}.{['png', 'bmp', 'PNG'][at]}")


def image_folder(folder):
    pictures(folder / "shots", ["10", "9", "two"])
    return {"train": "shots"}


def image_folder_of_numbers(folder):
    pictures(folder / "shots", ["10", "9", "-1"])
    return {"train": "shots"}


def images_resized(folder):
    for part in ("train", "held"):
        pictures(folder / part, ["a", "b", "c"], (8, 7))
    train, held = (
        {"type": "Images", "path": part, "size": [4, 5], "mode": "grayscale"}
        for part in ("train", "held")
    )
    return {"train": train, "validation": held,
            "fields": {"label": {"column": "label", "encode": "Labels"}}}  # fmt: skip


def several_folders(folder):
    pictures(folder / "one", ["a", "b"])
    pictures(folder / "two", ["b", "c"])
    return {"train": {"type": "Images", "path": ["one", "two"]}}


MANY = [csv_without_names, two_tsv_files, jsonl_file, parquet_file, arrow_file, several_formats,
        image_folder, images_resized, several_folders]  # fmt: skip
MORE = [csv_file, feather_file, npz_then_csv, npz_file, npy_folder, npy_files,
        image_folder_of_numbers]  # fmt: skip
IMAGES = (image_folder, image_folder_of_numbers, images_resized, several_folders)


def spec_of(make, folder: Path) -> Path:
    data = make(folder)
    grey = make is images_resized
    text = PICTURES.replace("CHANNELS", "1" if grey else "3") if make in IMAGES else SPEC
    told = yaml.safe_load(text)
    fields = {**told.get("data", {}).get("fields", {}), **data.pop("fields", {})}
    told["data"] = data | ({"fields": fields} if fields else {})
    (folder / "spec.yaml").write_text(yaml.safe_dump(told, sort_keys=False), encoding="utf-8")
    return folder / "spec.yaml"


@pytest.mark.parametrize(
    "make",
    [*MANY, *(pytest.param(one, marks=pytest.mark.nightly) for one in MORE)],
    ids=lambda one: one.__name__,
)
def test_every_format_is_read_as_the_engine_reads_it(make, tmp_path):
    run = trained(spec_of(make, tmp_path), tmp_path / "run")
    made = Written("", tmp_path, run)
    same(made.trained(), made.engine(tmp_path / "log"))


@pytest.mark.nightly
def test_scripts_read_where_nothing_of_ours_is_known(tmp_path):
    makes = [two_tsv_files, jsonl_file, arrow_file, images_resized]
    histories = {}
    for make in makes:
        (tmp_path / make.__name__).mkdir()
        run = trained(spec_of(make, tmp_path / make.__name__), tmp_path / make.__name__ / "run")
        histories[make.__name__] = Written("", tmp_path / make.__name__, run).engine(tmp_path)
    ran = subprocess.run([sys.executable, "-c", ALONE, *histories], cwd=tmp_path, text=True,
                         capture_output=True, check=True)  # fmt: skip
    found = json.loads(ran.stdout.splitlines()[-1])
    for name, history in histories.items():
        same(found[name], history, near=1e-4, nearly=1e-4)


ALONE = """
import importlib, json, os, sys
sys.modules["modelspec"] = None
found = {}
for name in sys.argv[1:]:
    sys.path.insert(0, os.path.abspath(name))
    script = importlib.import_module("train_model")
    found[name] = script.train(script.ready(script.load(os.path.join(name, "model.safetensors"))))
    del sys.path[0], sys.modules["model"], sys.modules["train_model"]
print(json.dumps(found))
"""
