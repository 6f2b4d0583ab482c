"""What a model of tables is for: that it does its task better than nothing does, and that its methods agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.testing import tasks
from pellucid.testing.checks import NotApplicable, check, expect
from pellucid.testing.environments import installed
from pellucid.testing.subjects import Subject, differences, quiet
from pellucid.testing.tasks import SEEDS, Data


def method(model: Subject, name: str) -> Callable[..., Any]:
    """A method of the fitted model; leaves the check where it has none of this name."""
    found: Callable[..., Any] | None = getattr(model.fitted, name, None)
    if found is None:
        raise NotApplicable(f"it has no {name}")
    return found


# Classification


@check("task", "classification")
def beats_the_most_frequent_class(model: Subject) -> None:
    """On new points half of three classes' labels are right, or seven tenths of two; a guess has a third, or a half."""
    new = tasks.three_clouds(model.spec, seed=1)
    right = float(np.mean(model.fitted.predict(new.X) == new.y))
    expect(right > (0.5 if n_classes(model) > 2 else 0.7), f"{right:.0%} of the labels were right")


@check("task", "classification")
def predicts_its_classes(model: Subject) -> None:
    """predict gives each row one label from classes_, in the dtype of classes_."""
    labels = np.asarray(model.fitted.predict(model.data.X))
    classes = np.asarray(model.fitted.classes_)
    expect(labels.shape == (60,), f"predict of 60 rows has shape {labels.shape}")
    strange = np.setdiff1d(labels, classes)
    expect(not strange.size, f"predict gave {strange.tolist()}, and classes_ is {classes.tolist()}")
    expect(labels.dtype == classes.dtype, f"predict gave {labels.dtype}, and classes_ is {classes.dtype}")


@check("task", "classification")
def classes_are_sorted(model: Subject) -> None:
    """classes_ holds the labels of y, sorted, in whatever order the rows come."""
    data = model.data
    order = np.argsort(-data.y)
    one = model.glance(Data(data.X[order], data.y[order]))
    classes = np.asarray(one.classes_)
    labels = list(range(n_classes(model)))
    expect(np.array_equal(classes, labels), f"classes_ is {classes.tolist()} for the labels {labels[::-1]}")


@check("task", "classification")
def two_classes(model: Subject) -> None:
    """Two of the three classes are learnt as well, with seven of ten labels right and probabilities that agree."""
    data = model.data
    pair = data.y < 2
    X, y = data.X[pair], np.array([-1, 1])[data.y[pair]]
    one = model.make()
    model.fit(one, Data(X, y))
    right = float(np.mean(one.predict(X) == y))
    expect(right > 0.7, f"{right:.0%} of the labels -1 and 1 were right")
    expect_probabilities(one, X, "two classes", 2)


@check("task", "classification")
def many_classes(model: Subject) -> None:
    """Twelve classes of five rows each are all in classes_, and their twelve probabilities agree with predict."""
    if "two classes" in model.spec.tags:
        raise NotApplicable("it is for two classes")
    one = model.glance(Data(model.data.X, np.arange(60) % 12))
    n = len(one.classes_)
    expect(n == 12, f"classes_ has {n} labels")
    expect_probabilities(one, model.data.X, "twelve classes", 12)


@check("task", "classification")
def probabilities_sum_to_one(model: Subject) -> None:
    """predict_proba gives each row a probability for each class, and they sum to one."""
    sums_to_one("predict_proba", method(model, "predict_proba")(model.data.X), (60, n_classes(model)))


@check("task", "classification")
def predicts_the_most_probable_class(model: Subject) -> None:
    """The predicted class is the one with the highest probability."""
    P = np.asarray(method(model, "predict_proba")(model.data.X))
    agrees_with_the_highest(model.fitted, model.data.X, "predict_proba", P)


@check("task", "classification")
def log_probabilities_are_logarithms(model: Subject) -> None:
    """predict_log_proba is the logarithm of predict_proba."""
    P = np.asarray(method(model, "predict_proba")(model.data.X))
    found = np.exp(np.asarray(method(model, "predict_log_proba")(model.data.X)))
    saw = differences({"exp(predict_log_proba)": found}, {"exp(predict_log_proba)": P}, rtol=1e-5, atol=1e-7)
    expect(not saw, saw)


