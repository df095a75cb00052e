"""Floor 2: every word of the language, declared; `index` says which module holds one."""
