"""Estimators among scikit-learn's own: its checks, its tools, its words."""

import pickle
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn")

import sklearn
from sklearn.base import is_classifier, is_clusterer, is_regressor
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingClassifier, VotingRegressor
from sklearn.metrics import accuracy_score, make_scorer, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import check_clustering, estimator_checks_generator
from sklearn.utils.validation import check_is_fitted
from sound_models_with_tags import Best, Between, Exponential, UnitRows

import pellucid
from pellucid.estimator import Classifier, Clusterer, NotFittedError, Regressor, Transformer
from pellucid.validation import check_rng, check_sample_weight

# four models, each without and with sample weights


class Centroids(Classifier):
    """Gaussians of one common variance, one for each class."""

    def __init__(self, class_weight=None):
        self.class_weight = class_weight

    def fit(self, X, y):
        return self._fit(X, y, None)

    def _fit(self, X, y, sample_weight):
        X, y, w = self._check_fit(X, y, sample_weight)
        w = self._apply_class_weight(y, w, X.dtype)
        w = np.ones(len(X), X.dtype) if w is None else w
        member = w[:, None] * (y[:, None] == np.arange(len(self.classes_)))  # (N, K)
        mass = np.maximum(member.sum(axis=0), np.finfo(X.dtype).tiny)  # (K,)
        self.means_ = member.T @ X / mass[:, None]  # (K, D)
        distances = np.sum((X[:, None] - self.means_) ** 2, axis=2)
        self.variance_ = np.sum(member * distances) / (w.sum() * X.shape[1]) + 1e-9
        self.log_mass_ = np.log(mass)
        return self

    def decision_function(self, X):
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def _scores(self, X):
        X = self._check_X(X)
        return self.log_mass_ - np.sum((X[:, None] - self.means_) ** 2, axis=2) / (2 * self.variance_)

    def predict_proba(self, X):
        scores = self._scores(X)
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True)

    def predict(self, X):
        scores = self._scores(X)
        return self.classes_[np.argmax(scores, axis=1)]


class WeightedCentroids(Centroids):
    def fit(self, X, y, sample_weight=None):
        return self._fit(X, y, sample_weight)


class Line(Regressor):
    """Least squares with a small ridge."""

    def __init__(self, alpha=1e-6):
        self.alpha = alpha

    def fit(self, X, y):
        return self._fit(X, y, None)

    def _fit(self, X, y, sample_weight):
        X, y, w = self._check_fit(X, y, sample_weight)
        w = np.ones(len(X), X.dtype) if w is None else w
        self.x_mean_, self.y_mean_ = np.average(X, axis=0, weights=w), np.average(y, axis=0, weights=w)
        A = X - self.x_mean_
        ridge = self.alpha * np.eye(X.shape[1], dtype=X.dtype)
        self.coef_ = np.linalg.solve((A.T * w) @ A + ridge, (A.T * w) @ (y - self.y_mean_))
        return self

    def predict(self, X):
        return (self._check_X(X) - self.x_mean_) @ self.coef_ + self.y_mean_


class WeightedLine(Line):
    def fit(self, X, y, sample_weight=None):
        return self._fit(X, y, sample_weight)


class Lines(WeightedLine):
    """The same for several targets at once."""

    _multi_output = True


class PositiveLine(Exponential):
    _multi_output = False  # scikit-learn's check of several targets has negative ones


class Standard(Transformer):
    """Mean 0, variance 1."""

    def fit(self, X, y=None):
        return self._fit(X, None)

    def _fit(self, X, sample_weight):
        X = self._check_fit_X(X)
        w = check_sample_weight(sample_weight, len(X), name=type(self).__name__, dtype=X.dtype)
        self.mean_ = np.average(X, axis=0, weights=w)
        variance = np.average((X - self.mean_) ** 2, axis=0, weights=w)
        self.scale_ = np.where(variance > 0, np.sqrt(variance), 1).astype(X.dtype)
        return self

    def transform(self, X):
        return (self._check_X(X) - self.mean_) / self.scale_


class WeightedStandard(Standard):
    def fit(self, X, y=None, sample_weight=None):
        return self._fit(X, sample_weight)


class Widths(Transformer):
    """A transformer with other columns than it was given: the width and the height of each row."""

    def fit(self, X, y=None):
        self._check_fit_X(X)
        self.n_outputs_ = 2
        return self

    def transform(self, X):
        X = self._check_X(X)
        return np.stack([X.max(axis=1) - X.min(axis=1), X.max(axis=1)], axis=1)

    @property
    def _n_features_out(self):
        return 2


