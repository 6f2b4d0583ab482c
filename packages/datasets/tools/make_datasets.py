"""Write the files in src/pellucid_datasets/data, most from the copies that scikit-learn ships; print their checksums.

    python packages/datasets/tools/make_datasets.py            # write the files
    python packages/datasets/tools/make_datasets.py --check    # write nothing; fail if a file says something else

Each file is a gzipped CSV: a header, one row per observation, the target in the last column, classes as words.
A number is written with the fewest digits that read back as the same float64, so nothing is lost. Checksums are of the
CSV text: the same text may be compressed to different bytes by another zlib.

Needs scikit-learn, which the package itself does not. Not part of the wheel.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets as sklearn_datasets

DATA = Path(__file__).parents[1] / "src" / "pellucid_datasets" / "data"

CELL_MEASURES = (
    "radius texture perimeter area smoothness compactness concavity concave_points symmetry fractal_dimension".split()
)
WINE_MEASURES = (
    "alcohol malic_acid ash alcalinity_of_ash magnesium total_phenols flavanoids nonflavanoid_phenols "
    "proanthocyanins color_intensity hue od280_od315_of_diluted_wines proline"
).split()

DOCTORS = """
    35 1 52407  32    45 1 43248 104    55 1 28612 206    65 1 12663 186    75 1  5317 102
    35 0 18790   2    45 0 10673  12    55 0  5710  28    65 0  2585  28    75 0  1462  31
"""  # Dobson & Barnett (2018), table 9.1: the youngest of ten years of age, smoker, person-years, deaths


def load_british_doctors(return_X_y: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """As scikit-learn's loaders do it."""
    table = np.array(DOCTORS.split(), dtype=np.float64).reshape(-1, 4)
    return table[:, :3], table[:, 3]


# name -> (loader, options, feature names, target column, class names in the order of scikit-learn's codes)
SETS = {
    "iris": (
        sklearn_datasets.load_iris,
        {},
        ["sepal_length", "sepal_width", "petal_length", "petal_width"],
        "species",
        ["setosa", "versicolor", "virginica"],
    ),
    "digits": (
        sklearn_datasets.load_digits,
        {},
        [f"pixel_{row}_{column}" for row in range(8) for column in range(8)],
        "digit",
        [str(digit) for digit in range(10)],
    ),
    "wine": (sklearn_datasets.load_wine, {}, WINE_MEASURES, "cultivar", ["barolo", "grignolino", "barbera"]),
    "breast_cancer": (
        sklearn_datasets.load_breast_cancer,
        {},
        [f"mean_{m}" for m in CELL_MEASURES]
        + [f"{m}_error" for m in CELL_MEASURES]
        + [f"worst_{m}" for m in CELL_MEASURES],
        "diagnosis",
        ["malignant", "benign"],
    ),
    "diabetes": (
        sklearn_datasets.load_diabetes,
        {"scaled": False},
        "age sex bmi blood_pressure total_cholesterol ldl hdl cholesterol_ratio log_triglycerides glucose".split(),
        "progression",
        [],
    ),
    "british_doctors": (load_british_doctors, {}, ["age", "smoker", "person_years"], "deaths", []),
}


def shortest(number: float) -> str:
    """The shortest decimal that reads back as the same float64."""
    return repr(float(number)).removesuffix(".0")


def rows(X: NDArray[np.float64], y: NDArray[np.float64], class_names: list[str]) -> Iterator[str]:
    """One CSV line per observation, the target last."""
    for features, target in zip(X, y, strict=True):
        label = class_names[int(target)] if class_names else shortest(target)
        yield ",".join([*map(shortest, features), label])


def csv_text(name: str) -> bytes:
    """The whole CSV of one data set, as its source's numbers and our names say it should be."""
    load, options, feature_names, target, class_names = SETS[name]
    X, y = load(return_X_y=True, **options)
    if X.shape[1] != len(feature_names):
        raise ValueError(f"{name}: the source has {X.shape[1]} columns, but {len(feature_names)} are named here")
    return ("\n".join([",".join([*feature_names, target]), *rows(X, y, class_names)]) + "\n").encode("ascii")


def main() -> int:
    """Write or check every file. Return the exit status."""
    parser = argparse.ArgumentParser(description="Make the data files.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file's text differs")
    check = parser.parse_args().check
    different = []
    for name in SETS:
        text, path = csv_text(name), DATA / f"{name}.csv.gz"
        if not check:
            path.write_bytes(gzip.compress(text, compresslevel=9, mtime=0))
        elif not path.exists() or gzip.decompress(path.read_bytes()) != text:
            different.append(name)
        size = path.stat().st_size if path.exists() else 0
        print(f"{name:15} {size:6} bytes   sha256 of the text {hashlib.sha256(text).hexdigest()}")
    if different:
        print(f"differ from their source: {', '.join(different)}", file=sys.stderr)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