@check("task", "classification")
def decides_by_its_decision_function(model: Subject) -> None:
    """The predicted class has the highest decision_function, and of two classes the second one where it is positive."""
    F = np.asarray(method(model, "decision_function")(model.data.X))
    if n_classes(model) > 2:
        expect(F.shape == (60, 3), f"decision_function of 60 rows and three classes has shape {F.shape}")
        agrees_with_the_highest(model.fitted, model.data.X, "decision_function", F)
    data = model.data
    X, y = data.X[data.y < 2], data.y[data.y < 2]
    one, n = model.glance(Data(X, y)), len(X)
    f, labels = np.asarray(one.decision_function(X)), np.asarray(one.predict(X))
    expect(
        f.shape == (n,), f"decision_function of {n} rows and two classes has shape {f.shape}, and should have ({n},)"
    )
    wrong = int(np.sum((labels == 1) != (f > 0)))
    expect(not wrong, f"of two classes, predict and the sign of decision_function disagree in {wrong} of {n} rows")


@check("task", "classification")
def score_is_the_accuracy(model: Subject) -> None:
    """score is the share of rows whose label is predicted."""
    score, data = method(model, "score"), model.data
    y = (data.y + (np.arange(60) % 4 == 0)) % n_classes(model)  # some labels wrong, so that no score is perfect
    found, expected = score(data.X, y), float(np.mean(model.fitted.predict(data.X) == y))
    expect(abs(found - expected) < 1e-9, f"score is {found:.6g}, and {expected:.6g} of the labels are right")


def expect_probabilities(one: Any, X: NDArray[Any], classes: str, n: int) -> None:
    """Fail where a fitted model's probabilities of n classes, if it has any, are none or are not those of predict."""
    if hasattr(one, "predict_proba"):
        P, name = np.asarray(one.predict_proba(X)), f"predict_proba of {len(X)} rows and {classes}"
        sums_to_one(name, P, (len(X), n))
        agrees_with_the_highest(one, X, name, P)


def n_classes(model: Subject) -> int:
    """How many classes the toy data have."""
    return len(np.unique(model.data.y))


def agrees_with_the_highest(one: Any, X: NDArray[Any], name: str, values: NDArray[Any]) -> None:
    """Fail where the class that a fitted model predicts has not the highest value (N, K)."""
    labels, classes = np.asarray(one.predict(X)), np.asarray(one.classes_)
    predicted = values[labels[:, None] == classes]
    expect(predicted.shape == labels.shape, f"predict gave labels that are not in classes_, {classes.tolist()}")
    wrong = int(np.sum(predicted < values.max(axis=1) - 1e-9))
    expect(not wrong, f"predict and the highest {name} disagree in {wrong} of {len(labels)} rows")


def sums_to_one(name: str, P: Any, shape: tuple[int, ...]) -> None:
    """Fail unless P has this shape, and its rows are distributions."""
    P = np.asarray(P)
    expect(P.shape == shape, f"{name} has shape {P.shape}, not {shape}")
    expect(np.all((P >= 0) & (P <= 1 + 1e-9)), f"{name} lies between {P.min():.6g} and {P.max():.6g}, not in [0, 1]")
    sums = np.atleast_1d(P.sum(axis=-1))
    off = sums[np.argmax(np.abs(sums - 1))]
    expect(abs(off - 1) < 1e-6, f"a row of {name} sums to {off:.9g}")


# Regression


@check("task", "regression")
def beats_the_mean(model: Subject) -> None:
    """R² of a bent plane is above 0.3 for the data of the fit and above 0, what the mean has, for new points."""
    old, new = model.data, tasks.bent_plane(model.spec, seed=1)
    here, there = (r_squared(data.y, np.asarray(model.fitted.predict(data.X))) for data in (old, new))
    expect(here > 0.3 and there > 0, f"R² is {here:.3f} for the data of the fit and {there:.3f} for new points")


@check("task", "regression")
def predicts_one_number_for_each_row(model: Subject) -> None:
    """predict gives each row one finite number."""
    found = np.asarray(model.fitted.predict(model.data.X))
    expect(found.shape == (60,), f"predict of 60 rows has shape {found.shape}")
    expect(found.dtype.kind in "fiu", f"predict gave {found.dtype}, which holds no numbers")
    expect(np.all(np.isfinite(found)), f"{np.sum(~np.isfinite(found))} of 60 predictions are not finite")


