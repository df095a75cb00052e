"""Which module declares a word, so that only the families that a spec uses are imported.

A test holds that this table and the modules agree.
"""

from __future__ import annotations

#: group -> module below `modelspec.catalog` -> the words that it declares
INDEX: dict[str, dict[str, tuple[str, ...]]] = {
    "layers": {
        "layers.core": ("Dense", "Embedding", "ReversibleEmbedding", "Masking", "Identity"),
        "layers.einsum": ("EinsumDense",),
        "layers.constants": ("Parameter", "Constant"),
        "layers.activation": ("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax"),
        "layers.convolution": (
            "Conv1D", "Conv2D", "Conv3D", "SeparableConv1D", "SeparableConv2D",
            "DepthwiseConv1D", "DepthwiseConv2D",
            "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose",
        ),
        "layers.pooling": (
            "MaxPooling1D", "MaxPooling2D", "MaxPooling3D",
            "AveragePooling1D", "AveragePooling2D", "AveragePooling3D",
            "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D",
            "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D",
            "AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D", "AdaptiveMaxPooling3D",
            "AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D", "AdaptiveAveragePooling3D",
        ),
        "layers.reshaping": (
            "Flatten", "Reshape", "Permute", "RepeatVector",
            "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D",
            "Cropping1D", "Cropping2D", "Cropping3D",
            "UpSampling1D", "UpSampling2D", "UpSampling3D",
        ),
        "layers.merging": (
            "Concatenate", "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Dot",
        ),
        "layers.regularization": (
            "Dropout", "AlphaDropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D",
            "GaussianNoise", "GaussianDropout", "ActivityRegularization",
        ),
        "layers.normalization": (
            "BatchNormalization", "LayerNormalization", "GroupNormalization", "RMSNormalization",
            "UnitNormalization", "SpectralNormalization",
        ),
        "layers.preprocessing": ("Rescaling", "Normalization", "Resizing", "CenterCrop"),
        "layers.categories": ("CategoryEncoding", "Discretization", "Hashing", "HashedCrossing"),
        "layers.lookup": ("IntegerLookup", "StringLookup"),
        "layers.text": ("TextVectorization",),
        "layers.audio": ("MelSpectrogram", "STFTSpectrogram"),
        "layers.augmentation.geometric": (
            "RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomShear",
            "RandomPerspective", "RandomElasticTransform", "RandomCrop",
        ),
        "layers.augmentation.colour": (
            "RandomBrightness", "RandomContrast", "RandomHue", "RandomSaturation",
            "RandomColorDegeneration", "RandomGrayscale", "RandomInvert", "RandomColorJitter",
        ),
        "layers.augmentation.tone": (
            "RandomPosterization", "Solarization", "Equalization", "AutoContrast",
            "ContrastLimitedAdaptiveHistogramEqualization", "RandomSharpness",
            "RandomGaussianBlur",
        ),
        "layers.augmentation.mixing": ("RandomErasing", "MixUp", "CutMix"),
        "layers.augmentation.composite": ("RandAugment", "AugMix", "Pipeline"),
        "layers.recurrent": ("LSTM", "GRU", "SimpleRNN"),
        "layers.cells": ("SimpleRNNCell", "LSTMCell", "GRUCell", "StackedRNNCells", "RNN"),
        "layers.conv_recurrent": ("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"),
        "layers.wrappers": ("Bidirectional", "TimeDistributed"),
        "layers.attention": ("MultiHeadAttention",),
        "layers.sequence_attention": ("Attention", "AdditiveAttention", "GroupQueryAttention"),
        "layers.ops.elementwise": (
            "ops.Negative", "ops.Abs", "ops.Sign", "ops.Trunc", "ops.Relu", "ops.Relu6",
            "ops.StopGradient", "ops.ZerosLike", "ops.OnesLike", "ops.LogicalNot",
            "ops.Isfinite", "ops.Isinf", "ops.Isnan", "ops.Sqrt", "ops.Rsqrt", "ops.Reciprocal",
            "ops.Exp", "ops.Exp2", "ops.Expm1", "ops.Log", "ops.Log1p", "ops.Log2", "ops.Log10",
            "ops.Sin", "ops.Cos", "ops.Tan", "ops.Arcsin", "ops.Arccos", "ops.Arctan",
            "ops.Sinh", "ops.Cosh", "ops.Tanh", "ops.Arcsinh", "ops.Arccosh", "ops.Arctanh",
            "ops.Erf", "ops.Erfinv", "ops.Floor", "ops.Ceil", "ops.Sigmoid", "ops.Softsign",
            "ops.Selu", "ops.Silu", "ops.Softplus", "ops.LogSigmoid", "ops.HardSigmoid",
            "ops.HardSilu", "ops.Square", "ops.Round", "ops.NanToNum", "ops.Clip",
            "ops.FullLike", "ops.Cast", "ops.LeakyRelu", "ops.Elu", "ops.Gelu",
        ),
        "layers.ops.pairwise": (
            "ops.Add", "ops.Subtract", "ops.Multiply", "ops.Divide", "ops.DivideNoNan",
            "ops.FloorDivide", "ops.Mod", "ops.Power", "ops.Maximum", "ops.Minimum",
            "ops.Arctan2", "ops.Logaddexp", "ops.Equal", "ops.NotEqual", "ops.Greater",
            "ops.GreaterEqual", "ops.Less", "ops.LessEqual", "ops.LogicalAnd", "ops.LogicalOr",
            "ops.LogicalXor", "ops.Where",
        ),
        "layers.ops.reduction": (
            "ops.Sum", "ops.Prod", "ops.Mean", "ops.Var", "ops.Std", "ops.Max", "ops.Min",
            "ops.Logsumexp", "ops.Any", "ops.All", "ops.CountNonzero", "ops.Norm", "ops.Argmax",
            "ops.Argmin", "ops.Cumsum", "ops.Cumprod", "ops.Softmax", "ops.LogSoftmax",
            "ops.Sort", "ops.Argsort", "ops.TopK", "ops.OneHot",
        ),
        "layers.ops.shaping": (
            "ops.Reshape", "ops.BroadcastTo", "ops.Transpose", "ops.Swapaxes", "ops.Moveaxis",
            "ops.Squeeze", "ops.ExpandDims", "ops.Flip", "ops.Roll", "ops.Repeat", "ops.Tile",
            "ops.Pad", "ops.Tril", "ops.Triu",
        ),
        "layers.ops.pieces": (
            "ops.GetItem", "ops.Slice", "ops.Take", "ops.TakeAlongAxis", "ops.Stack",
            "ops.Concatenate", "ops.Split", "ops.Unstack",
        ),
        "layers.ops.product": (
            "ops.Matmul", "ops.Einsum",
        ),
        "layers.foreign": ("TorchModule", "PythonModule"),
    },
    "activations": {
        "activations": (
            "Linear", "Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Gelu", "Silu", "Mish",
            "Sigmoid", "HardSigmoid", "HardSilu", "Tanh", "Softmax", "LogSoftmax", "LogSigmoid",
            "Softplus", "Softsign", "Exponential", "Celu", "Glu", "HardShrink", "SoftShrink",
            "TanhShrink", "HardTanh", "Threshold", "SparsePlus", "SparseSigmoid", "Sparsemax",
            "Squareplus",
        ),
    },
    "initializers": {
        "initializers": (
            "Zeros", "Ones", "Constant", "Identity", "Orthogonal",
            "RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling",
            "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform",
            "LecunNormal", "LecunUniform", "STFT",
        ),
    },
    "regularizers": {"regularizers": ("L1", "L2", "L1L2", "OrthogonalRegularizer")},
    "constraints": {"constraints": ("MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm")},
    "losses": {
        "losses": (
            "BinaryCrossentropy", "CategoricalCrossentropy", "SparseCategoricalCrossentropy",
            "BinaryFocalCrossentropy", "CategoricalFocalCrossentropy",
            "CategoricalGeneralizedCrossEntropy", "KLDivergence", "Poisson", "Dice", "Tversky",
            "CTC",
        ),
        "distances": (
            "MeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError",
            "MeanSquaredLogarithmicError", "LogCosh", "Huber", "Hinge", "SquaredHinge",
            "CategoricalHinge", "CosineSimilarity", "Circle",
        ),
    },
    "metrics": {
        "metrics": (
            "Accuracy", "BinaryAccuracy", "CategoricalAccuracy", "SparseCategoricalAccuracy",
            "TopKCategoricalAccuracy", "SparseTopKCategoricalAccuracy", "Mean", "Sum",
        ),
        "confusion": (
            "AUC", "Precision", "Recall", "F1Score", "FBetaScore",
            "TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives",
            "SensitivityAtSpecificity", "SpecificityAtSensitivity",
            "PrecisionAtRecall", "RecallAtPrecision",
        ),
        "regression": (
            "MeanSquaredError", "MeanAbsoluteError", "RootMeanSquaredError",
            "MeanAbsolutePercentageError", "MeanSquaredLogarithmicError", "LogCoshError",
            "CosineSimilarity", "PearsonCorrelation", "ConcordanceCorrelation", "R2Score",
        ),
        "probabilistic": (
            "BinaryCrossentropy", "CategoricalCrossentropy", "SparseCategoricalCrossentropy",
            "KLDivergence", "Poisson", "Hinge", "SquaredHinge", "CategoricalHinge",
        ),
        "iou": ("IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU", "BinaryIoU"),
    },
    "optimizers": {
        "optimizers": (
            "SGD", "RMSprop", "Adam", "AdamW", "Adagrad", "Adadelta", "Adafactor", "Adamax",
            "Nadam", "Ftrl", "Lion", "Lamb", "Muon", "ScheduleFreeAdamW",
        ),
    },
    "schedules": {
        "schedules": (
            "ExponentialDecay", "PiecewiseConstantDecay", "PolynomialDecay",
            "InverseTimeDecay", "CosineDecay", "CosineDecayRestarts", "Warmup",
        ),
    },
    "callbacks": {
        "callbacks": (
            "EarlyStopping", "ReduceLROnPlateau", "ModelCheckpoint", "CSVLogger", "TerminateOnNaN",
            "LearningRateScheduler", "SwapEMAWeights", "ResetStates", "BackupAndRestore",
        ),
    },
    "sources": {
        "sources": (
            "NPZ", "NPY", "CSV", "TSV", "JSONL", "Parquet", "Arrow", "Images",
            "Synthetic", "Digits", "DigitPairs",
        ),
    },
    "encoders": {"encoders": ("Standardize", "Scale", "OneHot", "Labels", "Words")},
}  # fmt: skip

