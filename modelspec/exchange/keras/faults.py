"""What is wrong with a Keras model: collected, each under its layer's name."""

from __future__ import annotations

from modelspec.source.diagnostics import Rejected, Report


class Odd(Exception):
    """The file is not what Keras writes."""


class Faults:
    """Collects what cannot be imported from `path`, and what is worth a word in the spec."""

    def __init__(self, path: str) -> None:
        self.path, self.report = path, Report()
        self.notes: list[str] = []

    def refuse(self, where: str, what: str, help: str = "") -> None:
        """A part of the model that a spec has no word for."""
        self.report.error("keras-object", f"layer `{where}`: {what}", notes=self.path, help=help)

    def note(self, text: str) -> None:
        """Something to say in the spec's first lines, once."""
        if text not in self.notes:
            self.notes.append(text)

    def stop(self) -> None:
        """Raise what has been collected."""
        self.report.raise_if_errors()


def rejected(code: str, message: str, help: str = "", notes: str = "") -> Rejected:
    """One fault of the file as a whole."""
    report = Report()
    report.error(code, message, help=help, notes=notes)
    return Rejected(report.errors)
