"""Floor 4: how torch does it."""
