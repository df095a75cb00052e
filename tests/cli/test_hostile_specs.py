"""Specs made to hurt: each is refused with a message, quickly, and no terminal is misled.

Weights and arrays made to hurt: tests/engine/test_weights.py and tests/data/test_arrays.py have
theirs one by one; some stand here for their time.
"""

from __future__ import annotations

import io
import json
import os
import struct
import time
import timeit
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from modelspec.compiler import compile
from modelspec.model.expressions import BadExpression, evaluate
from modelspec.source.diagnostics import Diagnostic, Rejected, Unreadable
from modelspec.source.render import render_all
from modelspec.source.text import Source

SECONDS = 0.1  # of this process; the best of some runs, for the machine may be busy
RUNS = 4
BYTES = 100_000_000
THOUSAND = "a thousand faults"  # 80 ms alone on a quick machine, 220 ms on a slow one

HEAD = "inputs: {x: [4]}\n"
DENSE = HEAD + "layers: [{type: Dense, units: 4}]\n"


def layers(entry: str) -> str:
    return f"{HEAD}layers: [{entry}]\n"


def blocks(levels: int, width: int) -> str:
    """Blocks of blocks: `width` to the power of `levels` layers."""
    text = HEAD + "blocks:\n  b0: {inputs: {x: [null]}, layers: [{type: Dense, units: 4}]}\n"
    for level in range(1, levels):
        inner = f"{{type: b{level - 1}, repeat: {width}}}"
        text += f"  b{level}: {{inputs: {{x: [null]}}, layers: [{inner}]}}\n"
    return text + f"layers: [{{type: b{levels - 1}, repeat: {width}}}]\n"


def doubling(levels: int, leaf: str) -> str:
    """Blocks that each use the one before twice, with two parameters that no other use gives."""
    text = f"{HEAD}blocks:\n  b0: {{params: {{n: 1}}, layers: [{leaf}]}}\n"
    for level in range(1, levels):
        inner = ", ".join(f'{{type: b{level - 1}, n: "${{2 * n + {i}}}"}}' for i in (0, 1))
        text += f"  b{level}: {{params: {{n: 1}}, layers: [{inner}]}}\n"
    return text + f"layers: [{{type: b{levels - 1}}}]\n"


def shared(levels: int, calls: int) -> str:
    """Graphs that each call the one before so many times."""
    text = HEAD + "shared:\n  s0: {type: Dense, units: 4}\n"
    for level in range(1, levels):
        inner = ", ".join([f"{{use: s{level - 1}}}"] * calls)
        text += f"  s{level}: {{inputs: {{x: [4]}}, layers: [{inner}]}}\n"
    return text + f"layers: [{{use: s{levels - 1}}}]\n"


def deep(levels: int, within: str) -> str:
    """Blocks inside blocks, each time inside many more levels of its own."""
    opened, closed = within.split("...")
    text = HEAD + "blocks:\n  b0: {layers: [{type: Dense, units: 4}]}\n"
    for level in range(1, levels):
        inner = opened * 40 + f"{{type: b{level - 1}}}" + closed * 40
        text += f"  b{level}: {{layers: [{inner}]}}\n"
    return text + f"layers: [{{type: b{levels - 1}}}]\n"


def laughs() -> str:
    text = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for one, before in zip("bcdefghi", "abcdefgh", strict=True):
        text += f"{one}: &{one} [{', '.join(['*' + before] * 9)}]\n"
    return text


