"""Floor 3: one particular model: resolving its names, checking its shapes, showing it."""
