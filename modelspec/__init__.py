"""Neural networks written in YAML, checked, trained and exported."""