@check("task", "regression")
def several_targets(model: Subject) -> None:
    """A model that takes several targets predicts each of them in a column of its own, with R² above 0.3."""
    if not getattr(model.cls, "_multi_output", False):
        raise NotApplicable("it takes one target (_multi_output is not True)")
    data = model.data
    X = tasks.bent_plane().X
    Y = np.column_stack([data.y, -2.0 * data.y, X[:, 1] - X[:, 0]])
    if "positive target" in model.spec.tags:
        Y = np.column_stack([data.y, 2.0 * data.y, np.exp(-X[:, 0] / 2)])
    one = model.make()
    model.fit(one, Data(data.X, Y))
    found = np.asarray(one.predict(data.X))
    expect(found.shape == (60, 3), f"predict of 60 rows and three targets has shape {found.shape}")
    scores = [r_squared(Y[:, t], found[:, t]) for t in range(3)]
    expect(min(scores) > 0.3, "R² of the three targets: " + ", ".join(f"{score:.3f}" for score in scores))


@check("task", "regression")
def score_is_r_squared(model: Subject) -> None:
    """score is R², the share of the variance that is explained."""
    score, data = method(model, "score"), model.data
    y = data.y + np.where(np.arange(60) % 2, 1.0, -1.0)  # noisier, so that no score is perfect
    found, expected = score(data.X, y), r_squared(y, np.asarray(model.fitted.predict(data.X)))
    expect(abs(found - expected) < 1e-6, f"score is {found:.6g}, and R² is {expected:.6g}")


def r_squared(y: NDArray[Any], predicted: NDArray[Any]) -> float:
    """1 − Σ (y − ŷ)² / Σ (y − ȳ)²: (N,), (N,) -> ()."""
    return float(1 - np.sum((y - predicted) ** 2) / np.sum((y - y.mean()) ** 2))


# Clustering


@check("task", "clustering")
def every_row_has_a_cluster(model: Subject) -> None:
    """labels_ holds one whole number for each row."""
    labels = np.asarray(model.fitted.labels_)
    expect(labels.shape == (60,), f"labels_ of 60 rows has shape {labels.shape}")
    expect(labels.dtype.kind in "iu", f"labels_ holds {labels.dtype}")


@check("task", "clustering")
def fit_predict_gives_the_labels(model: Subject) -> None:
    """fit_predict returns what fit leaves in labels_."""
    method(model, "fit_predict")
    one = model.make_quick()
    with quiet():
        found = np.asarray(one.fit_predict(*model.data.args))
    saw = differences({"fit_predict": found}, {"fit_predict": model.glance().labels_})
    expect(not saw, f"{saw}, compared with labels_ after fit")


@check("task", "clustering")
def predicts_the_labels_of_its_data(model: Subject) -> None:
    """predict of the data of the fit gives labels_."""
    predict = method(model, "predict")
    wrong = int(np.sum(np.asarray(predict(model.data.X)) != model.fitted.labels_))
    expect(not wrong, f"they differ in {wrong} of 60 rows")


@check("task", "clustering")
def finds_three_clouds(model: Subject) -> None:
    """Three clouds that lie far apart are found: the adjusted Rand index is above 0.5; by chance it is 0."""
    clouds = far_clouds(model)
    number = {name: 3 for name in ("n_clusters", "n_components") if name in model.parameters}
    one = model.make(**number)
    model.fit(one, replace(model.data, X=clouds.X))
    found = adjusted_rand(one.labels_, clouds.y)
    expect(found > 0.5, f"it is {found:.3f}, with {len(np.unique(one.labels_))} clusters")


def far_clouds(model: Subject) -> Data:
    """Three small clouds of 20 points, where the centres of the toy data are."""
    data = tasks.three_clouds(replace(model.spec, tags=tuple({*model.spec.tags} & {"one column"})))
    centres = np.stack([data.X[data.y == k].mean(axis=0) for k in range(3)])[data.y]
    return Data(tasks.within(model.spec, centres + 0.15 * (data.X - centres)), data.y)


def adjusted_rand(a: Any, b: Any) -> float:
    """How far two clusterings agree on which pairs belong together: 1 wholly, 0 as by chance (Hubert & Arabie)."""
    table = np.array([[np.sum((a == i) & (b == j)) for j in np.unique(b)] for i in np.unique(a)])
    both, in_a, in_b = (float(np.sum(n * (n - 1)) / 2) for n in (table, table.sum(axis=1), table.sum(axis=0)))
    chance = in_a * in_b / (len(a) * (len(a) - 1) / 2)
    most = (in_a + in_b) / 2
    return 1.0 if most == chance else (both - chance) / (most - chance)


