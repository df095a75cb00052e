"""Floor 2: every word of the language, declared. No torch here; `index` says which module holds a word."""
