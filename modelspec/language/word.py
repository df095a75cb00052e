"""A word of the language: a name and arguments, written `{type: Name, argument: value}`."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from modelspec.language.kinds import Kind


class Reject(Exception):
    """A word's refusal of a value that its kind alone allows, or of the tensors it is called on.

    `argument` names the argument at fault, or is `""` where the call as a whole is; the checker
    finds the line to underline. `message` is the fact, `help` something to do.
    """

    def __init__(self, argument: str, message: str, help: str = "") -> None:
        super().__init__(message)
        self.argument, self.message, self.help = argument, message, help


class Word:
    """What all declared things share: arguments, each declared as a class attribute of some kind.

    Instances are made by `catalog.words`, which reads every argument through its kind; inside a
    declaration and its lowering `self.units` is the value.
    """

    group: ClassVar[str] = ""
    arguments: ClassVar[dict[str, Kind[Any]]] = {}
    aliases: ClassVar[tuple[str, ...]] = ()
    label: ClassVar[str] = ""  # what messages call it, where that is not its name
    source: ClassVar[str] = ""  # the paper that the word comes from

    def __init_subclass__(cls) -> None:
        mixed_in = [base for base in cls.__bases__ if not issubclass(base, Word)]
        own = {
            name: kind
            for home in (*mixed_in, cls)
            for name, kind in vars(home).items()
            if isinstance(kind, Kind)
        }
        merged = {**cls.arguments, **own}
        # A subclass may take an argument away by setting its name to None.
        cls.arguments = {n: k for n, k in merged.items() if getattr(cls, n, None) is not None}
        for name, kind in own.items():
            kind.name = name

    @classmethod
    def of(cls, values: dict[str, Any]) -> Self:
        """The word with these values, which have been read already."""
        word = cls.__new__(cls)
        word.__dict__.update(values)
        return word

    @classmethod
    def called(cls) -> str:
        """What messages call it."""
        return cls.label or f"`{cls.__name__}`"

    def check(self) -> None:
        """Refuse combinations of arguments that no kind can see: raises `Reject`."""

    def __repr__(self) -> str:
        given = ", ".join(f"{n}={self.__dict__.get(n)!r}" for n in self.arguments)
        return f"{type(self).__name__}({given})"