# Density


@check("task", "density")
def log_densities_are_finite(model: Subject) -> None:
    """score_samples gives each row one finite number."""
    found = np.asarray(model.fitted.score_samples(model.data.X))
    expect(found.shape == (60,), f"score_samples of 60 rows has shape {found.shape}")
    expect(np.all(np.isfinite(found)), f"{np.sum(~np.isfinite(found))} of 60 log densities are not finite")


@check("task", "density")
def density_integrates_to_one(model: Subject) -> None:
    """Over a line, the density fitted to one column integrates to 1, give or take a tenth."""
    if "binary" in model.spec.tags:
        raise NotApplicable("its data are zeros and ones")
    one = model.make()
    model.fit(one, replace(model.data, X=model.data.X[:, :1]))
    grid = np.linspace(-40.0, 40.0, 4001)
    total = float(np.exp(one.score_samples(grid[:, None])).sum() * (grid[1] - grid[0]))
    expect(0.9 < total < 1.1, f"it integrates to {total:.4f}")


@check("task", "density")
def far_points_are_less_dense(model: Subject) -> None:
    """A point far away from the data has a lower density than any row of them."""
    if "binary" in model.spec.tags:
        raise NotApplicable("its data are zeros and ones")
    X = model.data.X
    nearest = float(np.min(model.fitted.score_samples(X)))
    far = float(np.max(model.fitted.score_samples(X.max(axis=0, keepdims=True) + 60.0)))
    expect(far < nearest, f"log density {far:.4g} far away, {nearest:.4g} at a row of the data")


@check("task", "density")
def score_is_the_mean_log_density(model: Subject) -> None:
    """score is the mean of score_samples, or their sum."""
    score, X = method(model, "score"), model.data.X
    found, mean = float(score(X)), float(np.mean(model.fitted.score_samples(X)))
    agrees = any(abs(found - one) <= 1e-9 * max(1.0, abs(one)) for one in (mean, len(X) * mean))
    expect(agrees, f"score is {found:.6g}, the mean {mean:.6g} and the sum {len(X) * mean:.6g}")


# Generation, of which a density may be capable too


@check("task", "density", "generation")
def samples_have_the_columns_of_the_data(model: Subject) -> None:
    """sample(n) gives n rows with the columns of the data, all finite."""
    method(model, "sample")
    for n in (1, 7):
        rows = np.asarray(tasks.sample(model.fitted, n)[0])
        width = model.data.X.shape[1]
        expect(rows.shape == (n, width), f"sample({n}) has shape {rows.shape}, and the data have {width} columns")
        expect(np.all(np.isfinite(rows)), f"sample({n}) has {np.sum(~np.isfinite(rows))} numbers that are not finite")


@check("task", "density", "generation", "sequence")
def same_seed_same_sample(model: Subject) -> None:
    """With the same seed sample gives the same rows, and the rows of one sample differ."""
    method(model, "sample")
    first, second = samplers(model)
    found = [np.asarray(tasks.sample(one, 5)[0]) for one in (first, second)]
    saw = differences({"the second sample": found[1]}, {"the second sample": found[0]})
    expect(not saw, f"{saw}, compared with the first")
    rows = np.asarray(tasks.sample(first, 30)[0])
    expect(len(np.unique(rows, axis=0)) > 1, f"all of 30 rows are {rows[0].tolist()}")


@check("task", "density", "generation")
def samples_look_like_the_data(model: Subject) -> None:
    """300 rows of a sample have about the mean and the spread of the data, column by column."""
    method(model, "sample")
    rows, X = np.asarray(tasks.sample(model.fitted, 300)[0], dtype=float), model.data.X
    mean, spread = X.mean(axis=0), X.std(axis=0) + 0.1
    away = np.abs(rows.mean(axis=0) - mean) / spread  # (D,)
    expect(np.all(away < 1), f"the mean of a column is {away.max():.3g} standard deviations away from that of the data")
    ratio = rows.std(axis=0) / spread  # (D,)
    expect(np.all((ratio > 0.3) & (ratio < 3)), f"the spread of columns is {short(ratio)} times that of the data")


