"""What a model class gets from its base, shown on small models. The file beside this compares with scikit-learn."""

import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pellucid.estimator import Classifier, Clusterer, Estimator, NotFittedError, Regressor, Transformer, clone
from pellucid.validation import check_rng


class Nearest(Classifier):
    """The class whose mean is nearest."""

    def __init__(self, metric=2, class_weight=None):
        self.metric = metric
        self.class_weight = class_weight

    def fit(self, X, y, sample_weight=None):
        X, y, w = self._check_fit(X, y, sample_weight)
        w = self._apply_class_weight(y, w, X.dtype)
        self.weights_ = w
        if self.metric == "broken":
            raise RuntimeError("half-way")
        self.means_ = np.stack([np.average(X[y == k], axis=0) for k in range(len(self.classes_))])
        return self

    def predict(self, X):
        X = self._check_X(X)
        return self.classes_[np.argmin(np.sum((X[:, None] - self.means_) ** 2, axis=2), axis=1)]


class Mean(Regressor):
    """The weighted mean."""

    def __init__(self, shrink=0.0, inner=None):
        self.shrink = shrink
        self.inner = inner

    def fit(self, X, y, sample_weight=None):
        X, y, w = self._check_fit(X, y, sample_weight, multi_output=True)
        self.mean_ = (1 - self.shrink) * np.average(y, axis=0, weights=w)
        return self

    def predict(self, X):
        X = self._check_X(X)
        return np.broadcast_to(self.mean_, (len(X), *np.shape(self.mean_)))


class Centre(Transformer):
    """Take the means away."""

    def fit(self, X, y=None):
        self.mean_ = self._check_fit_X(X).mean(axis=0)
        return self

    def transform(self, X):
        return self._check_X(X) - self.mean_


class Norms(Transformer):
    """Two columns, whatever came in: the norms of each row."""

    def __init__(self, scale=1.0):
        self.scale = scale

    def fit(self, X, y=None):
        self._check_fit_X(X)
        self.fitted_ = True
        return self

    def transform(self, X):
        X = self._check_X(X)
        return self.scale * np.stack([np.abs(X).sum(axis=1), np.abs(X).max(axis=1)], axis=1)

    @property
    def _n_features_out(self):
        return 2