SPECS: dict[str, str] = {
    "a billion laughs": laughs(),
    "an alias of itself": "a: &a [*a]\n",
    "a merge bomb": "a: &a {x: 1}\nb: {<<: [*a, *a, *a]}\n",
    "a tag that builds an object": 'a: !!python/object/apply:os.system ["true"]\n',
    "a tag that names a class": "a: !!python/name:os.system\n",
    "a local tag": "a: !mine {b: 1}\n",
    "a binary tag": "a: !!binary aGVsbG8=\n",
    "a directive": "%YAML 3.9\n---\na: 1\n",
    "lists in lists": "a: " + "[" * 100_000,
    "closed lists in lists": "a: " + "[" * 5_000 + "]" * 5_000,
    "mappings in mappings": "a: " + "{a: " * 10_000,
    "indented mappings": "".join(f"{' ' * i}a:\n" for i in range(2_000)),
    "dashes": "- " * 20_000 + "x",
    "question marks": "? " * 20_000 + "x",
    "a huge scalar": "name: " + "x" * 2_000_000,
    "a huge quoted scalar": 'name: "' + "x" * 2_000_000 + '"',
    "a huge key": "x" * 500_000 + ": 1",
    "a huge number": DENSE + "params: {a: " + "9" * 5_000 + "}",
    "a float past infinity": layers("{type: Dense, units: 1e9999999}"),
    "hexadecimal past sense": layers(f"{{type: Dense, units: 0x{'f' * 5000}}}"),
    "a NUL": DENSE + "name: a\0b",
    "an escape sequence": DENSE + "name: \x1b[31mred",
    "a bidirectional override in a key": DENSE + '"na\u202eme": x',
    "a bidirectional override in a name": HEAD + 'layers: {"\u202ea": {type: Dense, units: 4}}',
    "a zero-width name": HEAD + 'layers: {"\u200b": {type: Dense, units: 4}}',
    "an escaped control character in a type": layers('{type: "De\\x1b[2Jnse", units: 4}'),
    "an escaped bell in an argument": layers('{type: Dense, "un\\x07its": 4}'),
    "a line separator": DENSE + "name: a\u2028b: c",
    "a lone surrogate": DENSE + "name: \ud800",
    "a power of powers": layers('{type: Dense, units: "${9**9**9}"}'),
    "a power of powers in a text": DENSE + 'name: "a${9**9**9}"',
    "a product past sense": layers(f'{{type: Dense, units: "${{{"*".join(["9999999"] * 500)}}}"}}'),
    "brackets in an expression":
        layers(f'{{type: Dense, units: "${{{"(" * 5000}1{")" * 5000}}}"}}'),
    "minuses in an expression": layers(f'{{type: Dense, units: "${{{"-" * 9000}1}}"}}'),
    "a shift": layers('{type: Dense, units: "${1 << 99999999}"}'),
    "a call in an expression": layers("{type: Dense, units: \"${__import__('os')}\"}"),
    "an attribute in an expression": layers('{type: Dense, units: "${x.__class__}"}'),
    "a string that repeats": "params: {a: xx}\n"
    + layers('{type: Dense, units: "${a * 999999999}"}'),
    "params that double": "params:\n  a0: xxxxxxxxxx\n"
    + "".join(f'  a{i + 1}: "${{a{i}}}${{a{i}}}"\n' for i in range(60)) + DENSE,
    "10^15 parameters": layers("{type: Dense, units: 1000000000000000}"),
    "10^30 parameters": "inputs: {x: [1000000000000000]}\n"
    "layers: [{type: Dense, units: 1000000000000000}]",
    "a filter of 10^12": "inputs: {x: [8, 8, 3]}\n"
    "layers: [{type: Conv2D, filters: 1000000000000, kernel_size: 7}]",
    "an embedding of everything": "inputs: {x: {shape: [4], dtype: int32}}\n"
    "layers: [{type: Embedding, input_dim: 9223372036854775807, output_dim: 9223372036854775807}]",
    "a billion repeats": layers("{type: Dense, units: 4, repeat: 1000000000}"),
    "repeats past every number": layers("{type: Dense, units: 4, repeat: 1" + "0" * 300 + "}"),
    "blocks of blocks": blocks(12, 10),
    "blocks that double, each use another": doubling(30, '{type: Dense, units: "${n}"}'),
    "blocks that double what they repeat":
        doubling(14, '{type: Dense, units: 4, repeat: "${n}"}'),
    "blocks in wrappers of blocks": blocks(12, 10).replace(
        "{type: b0, repeat: 10}", "{type: TimeDistributed, layer: {type: b0}, repeat: 10}"),
    "graphs that call graphs twice": shared(40, 2),
    "graphs called in a long chain": shared(120, 1),
    "graphs in graphs in blocks": deep(45, "{layers: [...]}"),
    "wrappers in wrappers in blocks": deep(45, "{type: TimeDistributed, layer: ...}"),
    "a shape of thousands, repeated":
        layers(f"{{type: Reshape, target_shape: [{'1, ' * 9_000}1], repeat: 9999}}"),
    "a parameter of thousands in many blocks": f"params: {{a: [{'1, ' * 9_000}1]}}\n"
    + "blocks: {b: {layers: [{type: Reshape, target_shape: '${a}'}]}}\n"
    + layers("{type: b, repeat: 9999}"),
    "thousands of parameters in many blocks":
        f"params: {{{', '.join(f'a{i}: 1' for i in range(3_000))}}}\n"
        + "blocks: {b: {layers: [{type: ReLU}]}}\n" + layers("{type: b, repeat: 9999}"),
    "a block in itself": HEAD + "blocks: {b: {layers: [{type: b}]}}\nlayers: [{type: b}]",
    "a file outside": layers("{file: ../../../../../../etc/passwd}"),
    "an absolute file": layers("{file: /etc/passwd}"),
    "a file of the system's": layers("{file: /dev/zero}"),
    "the first process's memory": layers("{file: /proc/self/mem}"),
    "a home folder": layers("{file: ~root/.ssh/id_rsa}"),
    "a file with a NUL": layers('{file: "a\\0b.yaml"}'),
    "a file of a long name": layers(f"{{file: {'a' * 5000}.yaml}}"),
    "code of one's own": layers('{type: python, class: "os:system"}'),
    "code by a dotted type": layers("{type: os.system}"),
    "torch by its functions": layers("{type: torch.nn.functional.relu}"),
    "torch by its loader": layers("{type: torch.nn.modules.module.torch.load, f: x}"),
    "a thousand faults": HEAD + "layers:\n"
    + "".join(f"  a{i}: {{type: No{i}}}\n" for i in range(1000)),
    "one key ten thousand times": "a: 1\n" * 10_000,
}  # fmt: skip