def samplers(model: Subject) -> tuple[Any, Any]:
    """Two models whose next samples must be the same."""
    import inspect

    if any(name in inspect.signature(model.cls.sample).parameters for name in SEEDS):
        return model.fitted, model.fitted
    expect(model.seed, f"neither sample nor the constructor takes {', '.join(SEEDS)}: no sample can be had twice")
    first, second = model.make(), model.make()
    model.fit(first)
    model.fit(second)
    return first, second


def short(values: Any) -> str:
    """A few numbers in words."""
    return ", ".join(f"{value:.3g}" for value in np.ravel(values)[:6])


# Transform


@check("task", "transform")
def rows_are_kept(model: Subject) -> None:
    """transform gives a table with one row for each row."""
    for n in (60, 7):
        shape = np.shape(model.fitted.transform(model.data.X[:n]))
        expect(len(shape) == 2 and shape[0] == n, f"transform of {n} rows has shape {shape}")


@check("task", "transform")
def fit_transform_is_fit_then_transform(model: Subject) -> None:
    """fit_transform returns what transform gives after fit, to one part in a hundred."""
    method(model, "fit_transform")
    with quiet():
        found = dense(model.make().fit_transform(*model.data.args))
    saw = differences(
        {"fit_transform": found}, {"fit_transform": dense(model.fitted.transform(model.data.X))}, share=0.01
    )
    expect(not saw, saw)


@check("task", "transform")
def output_columns_have_names(model: Subject) -> None:
    """get_feature_names_out gives each output column a name of its own."""
    names = [str(name) for name in method(model, "get_feature_names_out")()]
    width = np.shape(model.fitted.transform(model.data.X))[1]
    expect(len(names) == width, f"there are {width} columns and {len(names)} names: {', '.join(names[:8])}")
    expect(len(set(names)) == width, f"some of the names are the same: {', '.join(names[:8])}")


@check("task", "transform")
def inverse_transform_brings_back(model: Subject) -> None:
    """inverse_transform gives rows that transform to the same, no farther from the data than their mean or zeros."""
    inverse, X = method(model, "inverse_transform"), model.data.X
    Z = dense(model.fitted.transform(X))
    back = np.asarray(inverse(Z))
    expect(back.shape == X.shape, f"inverse_transform has shape {back.shape}, and the data {X.shape}")
    again = dense(model.fitted.transform(back))
    error = float(np.linalg.norm(again - Z) / max(float(np.linalg.norm(Z)), 1e-12))
    expect(error < 0.05, f"what comes back transforms to something else; the relative difference is {error:.3g}")
    if X.dtype == object:
        return  # words are near or far from nothing
    nothing = max(np.sum((X - X.mean(axis=0)) ** 2), np.sum(X**2))  # what is left of a column that is all lost
    lost = float(np.sum((back - X) ** 2) / nothing)
    expect(lost <= 1, f"what comes back is {lost:.3g} times as far from the data as their mean or zeros, in squares")


@check("task", "transform")
def set_output_chooses_the_container(model: Subject) -> None:
    """set_output("pandas") gives frames with the names of the columns and of the rows, "default" gives arrays again."""
    method(model, "set_output")
    pandas = installed("pandas")
    if pandas is None:
        raise NotApplicable("pandas is not installed")
    data = model.data
    X = pandas.DataFrame(data.X, columns=list("abcd")[: data.X.shape[1]], index=[f"row {n}" for n in range(60)])
    one = model.make_quick()
    model.fit(one, replace(data, X=X))
    array = dense(one.transform(X))
    frame = one.set_output(transform="pandas").transform(X)
    expect(isinstance(frame, pandas.DataFrame), f"with pandas chosen, transform gave {type(frame).__name__}")
    names = [str(name) for name in one.get_feature_names_out()]
    expect(list(frame.columns) == names, f"the columns are {list(frame.columns)}, and their names should be {names}")
    expect(
        list(frame.index) == list(X.index),
        f"the rows are called {list(frame.index)[:3]}, ...; they were {X.index[0]!r}",
    )
    saw = differences({"the frame": frame.to_numpy()}, {"the frame": array})
    expect(not saw, saw)
    again = one.set_output(transform="default").transform(X)
    expect(isinstance(again, np.ndarray), f"with default chosen, transform gave {type(again).__name__}")


def dense(values: Any) -> NDArray[Any]:
    """An array of what may be a sparse matrix."""
    return np.asarray(values.toarray() if hasattr(values, "toarray") else values)