class Means(Clusterer):
    """A few rounds of k-means."""

    def __init__(self, n_clusters=3, random_state=None):
        self.n_clusters = n_clusters
        self.random_state = random_state

    def fit(self, X, y=None):
        X = self._check_fit_X(X, min_rows=self.n_clusters)
        start = X[check_rng(self.random_state).choice(len(X), self.n_clusters, replace=False)]
        return self._rounds(X, np.ones(len(X)), start)

    def _rounds(self, X, w, centres):
        for _ in range(20):
            member = w[:, None] * (_nearest(X, centres)[:, None] == np.arange(len(centres)))  # (N, K)
            mass = member.sum(axis=0)
            centres = np.where(mass[:, None] > 0, member.T @ X / np.maximum(mass, 1e-300)[:, None], centres)
        self.centres_, self.labels_ = centres, _nearest(X, centres)
        return self

    def predict(self, X):
        X = self._check_X(X)
        return _nearest(X, self.centres_)


class WeightedMeans(Means):
    def fit(self, X, y=None, sample_weight=None):
        X = self._check_fit_X(X, min_rows=self.n_clusters)
        w = check_sample_weight(sample_weight, len(X), name=type(self).__name__)
        w = np.ones(len(X)) if w is None else w
        used = X[w > 0]
        along = (np.arange(self.n_clusters)[:, None] + 0.5) / self.n_clusters  # a diagonal of the box around the data
        return self._rounds(X, w, used.min(axis=0) + along * (used.max(axis=0) - used.min(axis=0)))


def _nearest(X, centres):
    return np.argmin(np.sum((X[:, None] - centres) ** 2, axis=2), axis=1)


MODELS = [
    Centroids(),
    WeightedCentroids(),
    Line(),
    WeightedLine(),
    Lines(),
    Standard(),
    WeightedStandard(),
    Widths(),
    Means(),
    WeightedMeans(),
    Between(),  # these say by their tags what they do not take
    Best(),
    PositiveLine(),
    UnitRows(),
]


with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "Estimator .* does not inherit from `sklearn.base.BaseEstimator`")
    CHECKS = [pair for model in MODELS for pair in estimator_checks_generator(model)]


@pytest.mark.parametrize(
    ("model", "check"), CHECKS, ids=[f"{type(model).__name__}-{check.func.__name__}" for model, check in CHECKS]
)
def test_scikit_learns_own_checks(model, check):
    check(model)


@pytest.mark.parametrize("model", [Means(), WeightedMeans()])
def test_scikit_learns_checks_of_clusterers(model):
    check_clustering(type(model).__name__, model)
    check_clustering(type(model).__name__, model, readonly_memmap=True)


# its tools

rng = np.random.default_rng(0)
X = rng.normal(size=(90, 4))
y = np.array(["a", "b", "c"])[np.argmax(X[:, :3], axis=1)]
t = X @ [1.0, -2.0, 0.5, 3.0]


def test_kinds_are_recognised():
    assert is_classifier(Centroids()) and is_regressor(Line()) and is_clusterer(Means())
    assert get_tags(Standard()).transformer_tags is not None and get_tags(Lines()).target_tags.multi_output
    assert get_tags(Centroids()).target_tags.required and not get_tags(Means()).target_tags.required
    check_is_fitted(Line().fit(X, t))


def test_not_fitted_is_scikit_learns_error_too():
    with pytest.raises(sklearn.exceptions.NotFittedError) as caught:
        Line().predict(X)
    assert isinstance(caught.value, NotFittedError)
    again = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(again, sklearn.exceptions.NotFittedError) and str(again) == str(caught.value)
    with pytest.raises(sklearn.exceptions.NotFittedError):
        check_is_fitted(Line())


def test_scores_are_scikit_learns():
    w = rng.uniform(0.1, 3, size=90)
    wrong = rng.permutation(y)
    model, line = Centroids().fit(X, y), Lines().fit(X, np.stack([t, t**2], axis=1))
    assert model.score(X, wrong, w) == pytest.approx(accuracy_score(wrong, model.predict(X), sample_weight=w))
    several = np.stack([t + 1, t**3], axis=1)
    assert line.score(X, several, w) == pytest.approx(r2_score(several, line.predict(X), sample_weight=w))


def test_scikit_learn_clones_as_we_do():
    model = Centroids(class_weight={"a": 2, "b": 1, "c": 1}).fit(X, y)
    for copied in (sklearn.base.clone(model), pellucid.clone(model)):
        assert copied.get_params() == model.get_params() and not hasattr(copied, "classes_")
    theirs = sklearn.linear_model.Ridge(alpha=3).fit(X, t)
    assert pellucid.clone(theirs).alpha == 3 and not hasattr(pellucid.clone(theirs), "coef_")


