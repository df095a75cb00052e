"""TAB in bash, zsh and fish: what is offered where, by the shells themselves; and nothing hurts."""

from __future__ import annotations

import os
import pty
import re
import resource
import select
import shlex
import shutil
import subprocess
import sys
import time

import pytest

from tests.cli.specs import EVERYTHING, TWEETS
from tests.conftest import cli_environment

#: What a shell gives a meaning to, in file names and in names of a spec.
HOSTILE_FILE = "my $(touch PWNED) spec.yaml"
HOSTILE_SPEC = """\
inputs: {x: [3]}
layers:
  "a$(touch PWNED)": {type: Dense, units: 3, from: x}
  "b c;touch PWNED": Flatten
  "d`touch PWNED`": Flatten
  "e\\nf'\\"": Flatten
  g\u202e: Flatten
  good: Flatten
"""
BASH = """
eval "$(modelspec completion bash)"
COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=($1) COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_modelspec_completion modelspec
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """A folder with specs, and the environment of a shell that knows `modelspec`."""
    tools = tmp_path / "bin"
    tools.mkdir()
    program = tools / "modelspec"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m modelspec "$@"\n')
    program.chmod(0o755)
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "tweets.yaml").write_text(TWEETS)
    (folder / "everything.yaml").write_text(EVERYTHING)
    (folder / HOSTILE_FILE).write_text(TWEETS)
    (folder / "runs").mkdir()
    (folder / "runs" / "spec.yaml").write_text(TWEETS)
    monkeypatch.chdir(folder)
    home = {"HOME": str(tmp_path), "TERM": "xterm", "LANG": "C.UTF-8", "SHELL": "/bin/bash"}
    return cli_environment() | home | {"PATH": f"{tools}:{os.environ['PATH']}"}


def run(arguments, environment):
    done = subprocess.run(
        arguments, env=environment, capture_output=True, encoding="utf-8", timeout=60, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.splitlines()


def bash(line, environment):
    """What COMPREPLY holds after a TAB at the line's end."""
    return [one for one in run(["bash", "--norc", "-c", BASH, "bash", line], environment) if one]


def fish(line, environment):
    script = f"modelspec completion fish | source; complete -C {shlex.quote(line)}"
    return [one.split("\t")[0] for one in run(["fish", "-c", script], environment)]


LINES = [
    ("modelspec va", ["validate"]),
    ("modelspec validate --str", ["--strict"]),
    ("modelspec validate --format ", ["full", "concise", "json", "github", "sarif"]),
    ("modelspec graph x --format m", ["mermaid"]),
    ("modelspec export x --to p", ["python", "pt2"]),
    ("modelspec layers ConvLSTM", ["ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"]),
    ("modelspec layers depth", ["depthwise_conv1d", "depthwise_conv2d"]),
    ("modelspec layers BinaryA", ["BinaryAccuracy"]),
    ("modelspec layers --group losses Bin", ["BinaryCrossentropy", "BinaryFocalCrossentropy"]),
    ("modelspec layers --group act", ["activations"]),
    ("modelspec explain ambi", ["ambiguous-name"]),
    ("modelspec train x --device c", ["cpu", "cuda"]),
    ("modelspec predict runs --at m", ["merged"]),
    ("modelspec predict tweets.yaml --at tw", ["tweet_a", "tweet_b"]),
    ("modelspec predict everything.yaml --at ed", ["edges", "edges."]),
    ("modelspec predict everything.yaml --at edges.", ["edges.conv2d"]),
    ("modelspec validate everything.yaml --set layers.de", ["layers.deep."]),
    ("modelspec validate everything.yaml --set layers.deep.un", ["layers.deep.units="]),
    ("modelspec validate everything.yaml --set params.", ["params.width="]),
    ("modelspec validate everything.yaml --set train.ep", ["train.epochs="]),
    (
        "modelspec validate everything.yaml --set train.optimizer.nes",
        ["train.optimizer.nesterov="],
    ),
    ("modelspec nonsense ", []),
]


