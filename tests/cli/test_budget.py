"""`validate --budget`, and what a machine has."""

from __future__ import annotations

import json

import pytest

from modelspec.model import machine
from modelspec.model.lints import room

#: 1,001 parameters; with Adam's two slots and 100 samples of 1,001 numbers and a target.
SPEC = """\
inputs: {x: [1000]}
layers:
  y: {type: Dense, units: 1}
outputs:
  y: {loss: mse}
train: {optimizer: adam, batch_size: 100}
"""


def test_within_the_budget_it_says_how_much_is_taken(modelspec, spec):
    spec(SPEC)
    done = modelspec("validate", "spec.yaml", "--budget", "24GB")
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "spec.yaml is valid: 1 layer, 1,001 parameters, 407.8 KiB of 24GB with 100 samples a step\n"
    )


def test_over_the_budget_is_an_error_with_the_arithmetic(modelspec, spec, snapshot):
    spec(SPEC)
    done = modelspec("validate", "spec.yaml", "--budget", "100KiB")
    assert (done.code, done.out) == (1, "")
    snapshot("validate_budget.txt", done.err)


def test_the_batch_size_that_is_said_to_fit_fits_and_the_next_does_not(modelspec, spec):
    spec(SPEC)
    budget = ("--budget", "100KiB")
    for batch, code in ((21, 0), (22, 1)):
        setting = f"train.batch_size={batch}"
        assert modelspec("validate", "spec.yaml", *budget, "--set", setting).code == code


@pytest.mark.parametrize(
    ("written", "count"),
    [
        ("24GB", 24 * 10**9), ("512MiB", 512 * 2**20), ("1.5e9", 1_500_000_000),
        ("80 GiB", 80 * 2**30), ("7b", 7), ("100kb", 100_000), ("2TiB", 2 * 2**40),
    ],
)  # fmt: skip
def test_sizes_are_read_as_people_write_them(written, count):
    assert machine.read_size(written) == count


@pytest.mark.parametrize("written", ["24G", "-1GB", "0", "GB", "1e400", "1,5GB", "nan", "1e-3", ""])
def test_what_is_no_size_is_wrong_usage(modelspec, spec, written):
    spec(SPEC)
    done = modelspec("validate", "spec.yaml", "--budget", written)
    assert done.code == 2
    assert "is no size; write 24GB, 512MiB or 1.5e9" in done.err


def test_without_a_budget_the_machine_is_the_limit_and_a_warning(modelspec, spec, monkeypatch):
    spec(SPEC)
    monkeypatch.setattr(room, "physical_memory", lambda: 100 * 1024)
    done = modelspec("validate", "spec.yaml")
    assert done.code == 0
    assert "warning[too-much-memory]" in done.err
    assert "this machine has 100.0 KiB" in done.err
    spec(SPEC.replace("batch_size: 100", "batch_size: 100, allow: too-much-memory"))
    assert modelspec("validate", "--strict", "spec.yaml").code == 0


def test_with_a_budget_the_machine_is_no_matter(modelspec, spec, monkeypatch):
    spec(SPEC)
    monkeypatch.setattr(room, "physical_memory", lambda: 100 * 1024)
    assert modelspec("validate", "--strict", "spec.yaml", "--budget", "1GB").err == ""


def test_an_open_size_leaves_at_least_that_much(modelspec, spec):
    spec("inputs: {x: [time, 8]}\nlayers: {y: {type: Dense, units: 4}}\n"
         "outputs: {y: {loss: mse}}\n")  # fmt: skip
    done = modelspec("validate", "spec.yaml", "--budget", "1GB")
    assert "at least " in done.out


def test_summary_shows_the_same_number(modelspec, spec):
    spec(SPEC)
    done = modelspec("summary", "spec.yaml")
    assert "memory of training     407.8 KiB with 100 samples a step\n" in done.out
    document = json.loads(modelspec("summary", "spec.yaml", "--format", "json").out)
    assert (document["batch_size"], document["step_bytes"] // 1024) == (100, 407)


def group(tmp_path, monkeypatch, lines, files):
    (tmp_path / "cgroup").write_text(lines)
    for name, text in files.items():
        (tmp_path / "fs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "fs" / name).write_text(text)
    monkeypatch.setattr(machine, "GROUPS", str(tmp_path / "cgroup"))
    monkeypatch.setattr(machine, "CONTROL", str(tmp_path / "fs"))


def test_the_limit_of_a_control_group_counts_and_those_around_it(tmp_path, monkeypatch):
    group(tmp_path, monkeypatch, "0::/a/b\n",
          {"a/b/memory.max": "max\n", "a/memory.max": "5000\n",
           "memory.max": "9000\n"})  # fmt: skip
    assert machine.physical_memory() == 5000


def test_so_does_one_of_the_first_version(tmp_path, monkeypatch):
    group(tmp_path, monkeypatch, "3:cpu:/x\n7:memory:/x\n",
          {"memory/x/memory.limit_in_bytes": "4096\n"})  # fmt: skip
    assert machine.physical_memory() == 4096


def test_without_control_groups_it_is_the_machine(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "GROUPS", str(tmp_path / "none"))
    assert machine.physical_memory() > 2**28
