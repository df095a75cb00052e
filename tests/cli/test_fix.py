"""`validate --fix`: what is sure is mended, and not a byte else is touched."""

from __future__ import annotations

import os

import pytest

from modelspec.cli.fix import rewrite
from modelspec.compiler import compile
from modelspec.source.diagnostics import Rejected
from modelspec.source.fixes import applied, edits
from modelspec.source.text import Source

WRONG = """\
# A comment, kept.
input: {image: [8, 8, 3]}   # and this
layres:
  conv: {type: Covn2D, filters: 4, kernel_szie: 3,   use_bias: yes, padding: "smae"}
  flat: {type: flaten}
  y:    {type: Dense, unit: 2, activation: sofmax, from: flta}
outputs:
  y: {lss: sparse_categorical_crosentropy, metrics: [acuracy]}
trian: {optimizer: {type: adma, learning_rte: 0.1}, epochs: 2}
"""
RIGHT = (
    WRONG.replace("input:", "inputs:").replace("layres", "layers").replace("Covn2D", "Conv2D")
    .replace("szie", "size").replace("yes", "true").replace('"smae"', "same")
    .replace("flaten", "flatten").replace("unit:", "units:").replace("sofmax", "softmax")
    .replace("flta", "flat").replace("lss", "loss").replace("crosentropy", "crossentropy")
    .replace("acuracy", "accuracy").replace("trian", "train").replace("adma", "adam")
    .replace("rte", "rate")
)  # fmt: skip


def test_every_slip_is_mended_and_the_rest_kept(modelspec, spec, tmp_path):
    path = spec(WRONG)
    done = modelspec("validate", "--fix", "spec.yaml")
    assert path.read_text() == RIGHT
    assert done.code == 0
    assert done.err == "spec.yaml: 16 fixes made\n"
    assert "spec.yaml is valid" in done.out
    assert os.listdir(tmp_path) == ["spec.yaml"]


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("from: {qurey: x, value: x}", "from: {query: x, value: x}"),
        ("from: [x, seqs.hiden]", "from: [x, seqs.hidden]"),
        ('units: "${2 * widht}"', 'units: "${2 * width}"'),
        ("type: blk, wide: 3", "type: blk, wiide: 3"),
    ],
)
def test_slips_inside_calls_expressions_and_blocks_are_mended(wrong, right):
    entry = {
        "from: {q": "{type: MultiHeadAttention, num_heads: 1, key_dim: 2, %s}",
        "from: [": "{type: Concatenate, %s}",
        "units": "{type: Dense, %s, from: x}",
        "type": "{%s, from: x}",
    }
    form = next(text for start, text in entry.items() if wrong.startswith(start))
    text = f"""\
params: {{width: 4}}
inputs: {{x: [5, 4]}}
blocks: {{blk: {{params: {{wiide: 2}}, inputs: {{x: [null, null]}}, layers: [{{type: Dense, units: "${{wiide}}"}}]}}}}
layers:
  seqs: {{type: LSTM, units: 4, return_sequences: true, return_state: true}}
  y: {form}
"""  # noqa: E501
    source = Source("spec.yaml", text % wrong)
    with pytest.raises(Rejected) as caught:
        compile(source)
    assert applied(source, edits(caught.value.diagnostics, source)) == text % right


@pytest.mark.parametrize("ends", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_a_byte_order_mark_stay(modelspec, tmp_path, ends, mark):
    path = tmp_path / "spec.yaml"
    path.write_bytes(mark + WRONG.replace("\n", ends).encode())
    path.chmod(0o640)
    assert modelspec("validate", "--fix", "spec.yaml").code == 0
    assert path.read_bytes() == mark + RIGHT.replace("\n", ends).encode()
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_link_stays_a_link(modelspec, spec, tmp_path):
    path = spec(WRONG, "real.yaml")
    (tmp_path / "link.yaml").symlink_to(path)
    assert modelspec("validate", "--fix", "link.yaml").code == 0
    assert (tmp_path / "link.yaml").is_symlink()
    assert path.read_text() == RIGHT


def test_where_nothing_can_be_put_aside_the_spec_itself_is_named():
    with pytest.raises(OSError, match=r"proc.version") as caught:
        rewrite("/proc/version", "inputs: {x: [3]}")
    assert caught.value.filename == "/proc/version"


def test_a_right_spec_is_not_written(modelspec, spec):
    path = spec(RIGHT)
    os.utime(path, (1, 1))
    done = modelspec("validate", "--fix", "spec.yaml")
    assert (done.code, done.err) == (0, "")
    assert path.stat().st_mtime == 1


def test_what_is_left_is_told_of_the_mended_text(modelspec, spec):
    path = spec("inputs: {x: [4]}\nlayres:\n  y: {type: Dense, units: many}\n")
    done = modelspec("validate", "--fix", "spec.yaml", "--format", "concise")
    assert done.code == 1
    assert "layers:" in path.read_text()
    assert "spec.yaml:3:27: error[wrong-value]" in done.err
    assert "layres" not in done.err


def test_the_text_of_stdin_goes_to_stdout_alone(modelspec):
    done = modelspec("validate", "--fix", "-", stdin=WRONG)
    assert (done.code, done.out) == (0, RIGHT)
    assert done.err.startswith("<stdin>: 16 fixes made\n<stdin> is valid")
    assert modelspec("validate", "--fix", "-", "--format", "json", stdin=WRONG).code == 2


@pytest.mark.parametrize(
    "spec",
    [
        # two candidates; another number; one that is there already; a word that may be meant
        "inputs: {x: [4]}\nlayers: {a: {type: Dens1, units: 1}}",
        "inputs: {x: [8, 8, 3]}\nlayers: {a: {type: Conv4D, filters: 1, kernel_size: 1}}",
        "inputs: {x: [4]}\nlayers: {a: {type: Dense, units: 1, unit: 2}}",
        "inputs: {in_1: [4]}\nlayers: {a: {type: Dense, units: 1, from: in_2}}",
        "inputs: {x: [4]}\nlayers: {a: {type: Linear, units: 1}}",
        "inputs: {x: [4], yard: [4]}\nlayers: {a: {type: Dense, units: 1, from: yar@0}}",
        'params: {a: "kernl"}\ninputs: {x: [4]}\nlayers: {a: {type: "${a}", units: 1}}',
    ],
)
def test_what_is_not_sure_is_left(spec):
    source = Source("spec.yaml", spec)
    with pytest.raises(Rejected) as caught:
        compile(source)
    assert applied(source, edits(caught.value.diagnostics, source)) == spec


def test_a_setting_is_not_mended_in_the_file(modelspec, spec):
    path = spec(RIGHT)
    done = modelspec("validate", "--fix", "spec.yaml", "--set", "layers.y.unts=3")
    assert done.code == 1
    assert path.read_text() == RIGHT