@pytest.mark.parametrize(("line", "offered"), LINES, ids=[line for line, _ in LINES])
def test_bash_offers_what_fits_there(shell, line, offered):
    assert bash(line, shell) == offered


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("modelspec validate --format=j", ["json"]),
        ("modelspec predict tweets.yaml --at encoder@", ["0", "1"]),
        ("modelspec predict tweets.yaml --at=encoder@", ["0", "1"]),
        ("modelspec predict everything.yaml --at vision@0.max", ["0.max_pooling2d"]),
        ("modelspec validate everything.yaml --set train.optimizer=ad", ["adam", "adamw"]),
        ("modelspec validate everything.yaml --set layers.deep.use_bias=", ["true", "false"]),
    ],
)
def test_bash_takes_a_word_from_its_own_breaks_on(shell, line, offered):
    assert bash(line, shell)[: len(offered)] == offered


def test_bash_offers_specs_and_folders_where_a_spec_stands(shell):
    assert bash("modelspec validate t", shell) == ["tweets.yaml"]
    assert bash("modelspec summary r", shell) == ["runs"]
    assert bash("modelspec validate my", shell) == [HOSTILE_FILE]


@pytest.mark.skipif(not shutil.which("fish"), reason="no fish")
@pytest.mark.parametrize(("line", "offered"), LINES, ids=[line for line, _ in LINES])
def test_fish_offers_what_fits_there(shell, line, offered):
    assert sorted(fish(line, shell)) == sorted(offered)


@pytest.mark.skipif(not shutil.which("fish"), reason="no fish")
def test_fish_takes_a_word_whole(shell):
    assert fish("modelspec validate --format=j", shell) == ["--format=json"]
    assert fish("modelspec predict tweets.yaml --at encoder@", shell) == ["encoder@0", "encoder@1"]
    assert fish("modelspec validate t", shell) == ["tweets.yaml"]


# -- a shell at a terminal -------------------------------------------------------------------


def completes(arguments, begin, line, wanted, environment):
    """Whether this comes to stand on the line of a shell at a terminal after TAB."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(arguments[0], arguments, environment)
    try:
        os.write(terminal, f"{begin}; echo REA''DY\n".encode())
        until(terminal, "READY\n")
        os.write(terminal, f"{line}\t".encode())
        return wanted in until(terminal, wanted)
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)


def until(terminal, wanted):
    """The terminal's text up to `wanted`, without its control sequences."""
    raw = text = ""
    end = time.monotonic() + 60
    while time.monotonic() < end and wanted not in text:
        if select.select([terminal], [], [], 1)[0]:
            raw += os.read(terminal, 65536).decode(errors="replace")
            text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>]|[\r\x07]", "", raw)
    return text


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("modelspec predict tweets.yaml --at mer", "--at merged "),
        ("modelspec validate tweets.yaml --set layers.mer", "--set layers.merged."),
        ("modelspec validate my", r"validate my\ \$\(touch\ PWNED\)\ spec.yaml "),
    ],
)
@pytest.mark.parametrize("name", ["bash", "zsh"])
def test_a_word_is_completed_on_the_line_and_quoted(shell, name, line, completed):
    if not shutil.which(name):
        pytest.skip(f"no {name}")
    begin = 'eval "$(modelspec completion bash)"'
    if name == "zsh":
        begin = 'autoload -Uz compinit; compinit -u -D; eval "$(modelspec completion zsh)"'
    arguments = {"bash": ["bash", "--norc", "-i"], "zsh": ["zsh", "-f", "-i"]}[name]
    assert completes(arguments, begin, line, completed, shell)
    assert not os.path.exists("PWNED")


# -- nothing hurts ---------------------------------------------------------------------------


