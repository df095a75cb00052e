"""A training script in plain PyTorch, for `export --to python --with-training`."""
