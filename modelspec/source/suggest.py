"""Which known word a wrong one was probably meant to be."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MOST = 3
LONGEST = 64  # longer words are no typing mistakes, and cost time
SHORTEST = 4  # one edit away from a shorter word may be another


def nearest(word: str, candidates: Iterable[str]) -> list[str]:
    """At most three candidates that are near the word, best first."""
    folded = _folded(word)
    if not folded or len(word) > LONGEST:
        return []
    scored = []
    for candidate in dict.fromkeys(candidates):
        score = _score(folded, _folded(candidate))
        if score is not None:
            scored.append((score, candidate.lower() != word.lower(), candidate))
    scored.sort()
    if not scored:
        return []
    # Beside a near-certain match, far ones only distract.
    reach = scored[0][0] + 1.0 if scored[0][0] else 0.0
    return [candidate for score, _, candidate in scored if score <= reach][:MOST]


def did_you_mean(word: str, candidates: Iterable[str]) -> tuple[str, ...]:
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


def certain(word: str, candidates: Iterable[str], taken: Iterable[str] = ()) -> str | None:
    """The one candidate that was surely meant: the only one that is a slip of a finger away.

    Not where it is `taken` already, or where the difference is a digit: `Conv4D` is no slip.
    """
    folded = _folded(word)
    if len(folded) < SHORTEST - 1 or len(word) > LONGEST:
        return None
    reach: dict[int, list[str]] = {0: [], 1: []}
    for candidate in dict.fromkeys(candidates):
        other = _folded(candidate)
        if len(other) >= SHORTEST and abs(len(folded) - len(other)) <= 1:
            edits = distance(folded, other, 1)
            if edits <= 1:
                reach[edits].append(candidate)
    meant = reach[0] or reach[1]
    if len(meant) != 1 or meant[0] in taken or _digits(word) != _digits(meant[0]):
        return None
    return meant[0]


def _digits(word: str) -> str:
    return "".join(char for char in word if char.isdigit())
