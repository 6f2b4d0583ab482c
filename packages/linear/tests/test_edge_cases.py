"""What every estimator here does with odd input: a right answer, or an error that says what is wrong."""

import subprocess
import sys
import warnings

import numpy as np
import pytest

import pellucid
from pellucid_linear import (
    BayesianLinearRegression,
    ElasticNet,
    GaussianNB,
    GeneralizedLinearModel,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeCV,
)

MODELS = [LinearRegression(), Ridge(), LogisticRegression()]
REGRESSORS = [
    *MODELS[:2],
    RidgeCV(),
    RidgeCV(cv=3),
    Lasso(0.01),
    ElasticNet(0.01),
    ElasticNet(0.01, l1_ratio=0),
    BayesianLinearRegression(),
    BayesianLinearRegression(1.0, prior_precision=2.0),
    GeneralizedLinearModel(),
]
every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)


def draw(N=30, D=3):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, D))
    return X, (X[:, 0] > 0).astype(int)


@every_model
def test_lists_orders_and_read_only_arrays_are_all_the_same(model):
    X, y = draw()
    expected = pellucid.clone(model).fit(X, y).coef_
    frozen, frozen_y = X.copy(), y.copy()
    frozen.flags.writeable = frozen_y.flags.writeable = False
    for data, target in (
        (X.tolist(), y.tolist()),
        (np.asfortranarray(X), y),
        (np.repeat(X, 2, axis=1)[:, ::2], np.repeat(y, 2)[::2]),
        (frozen, frozen_y),
        (X.astype(object), y),
    ):
        fitted = pellucid.clone(model).fit(data, target)
        np.testing.assert_allclose(fitted.coef_, expected, rtol=1e-10)
        np.testing.assert_allclose(fitted.predict(data), fitted.predict(X), rtol=1e-10)


@every_model
def test_float32_stays_float32_and_is_as_precise_as_it_can_be(model):
    X, y = draw()
    X32 = X.astype(np.float32)
    exact = pellucid.clone(model).fit(X32.astype(np.float64), y)
    fitted = pellucid.clone(model).fit(X32, y, np.ones(30))
    assert fitted.coef_.dtype == fitted.intercept_.dtype == np.float32
    np.testing.assert_allclose(fitted.coef_, exact.coef_, rtol=1e-6)
    if isinstance(model, LogisticRegression):
        assert fitted.predict_proba(X32).dtype == fitted.decision_function(X32).dtype == np.float32
        np.testing.assert_allclose(fitted.predict_proba(X32).sum(axis=1), 1, rtol=1e-6)
    else:
        assert fitted.predict(X32).dtype == np.float32


@every_model
def test_data_frames_of_pandas_and_polars(model):
    X, y = draw()
    for library in ("pandas", "polars"):
        frames = pytest.importorskip(library)
        frame = frames.DataFrame(dict(zip("abc", X.T)))
        fitted = pellucid.clone(model).fit(frame, frames.Series(y))
        assert fitted.feature_names_in_.tolist() == ["a", "b", "c"]
        np.testing.assert_allclose(fitted.predict(frame), pellucid.clone(model).fit(X, y).predict(X), rtol=1e-10)
        with pytest.raises(ValueError, match="same order"):
            fitted.predict(frame[["b", "a", "c"]])


@every_model
@pytest.mark.parametrize(
    "X, y, message",
    [
        (np.empty((0, 2)), [], "0 sample"),
        (np.empty((3, 0)), [0, 1, 1], "0 feature"),
        ([1.0, 2.0], [0, 1], "Reshape your data"),
        ([[1.0], [np.nan], [2.0]], [0, 1, 1], "(?s)NaN.*row 1"),
        ([[1.0], [np.inf], [2.0]], [0, 1, 1], "infinity"),
        ([[1.0], [2.0], [3.0]], [0, np.nan, 1], "NaN"),
        ([[1.0], [2.0], [3.0]], [0, 1], r"inconsistent numbers of samples: \[3, 2\]"),
        ([["a"], ["b"], ["c"]], [0, 1, 1], "text"),
        ([[1.0], [2.0], [3.0]], None, "y"),
    ],
)
def test_bad_data_are_refused_with_the_reason(model, X, y, message):
    with pytest.raises(ValueError, match=message):
        pellucid.clone(model).fit(X, y)


@every_model
def test_predict_refuses_other_columns_and_unfitted_models(model):
    X, y = draw()
    with pytest.raises(pellucid.NotFittedError, match="not fitted yet"):
        pellucid.clone(model).predict(X)
    with pytest.raises(ValueError, match="X has 2 features, but .* is expecting 3"):
        pellucid.clone(model).fit(X, y).predict(X[:, :2])


@pytest.mark.parametrize("model", MODELS[:2], ids=["LinearRegression", "Ridge"])
def test_one_row_is_predicted_by_its_target(model):
    fitted = pellucid.clone(model).fit([[3.0, -2.0]], [7.0])
    assert fitted.intercept_ == 7 and not fitted.coef_.any()


