"""How a command ends: exit codes, and what is said where."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from modelspec.cli.output import as_json
from tests.cli.specs import TWEETS
from tests.conftest import cli_environment


@pytest.fixture
def failing(modelspec, spec, monkeypatch):
    """`validate` where the compiler raises what it is told."""

    def run(error, *options):
        import modelspec.compiler

        def fail(*_, **__):
            raise error

        spec(TWEETS)
        monkeypatch.setattr(modelspec.compiler, "compile", fail)
        return run_it("validate", "spec.yaml", *options)

    run_it = modelspec
    return run


class OutOfMemoryError(RuntimeError):
    """As torch's is called."""


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (MemoryError(), 5, "out of memory"),
        (OutOfMemoryError("CUDA out of memory. Tried ..."), 5, "out of memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), 5, "memory"),
        (PermissionError(13, "Permission denied", "runs/x"), 4, "runs/x: permission denied"),
        (KeyboardInterrupt(), 130, ""),
        (ZeroDivisionError("division by zero"), 70, "a fault of the tool itself"),
        (RecursionError("maximum recursion depth exceeded"), 70, "a fault of the tool itself"),
    ],
)
def test_each_end_has_its_code(failing, error, code, said):
    done = failing(error)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert "Traceback" not in done.err
    assert bool(done.err) == bool(said)


@pytest.mark.parametrize(("closed", "code"), [("<&-", 1), (">&-", 0), ("2>&-", 0)])
def test_a_closed_stream_is_no_fault(spec, tmp_path, closed, code):
    spec(TWEETS)
    read = "-" if closed == "<&-" else "spec.yaml"
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m modelspec validate {read} {closed}"],
        cwd=tmp_path,
        env=cli_environment(),
        check=False,
    )
    assert done.returncode == code


def test_a_traceback_is_shown_where_that_is_asked(failing, monkeypatch):
    monkeypatch.setenv("MODELSPEC_TRACEBACK", "1")
    done = failing(ZeroDivisionError("division by zero"))
    assert done.code == 70
    assert "Traceback" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["validate"], "Missing argument 'SPEC...'"),
        (["validate", "--frmat", "json", "x"], "--format"),
        (["vaildate"], "did you mean `validate`?"),
        (["summary", "spec.yaml", "--format", "xml"], "'xml' is not one of"),
        (["train"], "name a SPEC to train"),
        (["predict", "run"], "name the data"),
        (["predict", "run", "x.csv", "-o", "answers.docx"], "say --format"),
    ],
)
def test_wrong_usage_is_2_and_says_why(modelspec, arguments, said):
    done = modelspec(*arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


@pytest.mark.parametrize("command", ["validate", "summary", "show", "graph", "train", "build"])
def test_a_file_that_cannot_be_read_is_4(modelspec, command):
    done = modelspec(command, "nowhere.yaml")
    assert (done.code, done.out) == (4, "")
    assert done.err == "error: cannot read nowhere.yaml: no such file or directory\n"


@pytest.mark.parametrize("command", [["evaluate"], ["predict", "--data", "x.csv"]])
def test_a_folder_that_is_no_run_is_4(modelspec, command):
    done = modelspec(*command, "nowhere")
    assert done.code == 4
    assert "no such run folder" in done.err


def test_a_place_that_cannot_be_written_is_4(modelspec, spec):
    spec(TWEETS)
    done = modelspec("graph", "spec.yaml", "-o", "no/such/folder/picture.svg")
    assert done.code == 4
    assert "no/such/folder/picture.svg" in done.err


def test_version_and_help(modelspec):
    import modelspec as package

    assert modelspec("--version").out == f"modelspec {package.__version__}\n"
    assert "validate" in modelspec("--help").out
    assert modelspec("validate", "-h").code == 0


@pytest.mark.parametrize(
    ("closed", "said"),
    [("<&-", "spec.yaml is valid: 4 layers"), ("2>&-", "spec.yaml is valid: 4 layers"),
     (">&-", ""), ("<&- >&- 2>&-", "")],
)  # fmt: skip
def test_a_stream_that_the_shell_closed_is_dev_null(spec, tmp_path, closed, said):
    spec(TWEETS)
    done = subprocess.run(
        ["sh", "-c", f"exec {sys.executable} -m modelspec validate spec.yaml {closed}"],
        cwd=tmp_path, env=cli_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split(",")[0] == said


def test_the_ending_of_a_picture_says_its_format(modelspec, spec, tmp_path):
    spec(TWEETS)
    for name, start in (("a.svg", "<svg"), ("a.dot", "digraph"), ("a.mmd", "flowchart")):
        assert modelspec("graph", "spec.yaml", "-o", name).code == 0
        assert (tmp_path / name).read_text().startswith(start)
    done = modelspec("graph", "spec.yaml", "-o", "a.png")
    assert done.code == 2
    assert "no format is known by the ending of a.png" in done.err


def test_a_closed_pipe_ends_quietly(spec, tmp_path):
    spec(TWEETS)
    child = subprocess.Popen(
        [sys.executable, "-m", "modelspec", "layers", "--format", "json"],
        cwd=tmp_path, env=cli_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    child.stdout.close()
    assert child.wait(60) == 141
    assert child.stderr.read() == b""
    child.stderr.close()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_with_its_code_and_in_silence(tmp_path, number, code):
    child = subprocess.Popen(
        [sys.executable, "-m", "modelspec", "validate", "-"],
        cwd=tmp_path, env=cli_environment(),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    child.stdin.write(b"inputs:\n")
    child.stdin.flush()
    wait_until_reading(child)
    child.send_signal(number)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out, err) == (code, b"", b"")


def wait_until_reading(child):
    """Until it waits for more of the spec."""
    import time
    from pathlib import Path

    place = Path(f"/proc/{child.pid}/wchan")
    for _ in range(600):
        time.sleep(0.05)
        if "pipe" in place.read_text():
            return


def test_colours_are_for_terminals_alone(run_cli, spec):
    spec(TWEETS.replace("units", "unit"))
    done = run_cli("validate", "spec.yaml", env={"NO_COLOR": ""})
    assert done.code == 1
    assert "\x1b" not in done.err


def test_python_m_modelspec_is_the_command_line(spec, tmp_path):
    spec(TWEETS)
    done = subprocess.run(
        [sys.executable, "-m", "modelspec", "validate", "spec.yaml"],
        cwd=tmp_path, env=cli_environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "spec.yaml is valid: 4 layers, 817 parameters\n"


def test_a_window_of_one_cell_in_larger_steps_trains_to_the_end(run_cli, tmp_path):
    (tmp_path / "spec.yaml").write_text("""
inputs: {x: [8, 8, 4]}
layers:
  - {type: Conv2D, filters: 4, kernel_size: 1, strides: 2}
  - {type: Flatten}
outputs: {flatten: {loss: mse}}
data: {type: Synthetic, samples: 512}
train: {epochs: 2}
""")
    done = run_cli("train", "spec.yaml", env={"OMP_NUM_THREADS": "1"})
    assert (done.code, "loss" in done.out) == (0, True), done.err  # torch itself would crash


def test_a_result_for_scripts_is_json_whatever_was_measured(capsys):
    as_json({"loss": float("nan"), "values": [float("inf"), 1.5]})
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == {
        "loss": None, "values": [None, 1.5],
    }  # fmt: skip
