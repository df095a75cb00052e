"""Floor 0: text with places in it. Spans, the YAML tree, diagnostics and their renderers."""