@pytest.fixture
def quickly(figure):
    """What an action is refused with, for which it has little time."""

    def refused_quickly(action, seconds=SECONDS):
        found, took = timed(action, seconds)
        figure("hostile inputs refused", took)
        return found

    return refused_quickly


def timed(action: Callable[[], object], seconds: float) -> tuple[list[Diagnostic], float]:
    """What an action is refused with, and the quickest of some runs, which is quick."""
    best = 1e9
    found: list[Diagnostic] = []
    for _ in range(RUNS):
        begin = time.process_time()
        found = refused(action)
        best = min(best, time.process_time() - begin)
        if best < seconds:
            break
    assert found, "this was not refused"
    assert best < seconds, f"{best:.3f} s"
    return found, best


def refused(action: Callable[[], object]) -> list[Diagnostic]:
    try:
        action()
    except Rejected as rejected:
        return rejected.diagnostics
    except Unreadable as unreadable:
        return [Diagnostic("bad-file", str(unreadable))]
    return []


def from_file(path: str = "spec.yaml") -> object:
    return compile(Source.read(path))


@pytest.mark.parametrize("name", [name for name in SPECS if name != THOUSAND])
def test_a_hostile_spec_is_refused_at_once(name, tmp_path, monkeypatch, quickly):
    monkeypatch.chdir(tmp_path)
    refuses(SPECS[name], quickly)


@pytest.mark.timing
def test_a_thousand_faults_are_found_at_once(tmp_path, monkeypatch, quickly):
    monkeypatch.chdir(tmp_path)
    assert len(refuses(SPECS[THOUSAND], lambda action: quickly(action, 1.0))) == 1000


def test_what_is_past_a_thousand_faults_is_not_read():
    text = SPECS[THOUSAND] + "  b: {type: Conv}\n  c: {type: Conv}\n"
    *_, last = refused(lambda: compile(Source("spec.yaml", text)))
    assert (last.code, last.message) == ("too-large", "a spec is read up to its 1,000th error")
    assert last.span.text == "Conv"
    assert last.span.line == 1003


def refuses(text, quickly):
    Path("spec.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    found = quickly(from_file)
    shown = render_all(found, "full") + render_all(found, "concise")
    assert len(shown) < 500_000
    assert [c for c in shown if not (c.isprintable() or c == "\n")] == []
    for form in ("json", "sarif"):
        assert json.loads(render_all(found, form))
    assert all(line.startswith("::") for line in render_all(found, "github").split("\n"))
    return found


def test_there_are_at_least_forty():
    assert len(SPECS) >= 40


@pytest.mark.parametrize("name", SPECS)
def test_a_hostile_spec_takes_little_memory(name):
    tracemalloc.start()
    try:
        refused(lambda: compile(Source("spec.yaml", SPECS[name])))
        assert tracemalloc.get_traced_memory()[1] < BYTES
    finally:
        tracemalloc.stop()


def test_a_power_of_powers_is_refused_within_a_millisecond(figure):
    def nine():
        with pytest.raises(BadExpression, match="too large"):
            evaluate("9**9**9", {})

    took = min(timeit.repeat(nine, number=1, repeat=9))
    figure("powers of powers refused", took)
    assert took < 0.001


def test_blocks_below_the_limit_are_a_model():
    graph = compile(Source("spec.yaml", blocks(4, 9)))
    assert graph.spec.body.steps == len(graph.program.steps) == 9**4
    assert graph.parameters == 9**4 * (4 * 4 + 4)


def test_graphs_called_below_the_limit_are_a_model():
    graph = compile(Source("spec.yaml", shared(14, 2)))
    assert graph.spec.body.steps == len(graph.program.steps) == 2**13
    assert graph.parameters == 4 * 4 + 4


# -- files -------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A spec's folder, with a secret beside it."""
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "secret.yaml").write_text("password: hunter2\n  broken: [\n")
    monkeypatch.chdir(inside)
    return inside


