"""Floor 1: how a word of the language is declared (kinds, shapes, dtypes, words, layers)."""