@every_model
def test_equal_rows(model):
    X, y = np.full((10, 2), 0.1), np.repeat([0, 1], [3, 7])
    fitted = pellucid.clone(model).fit(X, y)
    assert not fitted.coef_.any()
    share = fitted.predict_proba(X)[0, 1] if isinstance(model, LogisticRegression) else fitted.predict(X)[0]
    np.testing.assert_allclose(share, 0.7, rtol=1e-6)


@every_model
def test_a_row_of_weight_zero_is_as_good_as_absent(model):
    X, y = draw()
    weights = np.ones(30)
    weights[:5] = 0
    changed = X.copy()
    changed[:5] = 1e6
    np.testing.assert_allclose(
        pellucid.clone(model).fit(changed, y, weights).coef_, pellucid.clone(model).fit(X[5:], y[5:]).coef_, rtol=1e-6
    )


@pytest.mark.parametrize("far", [1e12, 1e160, 1e308])
@pytest.mark.parametrize("model", REGRESSORS, ids=repr)
def test_a_row_of_weight_zero_is_as_good_as_absent_however_far_it_is(model, far):
    X, _ = draw()
    y, weights = X @ [1.0, 2.0, 3.0] + np.arange(30) % 3, np.ones(30)
    weights[1::3] = 0
    alone = model if getattr(model, "cv", None) is None else RidgeCV(cv=[(np.arange(20), np.arange(20))])
    model = model if alone is model else RidgeCV(cv=[(np.arange(30), np.arange(30))])
    expected = pellucid.clone(alone).fit(X[weights > 0], y[weights > 0])
    away, away_y = X.copy(), y.copy()
    away[1::3], away_y[1::3] = [far, -far, far], [far, -far] * 5
    for data, target in ((away, y), (X, away_y), (away, away_y)):
        found = pellucid.clone(model).fit(data, target, weights)
        np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-9)
        np.testing.assert_allclose(found.intercept_, expected.intercept_, rtol=1e-9)
        for name in {"loss_", "best_score_", "deviance_", "log_marginal_likelihood_"} & set(vars(expected)):
            ends = (np.ravel(getattr(one, name))[-1] for one in (found, expected))
            np.testing.assert_allclose(*ends, rtol=1e-9)


# -- faults that numpy-ml has -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", REGRESSORS, ids=repr)
def test_numpy_ml_fault_one_dimensional_y(model):
    X, _ = draw()
    y = X @ [1.0, 2.0, 3.0] + np.arange(30) % 3
    one = pellucid.clone(model).fit(X, y)
    assert one.coef_.shape == (3,) and np.shape(one.intercept_) == () and one.predict(X).shape == (30,)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a model of one target says that it makes a column flat
        column = pellucid.clone(model).fit(X, y[:, None])
    np.testing.assert_allclose(column.predict(X).ravel(), one.predict(X), rtol=1e-12)


@pytest.mark.parametrize("model", [*REGRESSORS, *MODELS[2:], GeneralizedLinearModel("poisson")], ids=repr)
def test_numpy_ml_fault_constant_features(model):
    X, y = draw()
    more = np.column_stack([X, np.full(30, 0.1), np.zeros(30), np.full(30, 1e8 / 3)])
    plain, found = pellucid.clone(model).fit(X, y), pellucid.clone(model).fit(more, y)
    assert not found.coef_[..., 3:].any()
    elsewhere = np.column_stack([X, X])
    np.testing.assert_allclose(found.predict(elsewhere), plain.predict(X), rtol=1e-7)


def test_numpy_ml_fault_constant_features_of_naive_bayes():
    X, y = draw()
    more = np.column_stack([X, np.full(30, 0.1), np.zeros(30)])
    plain, found = GaussianNB().fit(X, y), GaussianNB().fit(more, y)
    np.testing.assert_allclose(found.predict_proba(more), plain.predict_proba(X), rtol=1e-9)


@pytest.mark.parametrize(
    "with_price",
    [
        Ridge,
        lambda price: RidgeCV([price]),
        lambda price: Lasso(price / 30),
        lambda price: ElasticNet(price / 30),
        lambda price: GeneralizedLinearModel(alpha=price / 30),
        lambda price: GeneralizedLinearModel("poisson", alpha=price / 30),
        lambda price: LogisticRegression(1 / price),
        lambda price: LogisticRegression(1 / price, penalty="l1"),
        lambda price: BayesianLinearRegression(1.0, prior_precision=price),
    ],
)
def test_numpy_ml_fault_sign_of_the_price(with_price):
    """A higher price shrinks the weights, down to nothing."""
    X, y = draw()
    sizes = [np.linalg.norm(with_price(price).fit(X, y).coef_) for price in (1e-3, 0.1, 1.0, 10.0, 1e9)]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] > sizes[2] > sizes[3] and sizes[-1] < 1e-6


