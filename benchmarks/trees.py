"""Trees beside scikit-learn's."""

from __future__ import annotations

from typing import Any

import numpy as np

import pellucid
from pellucid_trees import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from stopwatch import compare, peer

theirs = peer("sklearn.tree")
ensembles = peer("sklearn.ensemble")
CLASSIFIERS, REGRESSORS = (RandomForestClassifier, ExtraTreesClassifier), (RandomForestRegressor, ExtraTreesRegressor)


def data(N: int, D: int) -> tuple[np.ndarray, np.ndarray]:
    """Points, and a number for each that depends on four of the columns; scikit-learn rounds X to float32 anyway."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N, D)).astype(np.float32).astype(np.float64)
    return X, X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + 0.5 * X[:, 3] + 0.5 * rng.standard_normal(N)


def decision_tree(N: int, D: int, *, max_depth: int | None = None, kind: str = "classifier") -> None:
    X, z = data(N, D)
    y = z if kind == "regressor" else (z > 0).astype(int)
    name = f"DecisionTree{kind.capitalize()}"
    ours = DecisionTreeRegressor if kind == "regressor" else DecisionTreeClassifier
    print(
        compare(
            f"{name}, {N:,} x {D}, " + ("fully grown" if max_depth is None else f"depth {max_depth}"),
            {
                f"pellucid {name}": lambda: ours(max_depth=max_depth).fit(X, y),
                "scikit-learn": theirs and (lambda: getattr(theirs, name)(max_depth=max_depth).fit(X, y)),
            },
            baseline="scikit-learn",
            least_rounds=3 if N < 1_000_000 else 1,
        )
    )


def decision_tree_options(N: int, D: int) -> None:
    """What makes a fit slower, one at a time."""
    X, z = data(N, D)
    rng = np.random.default_rng(1)
    classes, weights = np.digitize(z, [-2, -1, 0, 1]), rng.uniform(0.5, 2, N)
    gaps = np.where(rng.random(X.shape) < 0.1, np.nan, X)
    cases = {
        "entropy": ("Classifier", X, z > 0, None, {"criterion": "entropy"}),
        "5 classes": ("Classifier", X, classes, None, {}),
        "weights": ("Classifier", X, z > 0, weights, {}),
        "missing values": ("Classifier", gaps, z > 0, None, {}),
        "100 leaves": ("Classifier", X, z > 0, None, {"max_leaf_nodes": 100}),
        "3 targets": ("Regressor", X, np.column_stack([z, z**2, X[:, 0]]), None, {}),
        "absolute error, depth 8": ("Regressor", X, z, None, {"criterion": "absolute_error", "max_depth": 8}),
    }
    for title, (kind, A, y, s, params) in cases.items():
        ours = DecisionTreeRegressor if kind == "Regressor" else DecisionTreeClassifier
        their_kind = theirs and getattr(theirs, f"DecisionTree{kind}")
        print(
            compare(
                f"DecisionTree{kind}, {N:,} x {D}, {title}",
                {
                    "pellucid": lambda ours=ours, A=A, y=y, s=s, params=params: ours(**params).fit(A, y, s),
                    "scikit-learn": theirs
                    and (lambda kind=their_kind, A=A, y=y, s=s, params=params: kind(**params).fit(A, y, s)),
                },
                baseline="scikit-learn",
                least_rounds=3,
            )
        )


def decision_tree_prediction(N: int, D: int) -> None:
    X, z = data(N, D)
    y = z > 0
    for max_depth in (5, 10, None):
        ours = DecisionTreeClassifier(max_depth=max_depth).fit(X[: N // 5], y[: N // 5])
        other = theirs and theirs.DecisionTreeClassifier(max_depth=max_depth).fit(X[: N // 5], y[: N // 5])
        print(
            compare(
                f"prediction of {N:,} rows by a decision tree of depth {ours.get_depth()}",
                {
                    "pellucid": lambda ours=ours: ours.predict(X),
                    "scikit-learn": other and (lambda other=other: other.predict(X)),
                },
                baseline="scikit-learn",
            )
        )


# -- forests ---------------------------------------------------------------------------------------------------------


def forest(kind: Any, N: int, D: int, n_trees: int) -> None:
    X, z = data(N, D)
    y = (z > 0).astype(int) if "Classifier" in kind.__name__ else z
    new, _ = data(N // 2, D)
    kinds = {"pellucid": kind, "scikit-learn": ensembles and getattr(ensembles, kind.__name__)}
    fits = {who: cls and (lambda cls=cls: cls(n_trees, random_state=0).fit(X, y)) for who, cls in kinds.items()}
    title = f"{kind.__name__}, {N:,} x {D}, {n_trees} trees"
    print(compare(title, fits, baseline="scikit-learn", least_rounds=3))
    models = {who: fit and fit() for who, fit in fits.items()}
    asked = {who: model and (lambda model=model: model.predict(new)) for who, model in models.items()}
    print(compare(f"{title}: prediction of {len(new):,} rows", asked, baseline="scikit-learn"))


def forests_on_real_data(name: str) -> None:
    table = pellucid.dataset(name)
    for kind in REGRESSORS if name == "diabetes" else CLASSIFIERS:
        their_kind = ensembles and getattr(ensembles, kind.__name__)
        print(
            compare(
                f"{kind.__name__}, {name}, {table.X.shape[0]:,} x {table.X.shape[1]}, 100 trees",
                {
                    "pellucid": lambda kind=kind: kind(random_state=0).fit(table.X, table.y),
                    "scikit-learn": their_kind and (lambda kind=their_kind: kind(random_state=0).fit(table.X, table.y)),
                },
                baseline="scikit-learn",
            )
        )


def forest_scores(n_seeds: int = 20) -> None:
    """Scores on a third of the data after a fit to the rest, beside scikit-learn's on the same rows."""
    if ensembles is None:
        return
    names = ("iris", "wine", "breast_cancer", "digits")
    problems = [(name, kind, *_rows(name)) for name in names for kind in CLASSIFIERS]
    problems += [("diabetes", kind, *_rows("diabetes")) for kind in REGRESSORS]
    problems += [("synthetic", kind, *data(1_000, 10)) for kind in REGRESSORS]
    print(f"**scores of 100 trees, {n_seeds} seeds** (mean; difference ± its standard error)\n")
    print("| data | model | pellucid | scikit-learn | difference |\n|---|---|--:|--:|--:|")
    for name, kind, X, y in problems:
        scores = np.empty((n_seeds, 2))
        for seed in range(n_seeds):
            fit, rest = np.split(np.random.default_rng(seed).permutation(len(y)), [2 * len(y) // 3])
            for which, cls in enumerate((kind, getattr(ensembles, kind.__name__))):
                scores[seed, which] = cls(random_state=seed).fit(X[fit], y[fit]).score(X[rest], y[rest])
        ours, others = scores.mean(axis=0)
        error = (scores[:, 0] - scores[:, 1]).std(ddof=1) / np.sqrt(n_seeds)
        print(f"| {name} | {kind.__name__} | {ours:.4f} | {others:.4f} | {ours - others:+.4f} ± {error:.4f} |")
    print()


def _rows(name: str) -> tuple[np.ndarray, np.ndarray]:
    table = pellucid.dataset(name)
    return table.X, table.y


def forests() -> None:
    forest(RandomForestClassifier, 20_000, 20, 100)
    forest(RandomForestRegressor, 5_000, 20, 100)
    forest(ExtraTreesClassifier, 20_000, 20, 100)
    forest(ExtraTreesRegressor, 5_000, 20, 100)
    for name in ("iris", "digits", "diabetes"):
        forests_on_real_data(name)


# -- gradient boosting -----------------------------------------------------------------------------------------------


def boosting(N: int, D: int, depth: int) -> None:
    """100 trees by histograms, for numbers and for two classes; and what they predict."""
    X, z = data(N, D)
    tree = {"max_depth": depth}
    its = {"max_iter": 100, "max_depth": depth, "max_leaf_nodes": None, "early_stopping": False}
    for task, y, kind in (("squared error", z, "Regressor"), ("log-loss", z > 0, "Classifier")):
        mine = {"Regressor": GradientBoostingRegressor, "Classifier": GradientBoostingClassifier}[kind]
        theirs = ensembles and getattr(ensembles, f"HistGradientBoosting{kind}")
        print(
            compare(
                f"boosting, {task}, {N:,} x {D}, 100 trees of depth {depth}",
                {
                    f"pellucid GradientBoosting{kind}": lambda mine=mine, y=y: mine(**tree).fit(X, y),
                    f"scikit-learn HistGradientBoosting{kind}": theirs
                    and (lambda theirs=theirs, y=y: theirs(**its).fit(X, y)),
                },
                baseline=f"scikit-learn HistGradientBoosting{kind}",
            )
        )
        fitted, peer_fitted = mine(**tree).fit(X, y), theirs and theirs(**its).fit(X, y)
        print(
            compare(
                f"its predictions of {N:,} rows",
                {
                    f"pellucid GradientBoosting{kind}": lambda fitted=fitted: fitted.predict(X),
                    f"scikit-learn HistGradientBoosting{kind}": theirs
                    and (lambda peer_fitted=peer_fitted: peer_fitted.predict(X)),
                },
                baseline=f"scikit-learn HistGradientBoosting{kind}",
            )
        )


def exact_boosting(N: int, D: int, n_estimators: int) -> None:
    """Exact splits, which are scikit-learn's GradientBoosting's."""
    X, z = data(N, D)
    params = {"n_estimators": n_estimators}
    print(
        compare(
            f"boosting, squared error, {N:,} x {D}, {n_estimators} trees of depth 3, exact splits",
            {
                "pellucid GradientBoostingRegressor": lambda: GradientBoostingRegressor(splits="exact", **params).fit(
                    X, z
                ),
                "the same, by histograms": lambda: GradientBoostingRegressor(splits="histogram", **params).fit(X, z),
                "scikit-learn GradientBoostingRegressor": ensembles
                and (lambda: ensembles.GradientBoostingRegressor(**params).fit(X, z)),
            },
            baseline="scikit-learn GradientBoostingRegressor",
        )
    )


def boosting_scores(n_seeds: int = 20) -> None:
    """Scores on a quarter of the rows that the fit has not seen, on the data that are shipped."""
    if ensembles is None:
        return
    names = ("pellucid, exact", "pellucid, histograms", "scikit-learn", "difference ± standard error")
    print(f"**boosting, R² or accuracy on unseen rows, {n_seeds} seeds**\n")
    print(f"| | {' | '.join(names)} |\n|---|--:|--:|--:|--:|")
    for name in ("diabetes", "breast-cancer", "wine", "iris", "digits"):
        table, scores = pellucid.dataset(name), []
        kind = "Regressor" if name == "diabetes" else "Classifier"
        mine = {"Regressor": GradientBoostingRegressor, "Classifier": GradientBoostingClassifier}[kind]
        theirs = getattr(ensembles, f"GradientBoosting{kind}")
        for seed in range(n_seeds):
            rows = np.random.default_rng(seed).permutation(len(table.y))[:600]
            seen, unseen = rows[len(rows) // 4 :], rows[: len(rows) // 4]
            params = {"n_estimators": 30, "subsample": 0.7, "random_state": seed}
            models = mine(**params, splits="exact"), mine(**params, splits="histogram"), theirs(**params)
            scores.append(
                [model.fit(table.X[seen], table.y[seen]).score(table.X[unseen], table.y[unseen]) for model in models]
            )
        means = np.array(scores)
        difference = means[:, 0] - means[:, 2]
        error = difference.std(ddof=1) / np.sqrt(n_seeds)
        cells = [*(f"{score:.3f}" for score in means.mean(axis=0)), f"{difference.mean():+.3f} ± {error:.3f}"]
        print(f"| {name} | {' | '.join(cells)} |")
    print()


def main() -> None:
    for N in (150, 1_000, 20_000):
        decision_tree(N, 20)
        decision_tree(N, 20, kind="regressor")
    for max_depth in (10, None):
        decision_tree(100_000, 20, max_depth=max_depth)
        decision_tree(100_000, 20, max_depth=max_depth, kind="regressor")
    decision_tree(1_000_000, 10, max_depth=8)
    decision_tree_options(20_000, 20)
    decision_tree_prediction(100_000, 20)
    forests()
    boosting(100_000, 20, 5)
    exact_boosting(10_000, 10, 100)
    forest_scores()
    boosting_scores()
