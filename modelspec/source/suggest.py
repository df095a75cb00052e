"""Which known word a wrong one was probably meant to be."""

from __future__ import annotations

from bisect import bisect_left, insort
from functools import lru_cache
from itertools import chain, islice
from operator import itemgetter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

MOST = 3
LONGEST = 64  # longer words are no typing mistakes, and cost time
LOOKS = 1000  # of thousands of names, those of other lengths are left out
EDITS = 3  # more of them make another word
CLOSEST = 20  # names whose letters differ least are compared letter by letter
SHORTEST = 4  # one edit away from a shorter word may be another


class Candidates:
    """Words that may have been meant, laid out so that few of them need a closer look."""

    __slots__ = ("by_folded", "by_length", "in_order")

    def __init__(self, words: Iterable[str] = ()) -> None:
        self.by_folded: dict[str, list[str]] = {}
        #: length -> the letters -> the folded words that are made of them
        self.by_length: dict[int, dict[int, list[str]]] = {}
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
            alike = self.by_length.setdefault(len(folded), {})
            alike.setdefault(_letters(folded), []).append(folded)
        self.by_folded.setdefault(folded, []).append(word)

    def within(self, word: str, most: int) -> list[str]:
        """The folded candidates that may be at most so many edits away; not all of very many."""
        letters, looked = _letters(word), 0
        found: list[tuple[int, list[str]]] = []
        for far in sorted(range(-most, most + 1), key=abs):
            alike = self.by_length.get(len(word) + far, {})
            for theirs in islice(alike, max(0, LOOKS - looked)):
                # Each edit takes away at most one letter that the other word has not.
                differ = (letters ^ theirs).bit_count()
                if differ <= 2 * most:
                    found.append((differ + abs(far), alike[theirs]))
            looked += len(alike)
        found.sort(key=itemgetter(0))
        return list(islice(chain.from_iterable(group for _, group in found), CLOSEST))

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
    scores = {other: float(edits) for other, edits in _edits(folded, known).items()}
    if folded in known.by_folded:
        scores[folded] = 0.0
    for other in known.beginning(folded):
        more = abs(len(folded) - len(other)) / 16
        scores.setdefault(other, 1.0 + more)
    scored = sorted(
        (score, one.lower() != word.lower(), one)
        for other, score in scores.items()
        for one in known.by_folded[other]
    )
    if not scored:
        return ()
    # Beside a near-certain match, far ones only distract.
    reach = scored[0][0] + 1.0 if scored[0][0] else 0.0
    return tuple(candidate for score, _, candidate in scored if score <= reach)[:MOST]


@lru_cache(maxsize=1024)
def _edits(word: str, known: Candidates) -> dict[str, int]:
    """The folded candidates that are few edits away, and how many."""
    found = {}
    for other in known.within(word, allowed(len(word))):
        most = allowed(min(len(word), len(other)))
        edits = distance(word, other, most)
        if edits <= most and edits < len(word):
            found[other] = edits
    return found


def did_you_mean(word: str, candidates: Iterable[str] | Candidates) -> tuple[str, ...]:
    """A help line that suggests the nearest candidates; none where nothing is near."""
    near = [f"`{candidate}`" for candidate in nearest(word, candidates)]
    if not near:
        return ()
    *first, last = near
    return (f"did you mean {', '.join(first)} or {last}?" if first else f"did you mean {last}?",)


def _folded(word: str) -> str:
    return word.lower().replace("_", "").replace("-", "").replace(" ", "")


def allowed(length: int) -> int:
    """The most edits between words of which the shorter is so long: one in three letters."""
    return max(1, min(length // 3, EDITS))


def _letters(word: str) -> int:
    """The letters that a word is made of, a bit for each; 39 tells a-z and 0-9 apart."""
    held = 0
    for char in word:
        held |= 1 << ord(char) % 39
    return held


def distance(a: str, b: str, most: int) -> int:
    """Damerau-Levenshtein distance (adjacent swaps count one); `most + 1` when it is larger."""
    if abs(len(a) - len(b)) > most:
        return most + 1
    while a and b and a[0] == b[0]:
        a, b = a[1:], b[1:]
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, before, row = before, row, [i] + [most + 1] * len(b)
        # What is further from the diagonal is too many edits away.
        for j in range(max(1, i - most), min(len(b), i + most) + 1):
            y = b[j - 1]
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
    for other, edits in _edits(folded, known).items():
        if edits <= 1 and len(other) >= SHORTEST:
            reach[edits] += known.by_folded[other]
    meant = reach[0] or reach[1]
    if len(meant) != 1 or meant[0] in taken or _digits(word) != _digits(meant[0]):
        return None
    return meant[0]


def _digits(word: str) -> str:
    return "".join(char for char in word if char.isdigit())