@pytest.mark.parametrize("scale", [1e-150, 1e-30, 1e30, 1e150, 1e300])
def test_huge_and_tiny_data_of_a_regression(scale):
    X, _ = draw()
    y = X @ [1.0, 2.0, 3.0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(LinearRegression().fit(X * scale, y).coef_ * scale, [1, 2, 3], rtol=1e-9)
        np.testing.assert_allclose(LinearRegression().fit(X, y * scale).coef_ / scale, [1, 2, 3], rtol=1e-9)
        np.testing.assert_allclose(Ridge(0).fit(X * scale, y).coef_ * scale, [1, 2, 3], rtol=1e-9)


@every_model
def test_save_and_load_give_the_same_predictions(model, tmp_path):
    X, y = draw()
    fitted = pellucid.clone(model).fit(X, y)
    pellucid.save(fitted, tmp_path / "model.npz")
    again = pellucid.load(tmp_path / "model.npz")
    assert type(again) is type(model)
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))


@every_model
def test_fitting_again_forgets_the_first_fit(model):
    X, y = draw()
    fitted = pellucid.clone(model).fit(X, y).fit(X[:, :2], y)
    np.testing.assert_array_equal(fitted.coef_, pellucid.clone(model).fit(X[:, :2], y).coef_)


def test_every_fit_is_an_event():
    seen = []

    class Watcher:
        @pellucid.hookimpl
        def pellucid_fit_end(self, run):
            seen.append((type(run.model).__name__, run.n_steps > 0))

    X, y = draw()
    with pellucid.listening(Watcher()):
        for model in MODELS:
            pellucid.clone(model).fit(X, y)
    assert seen == [(type(model).__name__, True) for model in MODELS]


def test_the_registry_lists_them_and_knows_their_other_names():
    assert {spec.id for spec in pellucid.models(family="linear")} >= {
        "linear/linear-regression",
        "linear/ridge",
        "linear/logistic-regression",
    }
    assert pellucid.get("ols") is pellucid.get("LinearRegression") is LinearRegression
    assert pellucid.get("logreg") is pellucid.get("linear/logistic-regression") is LogisticRegression
    assert pellucid.make("ridge", alpha=2.0).alpha == 2.0


def test_the_package_and_its_plugin_load_without_numpy():
    code = "import sys, pellucid_linear._plugin as own; list(own.pellucid_models()); print('numpy' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


def test_an_unknown_name_is_an_attribute_error():
    import pellucid_linear

    assert {"LinearRegression", "LogisticRegression", "Ridge"} <= set(dir(pellucid_linear))
    with pytest.raises(AttributeError, match="Laso"):
        pellucid_linear.Laso  # noqa: B018


@pytest.mark.parametrize("kind", [LinearRegression, BayesianLinearRegression])
@pytest.mark.parametrize("method", ["partial_fit", "update"])
def test_more_rows_come_with_the_same_intercept(kind, method):
    X, y = draw(D=2)
    X = X + 5
    model = kind().fit(X, y).set_params(fit_intercept=False)
    with pytest.raises(ValueError, match="fit_intercept must be what it was in the fits before, True"):
        getattr(model, method)(X, y)
    refitted = getattr(model.fit(X, y), method)(X, y)  # a fit begins again
    assert refitted.intercept_ == 0
    np.testing.assert_allclose(refitted.coef_, np.linalg.lstsq(X, y)[0], atol=1e-12)


def test_inference_is_about_the_fit_not_about_a_parameter_set_later():
    X, y = draw(D=2)
    X = X + 5
    model = LinearRegression().fit(X, y)
    expected, ends = model.inference(), model.predict_interval(X)
    model.set_params(fit_intercept=False)
    np.testing.assert_array_equal(model.inference().coef.standard_error, expected.coef.standard_error)
    assert model.inference().degrees_of_freedom == expected.degrees_of_freedom == 27
    np.testing.assert_array_equal(model.predict_interval(X), ends)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (LogisticRegression, ("C", "l1_ratio", "max_iter", "tol")),
        (Lasso, ("alpha", "max_iter", "tol")),
        (ElasticNet, ("alpha", "l1_ratio", "max_iter", "tol")),
        (GeneralizedLinearModel, ("alpha", "max_iter", "tol")),
        (GaussianNB, ("var_smoothing",)),
        (BayesianLinearRegression, ("noise_variance", "prior_shape", "prior_scale")),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_a_parameter_that_is_no_number_is_refused_in_words(kind, names):
    X, y = draw()
    for name in names:
        for value in ("1", [1, 2], True, np.nan, None):
            if value is None and name == "noise_variance":
                continue
            with pytest.raises(ValueError, match=f"{name} must be .*number"):
                kind(**{name: value}).fit(X, y + 1 if kind is GeneralizedLinearModel else y)