@pytest.mark.parametrize("link", ["file", "folder", "chain", "dots"])
def test_links_are_followed_before_the_check(folder, link, quickly):
    target = {"file": "link.yaml", "folder": "sub/secret.yaml", "chain": "one.yaml",
              "dots": "sub/../../secret.yaml"}[link]  # fmt: skip
    (folder / "link.yaml").symlink_to("../secret.yaml")
    (folder / "one.yaml").symlink_to("link.yaml")
    (folder / "sub").symlink_to("..")
    (folder / "spec.yaml").write_text(layers(f"{{file: {target}}}"))
    found = quickly(from_file)
    assert [one.code for one in found] == ["outside-path"]
    assert "hunter2" not in render_all(found, "full")


def test_a_link_that_leads_to_itself_is_refused(folder, quickly):
    (folder / "loop.yaml").symlink_to("loop.yaml")
    (folder / "spec.yaml").write_text(layers("{file: loop.yaml}"))
    assert quickly(from_file)


def test_a_file_that_is_no_spec_is_never_quoted(folder, quickly):
    (folder / "secret.yaml").write_text("password: hunter2\n  broken: [\n")
    (folder / "spec.yaml").write_text(layers("{file: secret.yaml}"))
    found = quickly(from_file)
    assert [one.code for one in found] == ["not-a-spec"]
    for form in ("full", "json", "sarif", "github"):
        assert "hunter2" not in render_all(found, form)


def test_files_that_read_each_other_many_times_are_refused(folder, quickly):
    for i in range(30):
        other = f"{{file: f{i + 1}.yaml, from: x}}"
        (folder / f"f{i}.yaml").write_text(f"{HEAD}layers:\n  a: {other}\n  b: {other}\n")
    (folder / "f30.yaml").write_text(DENSE)
    (folder / "spec.yaml").write_text(layers("{file: f0.yaml}"))
    assert quickly(from_file)


