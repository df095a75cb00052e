"""TAB in a shell: click's completion, asked by the scripts in shells/ and answered in their form.

A script calls `modelspec` with _MODELSPEC_COMPLETE set and the line so far in COMP_TYPED; each
line of the answer is a candidate, or the kind of files that the shell itself completes.
"""

from __future__ import annotations

import os
import re
import signal
from typing import Any

import click
from click.shell_completion import CompletionItem, ShellComplete, split_arg_string

from modelspec.cli.output import Asked

VARIABLE = "_MODELSPEC_COMPLETE"
FOLDER = os.path.join(os.path.dirname(__file__), "shells")
PATIENCE = 1.0  # seconds of work that somebody waits for at a TAB
#: What no shell gives a meaning to: a candidate with anything else is none of ours.
SAFE = re.compile(r"[\w.@=/+-]+")
FILES = ("dir", "file", "spec")


class Shell(ShellComplete):
    """What the shells have in common."""

    def source(self) -> str:
        """The script that the shell reads."""
        with open(os.path.join(FOLDER, f"modelspec.{self.name}"), encoding="utf-8") as file:
            return file.read()

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one at hand, and that one as far as it is typed."""
        typed = os.environ.get("COMP_TYPED", "")
        words = split_arg_string(typed)
        begun = bool(words) and not re.search(r"(?<!\\)\s$", typed)
        # Inside quotes a space at the end belongs to the word.
        begun = begun or _is_open(typed)
        incomplete = words.pop() if begun and len(words) > 1 else ""
        return words[1:], incomplete

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        if args and re.match(r"--?\w", args[-1]) and "=" not in args[-1]:
            # An option without its value would keep click from reading what stands before it.
            *args, option = args
            incomplete = f"{option}={incomplete}"
        found = super().get_completions(args, incomplete)
        return [one for one in found if self.is_fit(one)]

    @staticmethod
    def is_fit(item: CompletionItem[str]) -> bool:
        """Whether a shell can take it as it is; of files the shell finds the names itself."""
        if item.type in FILES:
            return str(item.value).isprintable() or not item.value
        return SAFE.fullmatch(item.value) is not None

    @staticmethod
    def told(item: CompletionItem[str]) -> str:
        """Its help, on one line."""
        return " ".join((item.help or "").split())


class Bash(Shell):
    """Bash takes a word from the last of its own word breaks on: `encoder@`, `--format=`."""

    name = "bash"

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        found = super().get_completions(args, incomplete)
        if _is_open(os.environ.get("COMP_TYPED", "")):
            return found
        value = incomplete.partition("=")[2] if _has_value(incomplete) else incomplete
        breaks = [char for char in os.environ.get("COMP_WORDBREAKS", "") if char in "@=:"]
        cut = max((value.rfind(char) for char in breaks), default=-1) + 1
        for one in found:
            if one.type not in FILES:
                one.value = one.value[cut:]
        return found

    def format_completion(self, item: CompletionItem[Any]) -> str:
        return f"{item.type},{item.value}"


class Zsh(Shell):
    """Three lines a candidate: type, value, help or `_`."""

    name = "zsh"

    def format_completion(self, item: CompletionItem[Any]) -> str:
        return f"{item.type}\n{item.value}\n{self.told(item) or '_'}"


class Fish(Shell):
    """A line a candidate, with its help behind a tab."""

    name = "fish"

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        found = super().get_completions(args, incomplete)
        if _has_value(incomplete):  # fish takes `--format=json` for one word
            found = [one for one in found if one.type not in FILES]
            for one in found:
                one.value = incomplete.partition("=")[0] + "=" + one.value
        return found

    def format_completion(self, item: CompletionItem[Any]) -> str:
        told = self.told(item)
        return f"{item.type},{item.value}" + (f"\t{told}" if told else "")


SHELLS: dict[str, type[Shell]] = {"bash": Bash, "zsh": Zsh, "fish": Fish}


def script(shell: str, program: click.Command) -> str:
    """The script that makes a shell complete `modelspec`."""
    return SHELLS[shell](program, {}, "modelspec", VARIABLE).source()


def answer(program: click.Command, asked: str) -> int:
    """Answer a script: the candidates on stdout, and never a word of anything that went wrong."""
    cls = SHELLS.get(asked.removesuffix("_complete"))
    if cls is None:
        return 1
    signal.signal(signal.SIGPROF, _too_long)
    signal.setitimer(signal.ITIMER_PROF, PATIENCE)
    try:
        text = cls(program, {"obj": Asked()}, "modelspec", VARIABLE).complete()
    except Exception:
        return 1
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    click.echo(text)
    return 0


def _has_value(incomplete: str) -> bool:
    """Whether it is an option with its value: `--format=js`."""
    return incomplete.startswith("--") and "=" in incomplete


def _is_open(typed: str) -> bool:
    """Whether a quote is open at the end of what is typed."""
    quote = ""
    escaped = False
    for char in typed:
        if escaped:
            escaped = False
        elif char == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
    return bool(quote)


def _too_long(number: int, frame: object) -> None:
    raise TimeoutError
