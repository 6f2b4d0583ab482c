"""Six small real data sets, read from files inside the package.

Each file is a gzipped CSV (`zcat iris.csv.gz` shows it): a header, one row per observation, the target in the last
column. Numbers are as measured: nothing is scaled, shuffled or left out. X is float64; y holds class codes 0..K-1
(int64), which `target_names` puts into words, or the measured target (float64). Every call reads the file and returns
new arrays, so whoever changes them changes only their own.

Cost: one pass over the file; the largest, `digits`, takes about 10 ms and 2 MB.

References
----------
    Fisher (1936), "The use of multiple measurements in taxonomic problems", Annals of Eugenics 7, 179-188.
    Alpaydin & Kaynak (1998), "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository.
    Forina, Armanino, Castino & Ubigli (1986), "Multivariate data analysis as a discriminating method of the origin
        of wines", Vitis 25, 189-201; Aeberhard & Forina (1992), "Wine", UCI Machine Learning Repository.
    Street, Wolberg & Mangasarian (1993), "Nuclear feature extraction for breast tumor diagnosis", IS&T/SPIE 1905,
        861-870; Wolberg, Mangasarian, Street & Street (1993), "Breast Cancer Wisconsin (Diagnostic)", UCI.
    Efron, Hastie, Johnstone & Tibshirani (2004), "Least angle regression", Annals of Statistics 32, 407-499.
    Dobson & Barnett (2018), An introduction to generalized linear models, 4th ed., table 9.1.
Differs from them: column names; the digits are the test part only; two rows of UCI's iris are corrected to agree with
Fisher. Licences: CC BY 4.0 for the four from UCI; none is stated for the other two. DATA.md has the details.
"""

from __future__ import annotations

import gzip
from importlib import resources

import numpy as np

from pellucid import Dataset
from pellucid_datasets._plugin import SPECS


def iris() -> Dataset:
    """Sepals and petals of 150 iris flowers, fifty of each of three species.

    Setosa stands apart; versicolor and virginica overlap a little. The oldest test of a classifier.

    Returns
    -------
    Dataset
        X (150, 4): sepal and petal length and width in cm. y (150,): setosa, versicolor, virginica.

    Notes
    -----
    Fisher (1936); CC BY 4.0. Rows are sorted by species: shuffle before you split. Agrees with Fisher's paper, as the
    copies in R and scikit-learn do; UCI's file differs in one cell of row 35 and two of row 38.
    """
    return _read("iris", target_names=("setosa", "versicolor", "virginica"))


def digits() -> Dataset:
    """Handwritten digits, 1797 pictures of 8 x 8 pixels.

    A pixel is the number of ink dots in a 4 x 4 block of the scan, 0 (paper) to 16 (ink).

    Returns
    -------
    Dataset
        X (1797, 64): pixels row by row, so `X.reshape(-1, 8, 8)` gives pictures. y (1797,): the digit.

    Notes
    -----
    Alpaydin & Kaynak (1998), the 1797 pictures of the test part, by 13 writers; CC BY 4.0. Three pixels on
    the edge (0_0, 4_0 and 4_7) are 0 in every picture.
    """
    return _read("digits", target_names=tuple(str(digit) for digit in range(10)))


def wine() -> Dataset:
    """Chemistry of 178 red wines from Piedmont: Barolo, Grignolino or Barbera.

    The columns differ in scale by a factor of a thousand, which shows what a scaler is for.

    Returns
    -------
    Dataset
        X (178, 13): alcohol, malic acid, ash and so on. y (178,): barolo, grignolino, barbera.

    Notes
    -----
    Forina and others (1986), Aeberhard & Forina (1992); CC BY 4.0. UCI calls the classes 1, 2 and 3; the names are
    those of the 1986 paper. Rows are sorted by class: shuffle before you split.
    """
    return _read("wine", target_names=("barolo", "grignolino", "barbera"))


def breast_cancer() -> Dataset:
    """Cell nuclei in 569 needle biopsies of breast tumours, malignant or benign.

    Ten measures of each nucleus, as the mean, the standard error (`_error`) and the mean of the three largest
    (`worst_`) over a picture.

    Returns
    -------
    Dataset
        X (569, 30). y (569,): 0 malignant (212 rows), 1 benign (357 rows).

    Notes
    -----
    Wolberg, Mangasarian, Street & Street (1993), University of Wisconsin; CC BY 4.0. Patient numbers are left out.
    """
    return _read("breast_cancer", target_names=("malignant", "benign"))


def diabetes() -> Dataset:
    """Ten measurements of 442 diabetes patients, and the disease a year later.

    Returns
    -------
    Dataset
        X (442, 10): age in years; sex, coded 1 and 2; body mass index; average blood pressure; six blood serum
        values. y (442,): a measure of disease progression one year after the first visit, 25 to 346.

    Notes
    -----
    Efron, Hastie, Johnstone & Tibshirani (2004), who call the serum columns tc, ldl, hdl, tch, ltg and glu and do not
    spell them out. The numbers do: ldl = tc - hdl - exp(ltg)/5 in every row, to within rounding (Friedewald's
    estimate of LDL), so ltg is the natural logarithm of triglycerides; and tch is tc/hdl, mostly rounded. Values are
    raw; the paper scales each column to mean 0 and norm 1.
    No licence is stated; see DATA.md.
    """
    return _read("diabetes", target_names=())


def british_doctors() -> Dataset:
    """Deaths from coronary disease among British doctors in ten years, by age and smoking.

    Counts with an exposure: the same number of deaths says more where fewer years were lived. Smoking matters more for
    the young than for the old.

    Returns
    -------
    Dataset
        X (10, 3): the youngest age of a group of ten years, whether they smoke (1 or 0), and the person-years
        observed. y (10,): deaths.

    Notes
    -----
    Doll & Hill's study, begun in 1951, as printed by Dobson & Barnett (2018), table 9.1. Ten published counts: no
    licence is stated, and none needed that we know of.
    """
    return _read("british_doctors", target_names=())


def _read(name: str, target_names: tuple[str, ...]) -> Dataset:
    """Read data/<name>.csv.gz; codes of the last column are places in `target_names`, or numbers if there are none."""
    spec = SPECS[name]
    path = resources.files("pellucid_datasets") / "data" / f"{name}.csv.gz"
    with path.open("rb") as packed, gzip.open(packed, "rt", encoding="ascii") as lines:
        *feature_names, target = next(lines).rstrip().split(",")
        D = len(feature_names)
        codes = {label: float(k) for k, label in enumerate(target_names)}
        table = np.loadtxt(lines, delimiter=",", converters={D: codes.__getitem__} if codes else None)  # (N, D+1)
    X = table[:, :D].copy()  # (N, D)
    y = table[:, D].astype(np.int64 if codes else np.float64)  # (N,)
    return Dataset(
        X=X,
        y=y,
        feature_names=tuple(feature_names),
        target_names=target_names,
        target=target,
        task=spec.task,
        summary=spec.summary,
        source=spec.source,
        licence=spec.licence,
    )
