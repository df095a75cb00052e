"""How torch does the operations of keras.ops."""