def answered(line, environment):
    """What a script is told, in bash's form."""
    return run(
        [sys.executable, "-m", "modelspec"],
        environment | {"_MODELSPEC_COMPLETE": "bash_complete", "COMP_TYPED": line},
    )


def test_names_that_a_shell_would_read_as_more_are_left_out(shell, tmp_path):
    with open("hostile.yaml", "w", encoding="utf-8") as file:
        file.write(HOSTILE_SPEC)
    assert bash("modelspec predict hostile.yaml --at ", shell) == ["x", "good"]
    assert bash("modelspec validate hostile.yaml --set layers.", shell) == ["layers.good."]
    assert not os.path.exists("PWNED")


@pytest.mark.parametrize(
    "text",
    [
        "layers: [",
        "",
        "layers:\n\t- x",
        "- 1",
        "\x00",
        "layers: {y: {file: tweets.yaml}, y: {}}",
        "layers: {y: {type: python, class: 'os:abort'}}",
        "blocks: {a: {layers: [{type: a}]}}\nlayers: [{type: a}]",
    ],
)
def test_a_broken_spec_is_passed_over_in_silence(shell, text):
    with open("broken.yaml", "w", encoding="utf-8") as file:
        file.write(text)
    for rest in ("--at ", "--at y", "--at y."):
        names = {"", "plain,y", "plain,a_1"}  # what could be read all the same
        assert set(answered(f"modelspec predict broken.yaml {rest}", shell)) <= names


def test_a_half_written_spec_still_has_its_names(shell):
    with open("half.yaml", "w", encoding="utf-8") as file:
        file.write(TWEETS.replace("units: 1", "unit: 1").replace("Concatenate", "Concat"))
    assert bash("modelspec predict half.yaml --at tweet_", shell) == ["tweet_a", "tweet_b"]


def test_what_never_ends_is_not_read(shell):
    os.mkfifo("pipe")
    assert answered("modelspec predict pipe --at ", shell) == [""]
    assert answered("modelspec predict - --at ", shell) == [""]
    assert answered("modelspec predict /dev/zero --at ", shell) == [""]


def test_code_that_a_spec_names_is_not_imported(shell):
    with open("mine.py", "w", encoding="utf-8") as file:
        file.write("open('PWNED', 'w')\n")
    with open("code.yaml", "w", encoding="utf-8") as file:
        file.write("inputs: {x: [3]}\nlayers: {y: {type: python, class: 'mine:Layer'}}\n")
    assert "plain,x" in answered("modelspec predict code.yaml --trust-code --at ", shell)
    assert not os.path.exists("PWNED")


@pytest.mark.timing
def test_a_tab_takes_no_longer_than_looking_at_the_spec(shell):
    def best(arguments, environment):
        taken = []
        for _ in range(7):
            begin = resource.getrusage(resource.RUSAGE_CHILDREN)
            run(arguments, environment)
            end = resource.getrusage(resource.RUSAGE_CHILDREN)
            taken.append(end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime)
        return min(taken)

    looked = best([sys.executable, "-m", "modelspec", "show", "everything.yaml"], shell)
    for line in ("modelspec ", "modelspec layers C", "modelspec predict everything.yaml --at "):
        asked = shell | {"_MODELSPEC_COMPLETE": "bash_complete", "COMP_TYPED": line}
        assert best([sys.executable, "-m", "modelspec"], asked) < 1.5 * looked


# -- the command -----------------------------------------------------------------------------


def test_the_script_is_printed_for_the_shell_that_runs(modelspec, monkeypatch):
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    assert modelspec("completion").out == modelspec("completion", "fish").out
    assert modelspec("completion", "bash").out.startswith("# Completion of `modelspec` for bash")
    assert modelspec("completion", "zsh").out.startswith("#compdef modelspec")


def test_an_unknown_shell_is_asked_for(modelspec, monkeypatch):
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    done = modelspec("completion")
    assert done.code == 2
    assert "`modelspec completion bash`" in done.err
