"""Every command and option says what it does, here and in docs/reference/cli.md."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from modelspec.cli.shell import COMMANDS, MODULES, modelspec

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "cli.md"


def command(name):
    found = modelspec.get_command(click.Context(modelspec), name)
    assert found is not None
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_what_it_does(name):
    assert command(name).name == name
    assert len(command(name).help or "") > 30
    assert f"\n## {name}\n" in PAGE.read_text(encoding="utf-8")


def test_the_list_of_commands_cuts_no_sentence(run_cli):
    listed = run_cli("--help").out.split("Commands:\n")[1]
    assert len(listed.splitlines()) == len(COMMANDS)
    assert "..." not in listed


@pytest.mark.parametrize("name", COMMANDS)
def test_its_options_say_what_they_do(name):
    text = PAGE.read_text(encoding="utf-8").split(f"\n## {name}\n")[1].split("\n## ")[0]
    for option in command(name).params:
        if isinstance(option, click.Option):
            assert option.help, f"{name} {option.opts[0]} has no help"
            assert all(f"`{spelling}`" in text for spelling in option.opts)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_module_holds_the_command_of_its_name(name):
    module = MODULES.get(name, name)
    path = Path(__file__).resolve().parents[2] / "modelspec" / "cli" / f"{module}.py"
    assert path.exists()