def test_pipeline_search_and_cross_validation():
    pipeline = make_pipeline(WeightedStandard(), WeightedCentroids())
    assert np.mean(cross_val_score(pipeline, X, y)) > 0.8
    assert np.mean(cross_val_score(Line(), X, t)) > 0.999
    search = GridSearchCV(make_pipeline(Standard(), Line()), {"line__alpha": [1e-6, 1e6]}).fit(X, t)
    assert search.best_params_ == {"line__alpha": 1e-6}
    weighted = pipeline.fit(X, y, weightedcentroids__sample_weight=np.ones(len(X)))
    assert weighted.score(X, y, sample_weight=np.ones(len(X))) > 0.8
    assert set(BaggingClassifier(Centroids(), n_estimators=3, random_state=0).fit(X, y).predict(X)) <= set(y)
    assert VotingRegressor([("a", Line()), ("b", Line(1.0))]).fit(X, t).score(X, t) > 0.99


def test_set_output_in_a_pipeline_and_globally():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("pqrs"))
    out = make_pipeline(Standard(), Widths()).set_output(transform="pandas").fit_transform(frame)
    assert list(out.columns) == ["widths0", "widths1"]
    both = ColumnTransformer([("left", Standard(), ["p", "q"]), ("right", Widths(), ["r", "s"])])
    names = ["left__p", "left__q", "right__widths0", "right__widths1"]
    assert list(both.fit(frame).get_feature_names_out()) == names
    with sklearn.config_context(transform_output="pandas"):
        assert list(Standard().fit_transform(frame).columns) == list("pqrs")
        assert type(Standard().set_output(transform="default").fit_transform(frame)) is np.ndarray


def test_pages_for_notebooks():
    page = make_pipeline(Standard(), Line(alpha=2)).fit(X, t)._repr_html_()
    assert "Line" in page and "Standard" in page
    assert "Line(alpha=2)" in repr(make_pipeline(Standard(), Line(alpha=2)))


def test_metadata_routing():
    w = np.ones(len(X))
    with sklearn.config_context(enable_metadata_routing=True):
        asking = WeightedLine().set_fit_request(sample_weight=True).set_score_request(sample_weight="importance")
        assert asking.get_metadata_routing().fit.requests == {"sample_weight": True}
        assert sklearn.base.clone(asking).get_metadata_routing().score.requests == {"sample_weight": "importance"}
        assert pellucid.clone(asking).get_metadata_routing().fit.requests == {"sample_weight": True}
        assert pickle.loads(pickle.dumps(asking)).get_metadata_routing().fit.requests == {"sample_weight": True}
        assert cross_val_score(asking, X, t, params={"sample_weight": w, "importance": w}).shape == (5,)
        assert make_pipeline(Standard(), asking).fit(X, t, sample_weight=w).predict(X).shape == t.shape
        with pytest.raises(ValueError, match="sample_weight"):  # nobody decided yet
            cross_val_score(WeightedLine(), X, t, params={"sample_weight": w})
        with pytest.raises(TypeError, match="set_fit_request got 'colour', but fit takes sample_weight"):
            WeightedLine().set_fit_request(colour=True)
        scorer = make_scorer(r2_score).set_score_request(sample_weight=True)
        cross_val_score(asking, X, t, scoring=scorer, params={"sample_weight": w})
    assert not hasattr(Line(), "set_fit_request") and hasattr(Line(), "set_score_request")


def test_column_names_warn_and_fail_in_scikit_learns_words():
    pd = pytest.importorskip("pandas")
    from sklearn.linear_model import LinearRegression

    frame = pd.DataFrame(X, columns=list("pqrs"))
    ours, theirs = Line(), LinearRegression()

    def said(model, fitted_on, given):
        model.fit(fitted_on, t)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                model.predict(given)
            except ValueError as error:
                return str(error)
        return [str(w.message).replace(type(model).__name__, "Model") for w in caught]

    cases = [
        (frame, frame),
        (frame, X),
        (X, frame),
        (frame, frame[list("qprs")]),
        (frame, frame.rename(columns={"p": "z"})),
        (frame, frame.assign(extra=1.0)),
        (frame, frame[["p"]]),
        (frame, frame.rename(columns=str.upper).assign(E=1.0, F=2.0)),
        (X, X),
    ]
    for fitted_on, given in cases:
        assert said(ours, fitted_on, given) == said(theirs, fitted_on, given)
