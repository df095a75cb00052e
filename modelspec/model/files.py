"""Reading the files that a spec names: each once, from allowed folders only."""

from __future__ import annotations

import os

from modelspec.source.diagnostics import Rejected, Report, Unreadable
from modelspec.source.text import Source, Span
from modelspec.source.tree import Mapping, Node, parse


def is_spec(name: str) -> bool:
    return name.endswith((".yaml", ".yml"))


class Files:
    """The specs that `file:` reads. They stay within the first spec's folder, the working
    directory, or a folder opened by `--allow-path`; links are followed before the check.
    """

    def __init__(self, first: Source, allowed: tuple[str, ...] = ()) -> None:
        folders = [os.getcwd(), *allowed]
        if first.is_file:
            folders.append(os.path.dirname(os.path.abspath(first.path)))
        self.folders = [os.path.realpath(folder) for folder in folders]
        self.trees: dict[str, Node] = {}
        self.first = os.path.realpath(first.path) if first.is_file else None

    def locate(self, text: str, span: Span) -> str:
        """A path as its spec's readers see it: relative to the file that names it."""
        return os.path.join(span.source.folder, os.path.expanduser(text))

    def begin(self, tree: Node) -> None:
        """Take the first spec's tree as read, so that a file that names it finds that one."""
        if self.first is not None:
            self.trees[self.first] = tree

    def read(self, text: str, span: Span, report: Report) -> Mapping | None:
        """The tree of a spec file; None, after reporting, where it cannot be had."""
        shown = self.locate(text, span)
        if "\0" in shown:  # the operating system's calls raise over it
            report.error("unknown-file", "a path holds no NUL", span, "one is in here")
            return None
        real = os.path.realpath(shown)
        if not any(os.path.commonpath([real, folder]) == folder for folder in self.folders):
            report.error(
                "outside-path",
                "`file:` stays within the spec's folder or the working directory",
                span,
                "this lies outside",
                help=f"`--allow-path {os.path.dirname(shown) or '.'}` opens that folder",
            )
            return None
        if real not in self.trees:
            try:
                self.trees[real] = parse(Source.read_file(shown, real))
            except Unreadable as unreadable:
                report.error(
                    "unknown-file",
                    f"the spec `{text}` cannot be read",
                    span,
                    unreadable.reason,
                    help=self.near(shown, span.source.folder),
                )
                return None
            except Rejected as rejected:
                self.refuse(rejected, text, span, report)
                return None
        tree = self.trees[real]
        if not isinstance(tree, Mapping) or tree.get("layers") is None:
            # A file that is no spec is never quoted: it may hold anything.
            report.error("not-a-spec", f"`{text}` is not a spec", span, "no `layers` in it")
            return None
        return tree

    @staticmethod
    def refuse(rejected: Rejected, text: str, span: Span, report: Report) -> None:
        place = next((d.span for d in rejected.diagnostics if d.span is not None), None)
        where = f"line {place.line}: " if place is not None else ""
        report.error(
            "not-a-spec",
            f"`{text}` is not a spec",
            span,
            where + rejected.diagnostics[0].message,
            help=f"`modelspec validate {text}` shows all of it",
        )

    @staticmethod
    def near(path: str, base: str) -> tuple[str, ...]:
        from modelspec.source.nearby import names_in, near

        found = near(path, base, is_spec)
        names = [] if found else list(filter(is_spec, names_in(os.path.dirname(path))))
        return found or ((f"specs there: {', '.join(names[:8])}",) if names else ())