#: group -> a further spelling -> the word's own name (the snake-case form needs no entry)
ALIASES: dict[str, dict[str, str]] = {
    "layers": {
        "GroupedQueryAttention": "GroupQueryAttention",
        "grouped_query_attention": "GroupQueryAttention",
        "ops.Absolute": "ops.Abs", "ops.absolute": "ops.Abs", "ops.TrueDivide": "ops.Divide",
        "ops.true_divide": "ops.Divide", "ops.Amax": "ops.Max", "ops.amax": "ops.Max",
        "ops.Amin": "ops.Min", "ops.amin": "ops.Min", "ops.Swish": "ops.Silu",
        "ops.swish": "ops.Silu", "ops.HardSwish": "ops.HardSilu",
        "ops.hard_swish": "ops.HardSilu",
        "Convolution1D": "Conv1D", "Convolution2D": "Conv2D", "Convolution3D": "Conv3D",
        "Convolution1DTranspose": "Conv1DTranspose", "Convolution2DTranspose": "Conv2DTranspose",
        "Convolution3DTranspose": "Conv3DTranspose",
        "SeparableConvolution1D": "SeparableConv1D", "SeparableConvolution2D": "SeparableConv2D",
        "MaxPool1D": "MaxPooling1D", "MaxPool2D": "MaxPooling2D", "MaxPool3D": "MaxPooling3D",
        "AvgPool1D": "AveragePooling1D", "AvgPool2D": "AveragePooling2D",
        "AvgPool3D": "AveragePooling3D",
        "GlobalMaxPool1D": "GlobalMaxPooling1D", "GlobalMaxPool2D": "GlobalMaxPooling2D",
        "GlobalMaxPool3D": "GlobalMaxPooling3D",
        "GlobalAvgPool1D": "GlobalAveragePooling1D", "GlobalAvgPool2D": "GlobalAveragePooling2D",
        "GlobalAvgPool3D": "GlobalAveragePooling3D",
    },
    "activations": {"swish": "Silu", "hard_swish": "HardSilu"},
    "initializers": {
        "zero": "Zeros", "one": "Ones", "normal": "RandomNormal", "uniform": "RandomUniform",
        "eye": "Identity", "IdentityInitializer": "Identity",
        "OrthogonalInitializer": "Orthogonal", "STFTInitializer": "STFT",
    },
    "losses": {
        "mse": "MeanSquaredError", "MSE": "MeanSquaredError",
        "mae": "MeanAbsoluteError", "MAE": "MeanAbsoluteError",
        "mape": "MeanAbsolutePercentageError", "MAPE": "MeanAbsolutePercentageError",
        "msle": "MeanSquaredLogarithmicError", "MSLE": "MeanSquaredLogarithmicError",
        "kld": "KLDivergence", "KLD": "KLDivergence", "kl_divergence": "KLDivergence",
        "bce": "BinaryCrossentropy", "BCE": "BinaryCrossentropy",
        "categorical_cross_entropy": "CategoricalCrossentropy",
    },
    "metrics": {
        "acc": "Accuracy", "accuracy": "Accuracy",
        "mse": "MeanSquaredError", "MSE": "MeanSquaredError",
        "mae": "MeanAbsoluteError", "MAE": "MeanAbsoluteError",
        "mape": "MeanAbsolutePercentageError", "MAPE": "MeanAbsolutePercentageError",
        "msle": "MeanSquaredLogarithmicError", "MSLE": "MeanSquaredLogarithmicError",
        "bce": "BinaryCrossentropy", "BCE": "BinaryCrossentropy",
        "logcosh": "LogCoshError", "log_cosh": "LogCoshError", "fbeta_score": "FBetaScore",
        "rmse": "RootMeanSquaredError", "RMSE": "RootMeanSquaredError",
        "top_k_categorical_accuracy": "TopKCategoricalAccuracy",
        "sparse_top_k_categorical_accuracy": "SparseTopKCategoricalAccuracy",
    },
    "optimizers": {
        "rmsprop": "RMSprop", "adamw": "AdamW", "schedulefreeadamw": "ScheduleFreeAdamW",
    },
    "constraints": {"non_neg": "NonNeg"},
    "regularizers": {"l1_l2": "L1L2", "l1l2": "L1L2", "orthogonal": "OrthogonalRegularizer"},
}  # fmt: skip
