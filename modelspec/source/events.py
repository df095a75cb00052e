"""libyaml where PyYAML was built with it, PyYAML's own parser where not."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def parser_class() -> Any:
    """A class whose instances hand out events by `get_event`."""
    try:
        from yaml._yaml import CParser
    except ImportError:
        return _pure_parser_class()
    return CParser


def _pure_parser_class() -> Any:
    from yaml.parser import Parser
    from yaml.reader import Reader
    from yaml.scanner import Scanner

    class PureParser(Reader, Scanner, Parser):
        """The three parts of PyYAML's loader that come before its nodes."""

        def __init__(self, text: str) -> None:
            Reader.__init__(self, text)
            Scanner.__init__(self)
            Parser.__init__(self)

    return PureParser
