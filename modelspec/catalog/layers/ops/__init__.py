"""Operations of keras.ops as layers, `ops.Mean`, for graphs that use them between layers."""
