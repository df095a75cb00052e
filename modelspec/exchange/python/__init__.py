"""A model as plain PyTorch: what each layer is written as, and the file that they make."""