class Halves(Clusterer):
    """Left and right of a random row."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y=None):
        X = self._check_fit_X(X, min_rows=2)
        self.edge_ = check_rng(self.random_state).choice(X[:, 0])
        self.labels_ = (X[:, 0] > self.edge_).astype(np.int64)
        return self


class Frame:
    """The least a data frame offers."""

    def __init__(self, values, columns):
        self.values, self.columns = np.asarray(values), columns

    def __array__(self, dtype=None, copy=None):
        return self.values


X = np.array([[0.0, 1.0], [1.0, 0.0], [4.0, 5.0], [5.0, 4.0]])
y = np.array(["low", "low", "high", "high"])


# parameters


def test_parameters_are_the_constructors_arguments():
    model = Mean(0.5, inner=Nearest())
    assert model.get_params(deep=False) == {"shrink": 0.5, "inner": model.inner}
    assert model.get_params()["inner__metric"] == 2
    assert model.set_params(shrink=0.1, inner__metric=1) is model
    assert (model.shrink, model.inner.metric) == (0.1, 1)
    assert model.set_params(inner=Centre()).inner.get_params() == {}
    model.set_params(inner=Nearest(), inner__metric=7)  # the new inner model, whatever the order
    assert model.inner.metric == 7
    assert model.set_params() is model


@pytest.mark.parametrize(
    ("params", "words"),
    [
        (
            {"alpha": 1},
            r"Invalid parameter 'alpha' for estimator Mean\(\). Valid parameters are: \['shrink', 'inner'\]",
        ),
        ({"alpha__beta": 1}, "Invalid parameter 'alpha'"),
        ({"shrink__beta": 1}, "Invalid parameter 'beta' for shrink of Mean: shrink is 0.0"),
    ],
)
def test_unknown_parameters_are_named(params, words):
    with pytest.raises(ValueError, match=words):
        Mean().set_params(**params)


def test_a_constructor_must_name_its_parameters():
    class Loose(Estimator):
        def __init__(self, **options):
            self.options = options

    with pytest.raises(
        RuntimeError, match=r"Loose.__init__ must name each of its parameters, but it takes \*\*options"
    ):
        Loose().get_params()


def test_clones_are_new_and_not_fitted():
    inner = Nearest(metric=[1, 2]).fit(X, y)
    model = Mean(0.5, inner=[inner, (Centre(), "x"), {"a": inner}]).fit(X, [1, 2, 3, 4])
    copied = clone(model)
    assert type(copied) is Mean and copied.shrink == 0.5 and not hasattr(copied, "mean_")
    assert copied.inner[0] is not inner and not hasattr(copied.inner[0], "means_")
    assert copied.inner[0].metric == [1, 2] and copied.inner[0].metric is not inner.metric
    assert isinstance(copied.inner[1][0], Centre) and not hasattr(copied.inner[2]["a"], "means_")
    assert clone(Halves(np.random.default_rng(3))).random_state.normal() == np.random.default_rng(3).normal()


def test_what_cannot_be_cloned_says_why():
    class Busy(Estimator):
        def __init__(self, size=(1,)):
            self.size = list(size)

    with pytest.raises(RuntimeError, match="Cannot clone Busy: .* 'size' as it came"):
        clone(Busy())
    for bad in (Mean, 3):
        with pytest.raises(TypeError, match="clone needs a model with get_params"):
            clone(bad)


def test_the_representation_shows_what_was_changed():
    assert repr(Mean()) == "Mean()"
    assert repr(Mean(0.5)) == "Mean(shrink=0.5)"
    assert repr(Mean(0)) == "Mean(shrink=0)"  # not the default's type
    assert repr(Mean(inner=Nearest(metric="a"))) == "Mean(inner=Nearest(metric='a'))"
    assert len(repr(Mean(shrink=list(range(10_000))))) < 300
    assert repr(Mean(shrink=np.zeros((2, 2)))) == "Mean(shrink=array([[0., 0.], [0., 0.]]))"


def test_the_representation_for_notebooks_is_safe_html():
    page = Mean(shrink="<script>")._repr_html_()
    assert "&lt;script&gt;" in page and "<script>" not in page and "(not fitted)" in page
    assert "(fitted)" in Mean().fit(X, [1, 2, 3, 4])._repr_html_()


# fitting


def test_a_classifier_sees_indices_and_answers_in_labels():
    model = Nearest()
    assert model.fit(X, y) is model
    assert model.classes_.tolist() == ["high", "low"] and model.n_features_in_ == 2
    assert model.predict(X).tolist() == y.tolist()
    assert Nearest().fit(X, y == "low").predict(X).dtype == bool
    assert Nearest().fit(X, y.astype(object)).predict(X).dtype == object


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_and_targets_have_the_dtype_of_the_data(dtype):
    A, target, w = Mean()._check_fit(X.astype(dtype), [1, 2, 3, 4], [1, 1, 1, 2])
    assert A.dtype == target.dtype == w.dtype == dtype
    model = Nearest(class_weight="balanced").fit(X.astype(dtype), y, [1, 1, 1, 2])
    assert model.weights_.dtype == dtype
    assert Nearest(class_weight="balanced").fit(X.astype(dtype), y).weights_.dtype == dtype


def test_weights_and_targets_have_another_dtype_if_it_is_asked_for():
    large = [1e300, 2e300, 3e300, 4e300]  # which float32 has not
    A, target, w = Mean()._check_fit(X.astype(np.float32), large, large, dtype=np.float64)
    assert A.dtype == np.float32 and target.tolist() == w.tolist() == large
    *_, w = Nearest()._check_fit(X.astype(np.float32), y, large, dtype=np.float64)
    assert w.tolist() == large


def test_class_weights_multiply_sample_weights():
    assert Nearest().fit(X, y).weights_ is None
    np.testing.assert_array_equal(Nearest().fit(X, y, [1, 2, 3, 4]).weights_, [1, 2, 3, 4])
    heavy = Nearest(class_weight={"high": 10})
    np.testing.assert_array_equal(heavy.fit(X, y).weights_, [1, 1, 10, 10])
    np.testing.assert_array_equal(heavy.fit(X, y, [1, 2, 3, 4]).weights_, [1, 2, 30, 40])


def test_nothing_handed_in_is_written_to():
    for values in (X, y, w := np.ones(4)):
        values.flags.writeable = False
    try:
        Nearest().fit(X, y, w).score(X, y, w)
    finally:
        X.flags.writeable = y.flags.writeable = True


def test_too_few_rows_or_classes():
    with pytest.raises(ValueError, match="1 sample.* minimum of 2 is required by Halves"):
        Halves().fit(X[:1])
    with pytest.raises(
        ValueError, match=r"needs samples of at least 2 classes, but the data contains only one class: \[1\]"
    ):
        Nearest()._check_fit(X, [1, 1, 1, 1], min_classes=2)
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[4, 3\]"):
        Nearest().fit(X, y[:3])
    with pytest.raises(ValueError, match=r"sample_weight.shape == \(2,\)"):
        Nearest().fit(X, y, [1, 2])


def test_before_fit_there_is_no_prediction():
    for call in (Nearest().predict, Mean().predict, Centre().transform):
        with pytest.raises(NotFittedError, match="instance is not fitted yet. Call 'fit'"):
            call(X)
    with pytest.raises(NotFittedError):
        Centre().get_feature_names_out()
    error = pickle.loads(pickle.dumps(NotFittedError("why")))
    assert isinstance(error, NotFittedError) and error.args == ("why",)


def test_a_fit_that_fails_half_way_leaves_nothing_of_an_earlier_one():
    model = Nearest().fit(X, y)
    with pytest.raises(ValueError, match="NaN"):  # turned away at the door: the model is as it was
        model.fit(X * np.nan, y)
    assert model.predict(X).tolist() == y.tolist()
    with pytest.raises(RuntimeError, match="half-way"):
        model.set_params(metric="broken").fit(X[:, :1], [1, 2, 3, 4])
    assert not hasattr(model, "means_")
    del model.weights_  # what is left was set by the checks
    with pytest.raises(NotFittedError):
        model.predict(X)


def test_a_warm_start_keeps_what_was_learnt():
    class Warm(Mean):
        def __init__(self, warm_start=True):
            self.warm_start = warm_start

        def fit(self, X, y):
            X, y, _ = self._check_fit(X, y)
            self.mean_ = getattr(self, "mean_", 0.0) + y.mean()
            return self

    assert Warm().fit(X, [1, 1, 1, 1]).fit(X, [1, 1, 1, 1]).mean_ == 2
    assert Warm(warm_start=False).fit(X, [1, 1, 1, 1]).fit(X, [1, 1, 1, 1]).mean_ == 1


def test_a_partial_fit_keeps_what_was_learnt_and_holds_the_data_against_it():
    class Growing(Nearest):
        def partial_fit(self, X, y, classes=None):
            X, y, _ = self._check_fit(X, y, partial=True, classes=classes)
            self.counts_ = getattr(self, "counts_", 0) + np.bincount(y, minlength=len(self.classes_))
            return self

    class Running(Mean):
        def partial_fit(self, X, y):
            X, y, _ = self._check_fit(X, y, partial=True)
            self.total_ = getattr(self, "total_", 0.0) + y.sum()
            return self

    class Drifting(Centre):
        def partial_fit(self, X, y=None):
            self.total_ = self._check_fit_X(X, partial=True).sum() + getattr(self, "total_", 0.0)
            return self

    model = Growing().partial_fit(X, y, classes=["low", "mid", "high"]).partial_fit(X[:1], y[:1])
    assert model.classes_.tolist() == ["high", "low", "mid"] and model.counts_.tolist() == [2, 3, 0]
    with pytest.raises(ValueError, match=r"y has the labels \['new'\], but the classes of Growing are \['high', 'low'"):
        model.partial_fit(X[:1], ["new"])
    assert Running().partial_fit(X, [1, 2, 3, 4]).partial_fit(X, [1, 2, 3, 4]).total_ == 20
    assert Drifting().partial_fit(X).partial_fit(X).total_ == 2 * X.sum()
    for fitted, rest in ((model, [["low"]]), (Running().partial_fit(X, [1, 2, 3, 4]), [[1]]), (Drifting().fit(X), [])):
        with pytest.raises(ValueError, match="X has 3 features, but .* is expecting 2"):
            fitted.partial_fit(np.ones((1, 3)), *rest)


def test_the_number_and_names_of_columns_are_held_against_the_fit():
    model = Centre().fit(X)
    with pytest.raises(ValueError, match="X has 3 features, but Centre is expecting 2 features as input."):
        model.transform(np.ones((2, 3)))
    model.fit(Frame(X, ["a", "b"]))
    assert model.feature_names_in_.tolist() == ["a", "b"]
    model.transform(Frame(X, ["a", "b"]))
    with pytest.raises(ValueError, match="same order"):
        model.transform(Frame(X, ["b", "a"]))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.transform(X)
    assert not hasattr(model.fit(X), "feature_names_in_")


# scores


def test_accuracy():
    model = Nearest().fit(X, y)
    assert model.score(X, y) == 1.0
    assert model.score(X, ["high", "low", "high", "high"]) == 0.75
    assert model.score(X, ["high", "low", "high", "high"], sample_weight=[6, 1, 1, 2]) == pytest.approx(0.4)
    with pytest.raises(ValueError, match="y holds numbers .the first: .*but Nearest was fitted with labels such as"):
        model.score(X, [0, 0, 1, 1])
    with pytest.raises(ValueError, match="inconsistent numbers"):
        model.score(X, y[:2])


@given(arrays(np.float64, 5, elements=st.floats(-100, 100)), arrays(np.float64, 5, elements=st.floats(0.5, 3)))
def test_r2_is_what_it_says(target, w):
    model = Mean(shrink=0.25).fit(np.zeros((5, 1)), target, w)
    mean = np.sum(w * target) / np.sum(w)
    total = np.sum(w * (target - mean) ** 2)
    if total > 1e-6:
        expected = 1 - np.sum(w * (target - 0.75 * mean) ** 2) / total
        assert model.score(np.zeros((5, 1)), target, w) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_r2_at_the_edges():
    rows = np.zeros((4, 1))
    assert Mean().fit(rows, [1, 2, 3, 4]).score(rows, [1, 2, 3, 4]) == pytest.approx(0)
    assert Mean().fit(rows, [0.1] * 4).score(rows, [0.1] * 4) in (0.0, 1.0)  # a constant: exact or not, never -inf
    assert Mean().fit(rows, [2] * 4).score(rows, [2] * 4) == 1.0
    assert Mean().fit(rows, [2] * 4).score(rows, [3] * 4) == 0.0
    assert Mean().fit(rows, [1, 2, 3, 4]).score(rows, [9, 3, 3, 3], sample_weight=[0, 1, 1, 1]) == 0.0
    huge = np.array([1.0, 2.0, 3.0, 4.0]) * 1e300
    assert Mean().fit(rows, huge).score(rows, huge) == pytest.approx(0)
    several = np.array([[1.0, 5], [2, 5], [3, 5], [4, 5]])
    assert Mean().fit(rows, several).score(rows, several) == pytest.approx(0.5)
    with pytest.raises(ValueError, match="y has 1 columns, but Mean predicts 2"):
        Mean().fit(rows, several).score(rows, several[:, :1])
    with pytest.warns(UserWarning, match="less than two samples"):
        assert np.isnan(Mean().fit(rows, [1, 2, 3, 4]).score(rows[:1], [1]))


# transformers and clusterers


def test_transformed_columns_have_names():
    model = Centre().fit(X)
    assert model.get_feature_names_out().tolist() == ["x0", "x1"]
    assert model.get_feature_names_out(["u", "v"]).tolist() == ["u", "v"]
    with pytest.raises(ValueError, match=r"length equal to number of features \(2\), got 1"):
        model.get_feature_names_out(["u"])
    model.fit(Frame(X, ["a", "b"]))
    assert model.get_feature_names_out().tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="input_features is not equal to feature_names_in_"):
        model.get_feature_names_out(["u", "v"])
    assert Norms().fit(X).get_feature_names_out().tolist() == ["norms0", "norms1"]


def test_fit_transform_and_fit_predict_are_the_two_steps():
    np.testing.assert_array_equal(Centre().fit_transform(X), Centre().fit(X).transform(X))
    np.testing.assert_array_equal(Halves(1).fit_predict(X), Halves(1).fit(X).labels_)


def test_output_in_the_chosen_container():
    with pytest.raises(ValueError, match="output config must be in"):
        Centre().set_output(transform="csv")
    model = Centre().set_output(transform="pandas")
    assert model.set_output() is model and model._sklearn_output_config == {"transform": "pandas"}
    assert clone(model)._sklearn_output_config == {"transform": "pandas"}
    assert type(Centre().set_output(transform="default").fit_transform(X)) is np.ndarray


def test_output_in_pandas():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=["a", "b"], index=list("wxyz"))
    out = Centre().set_output(transform="pandas").fit_transform(frame)
    pd.testing.assert_frame_equal(out, frame - frame.mean())
    assert list(Norms().set_output(transform="pandas").fit_transform(X.tolist()).columns) == ["norms0", "norms1"]


def test_output_in_polars():
    pl = pytest.importorskip("polars")
    out = Centre().set_output(transform="polars").fit_transform(pl.DataFrame(X, schema=["a", "b"]))
    assert isinstance(out, pl.DataFrame) and out.columns == ["a", "b"]
    np.testing.assert_array_equal(out.to_numpy(), X - X.mean(axis=0))


def test_output_in_a_container_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ImportError, match="pip install polars"):
        Centre().set_output(transform="polars").fit_transform(X)


# state


def test_state_is_what_was_learnt_and_comes_back():
    model = Nearest().fit(Frame(X, ["a", "b"]), y)
    model.note = "mine"
    state = model.get_state()
    assert set(state) == {"n_features_in_", "feature_names_in_", "classes_", "weights_", "means_"}
    other = Nearest().fit(np.ones((2, 5)), [1, 2])
    other.extra_ = 3
    other.set_state(state)
    assert not hasattr(other, "extra_")
    assert other.predict(Frame(X, ["a", "b"])).tolist() == y.tolist()


@pytest.mark.parametrize("name", ["_secret_", "coef", "__class__", "a-b_", "predict", "", "_n_features_out", 3])
def test_state_of_another_name_is_refused(name):
    with pytest.raises(ValueError, match="cannot take the state"):
        Norms().set_state({name: 1})


def test_state_cannot_replace_what_the_class_defines():
    class Odd(Mean):
        @property
        def double_(self):
            return 2 * self.mean_

    with pytest.raises(ValueError, match="'double_': the class itself defines that name"):
        Odd().set_state({"double_": 1})


def test_a_pickled_model_is_the_same_model():
    model = pickle.loads(pickle.dumps(Nearest(metric=3).fit(X, y)))
    assert model.metric == 3 and model.predict(X).tolist() == y.tolist()


def test_a_subclass_must_define_its_methods():
    for call in (
        Classifier().predict,
        Regressor().predict,
        Transformer().fit,
        Transformer().transform,
        Clusterer().fit,
    ):
        with pytest.raises(NotImplementedError, match="must define"):
            call(X)


def test_a_fit_neither_needs_nor_imports_scikit_learn():
    program = (
        "import sys, warnings; warnings.simplefilter('error')\n"
        "import numpy as np\n"
        "from pellucid import Transformer, NotFittedError\n"
        "class T(Transformer):\n"
        "    def fit(self, X, y=None): self.m_ = self._check_fit_X(X).mean(0); return self\n"
        "    def transform(self, X): return self._check_X(X) - self.m_\n"
        "try: T().transform([[1]])\n"
        "except NotFittedError: pass\n"
        "T().fit_transform([[1], [2]])\n"
        "assert not {'sklearn', 'pandas', 'polars', 'scipy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_column_of_labels_is_flattened_with_a_warning():
    with pytest.warns(UserWarning, match="column-vector") as caught:
        Nearest().fit(X, y[:, None])
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Nearest().fit(X, y)