@pytest.mark.parametrize("size", [9 * 1024 * 1024, 60 * 1024 * 1024])
def test_a_spec_of_megabytes_is_refused_unread(folder, size, quickly):
    (folder / "spec.yaml").write_bytes(b"# x\n" * (size // 4))
    assert [one.code for one in quickly(from_file)] == ["too-large"]


def test_a_pipe_without_an_end_is_refused(folder, quickly):
    assert [one.code for one in quickly(lambda: from_file("/dev/zero"))] == ["too-large"]


@pytest.mark.parametrize(
    "content", [b"\xff\xfea\0", b"PK\x03\x04\xff", b"\x80\x02}q\0.", bytes(range(128, 192))]
)
def test_bytes_that_are_no_text_are_refused(folder, content, quickly):
    (folder / "spec.yaml").write_bytes(content + b"\xff")
    assert [one.code for one in quickly(from_file)] == ["not-utf8"]


# -- weights and arrays ------------------------------------------------------------------------

FLOATS = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def tensors(header: bytes, body: bytes = b"\0" * 8, size: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if size is None else size) + header + body


WEIGHTS = {
    "a header of an exabyte": tensors(b"{}", size=1 << 60),
    "a header of the wrong length": tensors(b"{}", size=1),
    "a name twice": tensors(b'{"a": %s, "a": %s}' % ((json.dumps(FLOATS).encode(),) * 2)),
    "tensors that overlap": tensors(json.dumps({"a": FLOATS, "b": FLOATS}).encode()),
    "a hole": tensors(json.dumps({"a": FLOATS | {"data_offsets": [8, 16]}}).encode(), b"\0" * 16),
    "a shape past memory":
        tensors(json.dumps({"a": FLOATS | {"shape": [1 << 40, 1 << 40]}}).encode()),
    "a negative shape": tensors(json.dumps({"a": FLOATS | {"shape": [-2]}}).encode()),
    "lists in lists": tensors(b'{"a": ' + b"[" * 100_000),
    "a pickle": b"\x80\x04\x95\x0b\0\0\0\0\0\0\0\x8c\x02os\x8c\x06system\x93.",
}  # fmt: skip


@pytest.mark.parametrize("name", WEIGHTS)
def test_hostile_weights_are_refused_at_once(name, tmp_path, quickly):
    from modelspec.engine.weights import read

    path = tmp_path / "weights.safetensors"
    path.write_bytes(WEIGHTS[name])
    assert quickly(lambda: read(str(path)))


def pickled() -> bytes:
    file = io.BytesIO()
    np.savez(file, x=np.array([{}] * 4, object), y=np.zeros(4))
    return file.getvalue()


def unpacking_to(size: int) -> bytes:
    """An archive of little that unpacks to much."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("x", "y"):
            head = io.BytesIO()
            shape = {"descr": "<f4", "fortran_order": False, "shape": (1 << 40,)}
            np.lib.format.write_array_header_1_0(head, shape)
            archive.writestr(f"{name}.npy", head.getvalue() + b"\0" * size)
    return file.getvalue()


ARRAYS = {"pickles": pickled(), "a bomb": unpacking_to(1_000_000), "no archive": b"PK\x03\x04no"}


@pytest.mark.parametrize("name", ARRAYS)
def test_hostile_arrays_are_refused_at_once(name, tmp_path, monkeypatch, quickly):
    from modelspec.cli.validate import count_samples

    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.npz").write_bytes(ARRAYS[name])
    text = "inputs: {x: [1]}\nlayers: {y: {type: Dense, units: 1}}\noutputs: {y: {loss: mse}}\n"
    graph = compile(Source("spec.yaml", text + "data: rows.npz\n"))
    assert quickly(lambda: count_samples(graph))


# -- what waits, or changes --------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_a_file_that_is_none_is_not_waited_for(folder, kind, quickly):
    if kind == "pipe":
        os.mkfifo(folder / "other.yaml")
    elif kind == "device":
        (folder / "other.yaml").symlink_to("/dev/zero")
    else:
        (folder / "other.yaml").mkdir()
    (folder / "spec.yaml").write_text(layers("{file: other.yaml}"))
    found = quickly(from_file)
    assert [one.code for one in found] == ["outside-path" if kind == "device" else "unknown-file"]


def test_a_link_that_changes_behind_the_check_is_not_followed(folder):
    (folder / "other.yaml").symlink_to("../secret.yaml")
    real = str(folder / "other.yaml")  # what it was when it was looked at
    with pytest.raises(Unreadable) as refused:
        Source.read_file("other.yaml", real)
    assert "hunter2" not in str(refused.value)


def test_a_folder_that_becomes_a_link_behind_the_check_is_not_followed(folder):
    (folder / "sub").symlink_to("..")
    with pytest.raises(Unreadable, match="changed while it was read"):
        Source.read_file("sub/secret.yaml", str(folder / "sub" / "secret.yaml"))


def test_weights_in_a_pipe_are_not_waited_for(tmp_path, quickly):
    from modelspec.engine.weights import read

    os.mkfifo(tmp_path / "weights.safetensors")
    assert quickly(lambda: read(str(tmp_path / "weights.safetensors")))


def test_data_in_a_pipe_is_not_waited_for(folder, quickly):
    from modelspec.cli.validate import count_samples

    os.mkfifo(folder / "rows.csv")
    (folder / "spec.yaml").write_text(
        HEAD + "layers: {y: {type: Dense, units: 1}}\noutputs: {y: {loss: mse}}\ndata: rows.csv\n"
    )
    found = quickly(lambda: count_samples(compile(Source.read("spec.yaml"))))
    assert [one.code for one in found] == ["unknown-file"]


def test_a_torch_module_of_a_billion_layers_is_refused_unmade(quickly):
    entry = "{type: torch.nn.LSTM, input_size: 4, hidden_size: 4, num_layers: 1000000000}"
    found = quickly(lambda: compile(Source("spec.yaml", layers(entry))))
    assert [one.code for one in found] == ["rejected-argument"]


@pytest.mark.parametrize("output", [
    '{"\\e[31my": {from: y, loss: mse}}', '{"\\u202ey": {from: y, loss: mse}}',
    '{y: {loss: mse, metrics: [{type: MeanSquaredError, name: "\\e[2J"}]}}',
])  # fmt: skip
def test_a_name_that_a_terminal_would_obey_is_refused(output, quickly):
    text = f"{HEAD}layers: {{y: {{type: Dense, units: 1}}}}\noutputs: {output}\n"
    found = quickly(lambda: compile(Source("spec.yaml", text)))
    assert [one.code for one in found] == ["wrong-value"]
    assert "\x1b" not in render_all(found, "full")


def test_a_setting_of_endless_depth_is_refused(modelspec, tmp_path):
    (tmp_path / "spec.yaml").write_text(DENSE)
    done = modelspec("validate", "spec.yaml", "--set", ".".join(["a"] * 20_000) + "=1")
    assert done.code == 2
    assert "at most 100 names deep" in done.err
