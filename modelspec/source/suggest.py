"""Which known word a wrong one was probably meant to be."""

from __future__ import annotations

from bisect import bisect_left, insort
from functools import lru_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

MOST = 3
LONGEST = 64  # longer words are no typing mistakes, and cost time
LOOKS = 1000  # of thousands of names, those of other lengths are left out
SHORTEST = 4  # one edit away from a shorter word may be another


class Candidates:
    """Words that may have been meant, laid out so that few of them need a closer look."""

    __slots__ = ("by_folded", "by_length", "in_order")

    def __init__(self, words: Iterable[str] = ()) -> None:
        self.by_folded: dict[str, list[str]] = {}
        self.by_length: dict[int, list[tuple[str, frozenset[str]]]] = {}
        self.in_order: list[str] = []
        for word in dict.fromkeys(words):
            self._lay_out(word)
        self.in_order = sorted(self.by_folded)

    def add(self, word: str) -> None:
        """One more, unless it is among them."""
        folded = _folded(word)
        if folded not in self.by_folded:
            insort(self.in_order, folded)
        if word not in self.by_folded.get(folded, ()):
            self._lay_out(word)

    def _lay_out(self, word: str) -> None:
        folded = _folded(word)
        if folded not in self.by_folded:
            self.by_length.setdefault(len(folded), []).append((folded, frozenset(folded)))
        self.by_folded.setdefault(folded, []).append(word)

    def within(self, word: str, most: int) -> Iterator[str]:
        """The folded candidates that may be at most so many edits away; not all of very many."""
        letters = frozenset(word)
        looked = 0
        for length in sorted(range(1, len(word) + most + 1), key=lambda n: abs(n - len(word))):
            if abs(length - len(word)) > most or looked > LOOKS:
                return
            alike = self.by_length.get(length, ())
            looked += len(alike)
            for folded, theirs in alike[:LOOKS]:
                # Each edit takes away at most one letter that the other word has not.
                if len(letters - theirs) <= most and len(theirs - letters) <= most:
                    yield folded

    def beginning(self, word: str) -> Iterator[str]:
        """Those that begin with the word, and those that it begins with."""
        if len(word) < 3:
            return
        at = bisect_left(self.in_order, word)
        while at < len(self.in_order) and self.in_order[at].startswith(word):
            yield self.in_order[at]
            at += 1
        for length in range(3, len(word)):
            if word[:length] in self.by_folded:
                yield word[:length]


def _candidates(words: Iterable[str] | Candidates) -> Candidates:
    return words if isinstance(words, Candidates) else _laid_out(tuple(words))


@lru_cache(maxsize=32)
def _laid_out(words: tuple[str, ...]) -> Candidates:
    return Candidates(words)


def nearest(word: str, candidates: Iterable[str] | Candidates) -> list[str]:
    """At most three candidates that are near the word, best first."""
    if len(word) > LONGEST:
        return []
    return list(_nearest(word, _candidates(candidates)))


@lru_cache(maxsize=1024)  # a fault inside a block is met at every use of the block
def _nearest(word: str, known: Candidates) -> tuple[str, ...]:
    folded = _folded(word)
    if not folded:
        return ()
    # `_score` allows an edit in three letters of the shorter word.
    near = {*known.within(folded, max(1, len(folded) // 3)), *known.beginning(folded)}
    scored = []
    for other in near:
        score = _score(folded, other)
        if score is not None:
            same = known.by_folded[other]
            scored += [(score, one.lower() != word.lower(), one) for one in same]
    scored.sort()
    if not scored:
        return ()
    # Beside a near-certain match, far ones only distract.
    reach = scored[0][0] + 1.0 if scored[0][0] else 0.0
    return tuple(candidate for score, _, candidate in scored if score <= reach)[:MOST]


def did_you_mean(word: str, candidates: Iterable[str] | Candidates) -> tuple[str, ...]:
    """A help line that suggests the nearest candidates; none where nothing is near."""
    near = [f"`{candidate}`" for candidate in nearest(word, candidates)]
    if not near:
        return ()
    *first, last = near
    return (f"did you mean {', '.join(first)} or {last}?" if first else f"did you mean {last}?",)


def _folded(word: str) -> str:
    return word.lower().replace("_", "").replace("-", "").replace(" ", "")


def _score(word: str, candidate: str) -> float | None:
    """0 for the same word, the edit distance for a near one, None for any other."""
    if word == candidate:
        return 0.0
    most = max(1, min(len(word), len(candidate)) // 3)
    if abs(len(word) - len(candidate)) <= most:
        edits = distance(word, candidate, most)
        if edits <= most and edits < len(word):
            return float(edits)
    longer, shorter = (word, candidate) if len(word) > len(candidate) else (candidate, word)
    if len(shorter) >= 3 and longer.startswith(shorter):
        return 1.0 + (len(longer) - len(shorter)) / 16
    return None


def distance(a: str, b: str, most: int) -> int:
    """Damerau-Levenshtein distance (adjacent swaps count one); `most + 1` when it is larger."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, before, row = before, row, [i] + [0] * len(b)
        for j, y in enumerate(b, 1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                best = min(best, last[j - 2] + 1)
            row[j] = best
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)


def certain(
    word: str, candidates: Iterable[str] | Candidates, taken: Container[str] = ()
) -> str | None:
    """The one candidate that was surely meant: the only one that is a slip of a finger away.

    Not where it is `taken` already, or where the difference is a digit: `Conv4D` is no slip.
    """
    folded = _folded(word)
    if len(folded) < SHORTEST - 1 or len(word) > LONGEST:
        return None
    reach: dict[int, list[str]] = {0: [], 1: []}
    known = _candidates(candidates)
    for other in known.within(folded, 1):
        edits = distance(folded, other, 1) if len(other) >= SHORTEST else 2
        if edits <= 1:
            reach[edits] += known.by_folded[other]
    meant = reach[0] or reach[1]
    if len(meant) != 1 or meant[0] in taken or _digits(word) != _digits(meant[0]):
        return None
    return meant[0]


def _digits(word: str) -> str:
    return "".join(char for char in word if char.isdigit())
