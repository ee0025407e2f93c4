"""The families of kernels, a module of PTX each, and the files of Swift that they are made of."""

from __future__ import annotations

from pathlib import Path

SOURCES = Path(__file__).resolve().parents[2] / "Sources"

# Of Sources, what every family is made of, and what each is besides. Of a folder, all files.
COMMON = [
    *[
        "GPU/Team",
        "GPU/Functions",
        "GPU/Call/BatchSummary.swift",
        "GPU/Call/CallRows.swift",
        "GPU/Call/WidenedRows.swift",
    ],
    *[
        f"Kernels/Vector/{name}.swift"
        for name in ("Coefficient", "Elements", "Lanes", "RowScan", "Sweep")
    ],
    # Lanes say how they sweep a row of softmax.
    *["Kernels/Softmax", "Kernels/Functions/Logarithm.swift", "Kernels/Functions/Logistic.swift"],
]
FAMILIES = {
    "batch": ["GPU/Call"],
    **{
        f"softmax_{dtype.lower()}": [f"GPU/Families/Softmax{dtype}Entries.swift", "GPU/Softmax"]
        for dtype in ("F32", "F16", "BF16")
    },
    "softmax_any": ["GPU/Families/SoftmaxAnyEntry.swift", "GPU/Softmax"],
    "softmax_soft": ["GPU/Families/SoftmaxSoftEntry.swift", "GPU/Softmax"],
    "softmax_soft_margins": ["GPU/Families/SoftmaxSoftMarginsEntry.swift", "GPU/Softmax"],
    "outlying_mse": [
        "GPU/Families/OutlyingMSEEntries.swift",
        "Kernels/SquaredError/OutlyingMSE.swift",
    ],
    "single_positive": [
        *[
            "GPU/Families/SinglePositiveEntries.swift",
            "Kernels/MultiLabel/BinaryCrossEntropy.swift",
        ],
        "Kernels/Selection/RowScores.swift",
    ],
    "two_heads": [
        *["GPU/TwoHeads", "Kernels/MultiLabel/BinaryCrossEntropy.swift"],
        *["Kernels/Selection/RowScores.swift", "Kernels/Selection/OrderKey.swift"],
        *["TopKLoss/After/AverageKSelection.swift", "TopKLoss/After/SoftmaxNormalization.swift"],
    ],
    "turn": ["GPU/Families/TurnEntries.swift"],
    "after": ["GPU/Families/AfterEntries.swift"],
    "smooth_topk_svm": [
        *["GPU/Families/SmoothTopKSVM.swift", "Kernels/SmoothTopKSVM/SmoothTopKSVMTerm.swift"],
        *[f"GPU/TopK/{name}.swift" for name in ("RankPolynomial", "StrongestClasses")],
    ],
    "topk_cross_entropy": [
        *["GPU/Families/TopKCrossEntropy.swift", "GPU/TopK", "Kernels/Functions/MillsRatio.swift"],
    ],
    "exact_topk": [
        *["GPU/Families/ExactTopK.swift", "GPU/TopK", "Kernels/Functions/MillsRatio.swift"],
    ],
    "noised_topk": [
        *["GPU/Noise", "GPU/OrderStatistic", "GPU/Families/NoisedTopKEntry.swift"],
        "GPU/TopK/NoisedTopKHinge.swift",
        *[
            "Kernels/Noise/RowNoise.swift",
            "Kernels/Noise/Threefry.swift",
            "Kernels/Functions/NormalQuantile.swift",
        ],
    ],
}


def swift_files(family: str) -> list[Path]:
    """All that a family is compiled of."""
    files: list[Path] = []
    for name in COMMON + FAMILIES[family]:
        path = SOURCES / name
        found = sorted(path.glob("*.swift")) if path.is_dir() else [path]
        files += [file for file in found if file not in files]
    return files
