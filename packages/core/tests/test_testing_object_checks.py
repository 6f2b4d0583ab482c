"""Each check of a spec, and each of a model as an object, finds the one fault that is built into a sound one."""

import numpy as np
import pytest
from acme_package import Acme, names_of, result_of

from pellucid import ModelSpec, Regressor, registry
from pellucid.testing import Subject
from pellucid.testing.checks import all_checks
from pellucid.testing.spec_checks import documented


@pytest.fixture
def acme(site, tmp_path):
    return Acme(tmp_path)


# ---- specs: faults in a package

PLUGIN, PLANE = "_plugin.py", "plane.py"
SPEC_MUTANTS = {  # check -> (file, text in it, what is put in its place, what must be said)
    "target-imports": (PLANE, "import numpy", "import no_such_module", "acme/flat-plane (pellucid-acme 0.3): cannot"),
    "target-is-where-the-class-is-defined": (PLUGIN, "acme.plane:", "acme:", "is defined in pellucid_acme.plane:Plane"),
    "is-found-by-its-names": (
        PLUGIN,
        "    yield ModelSpec(",
        '    yield ModelSpec(id="acme/flatplane", target="x:X", summary="x", tasks=("network",))\n    yield ModelSpec(',
        "'acme/FlatPlane' may mean acme/flatplane or acme/flat-plane",
    ),
    "aliases-are-other-names": (PLUGIN, "acme-board", "flatplane", "'flatplane' is only another spelling"),
    "summary-fits-a-list": (PLUGIN, "sum of columns", "sum of columns.", "ends with a full stop"),
    "references-say-who-and-when": (PLUGIN, '"Gauss (1809), Theoria motus"', '"Gauss"', "'Gauss' does not read like"),
    "tags-are-words": (PLUGIN, '"L2"', '"L2, exact."', "the tag 'L2, exact.' is no word"),
    "docs-is-an-address": (PLUGIN, "https://", "", "docs is 'acme.example/plane'"),
    "smoke-parameters-construct": (
        PLUGIN,
        '{"fit_intercept"',
        '{"alpha"',
        "smoke has alpha; the constructor has fit_in",
    ),
    "docstring-says-what-it-is": (PLANE, "Least squares.", "Least squares", "begins with 'Least squares'"),
    "every-parameter-is-documented": (PLANE, "fit_intercept : bool", "intercept : bool", "no entry for fit_intercept"),
    "every-learnt-attribute-is-documented": (PLANE, "coef_, intercept_ :", "coef_ :", "no entry for intercept_"),
}


def test_a_sound_spec_passes_everything(acme):
    assert set(SPEC_MUTANTS) == names_of("spec_checks")
    subject = acme.model()
    results = [result_of(name, subject) for name in SPEC_MUTANTS]
    assert [(r.id, r.saw) for r in results if r.status != "passed"] == []


@pytest.mark.parametrize("name", SPEC_MUTANTS)
def test_a_check_of_a_spec_finds_its_fault_and_says_what_it_saw(acme, name):
    file, old, new, saw = SPEC_MUTANTS[name]
    acme.change(file, old, new)
    spec = registry.spec("acme/flat-plane")
    subject = Subject(object, spec, "regression") if name == "target-imports" else acme.model()
    found = result_of(name, subject)
    assert (found.status, saw in found.saw) == ("failed", True), found.saw


OTHER_FAULTS = [  # more ways to break what a check wants
    ("references-say-who-and-when", PLUGIN, '"Gauss (1809), Theoria motus",', "", "a stable model has no references"),
    ("tags-are-words", PLUGIN, '"L2"', '"Regression"', "is one of its tasks"),
    ("tags-are-words", PLUGIN, '"L2"', '"Closed form"', "is there twice"),
    ("summary-fits-a-list", PLUGIN, "A weighted sum of columns", "Flat plane", "it is only a name"),
    ("summary-fits-a-list", PLUGIN, "sum of columns", "sum" + " of columns" * 9, "characters, where lists have room"),
    (
        "every-parameter-is-documented",
        PLANE,
        "fit_intercept : bool",
        "fit_intercept, alpha : bool",
        "entries for alpha",
    ),
    ("docstring-says-what-it-is", PLANE, '    """Least squares.', '    text = """', "Plane has no docstring"),
]


@pytest.mark.parametrize("name, file, old, new, saw", OTHER_FAULTS)
def test_other_faults_of_a_spec_are_found_too(acme, name, file, old, new, saw):
    acme.change(file, old, new)
    found = result_of(name, acme.model())
    assert (found.status, saw in found.saw) == ("failed", True), found.saw


def test_an_experimental_model_needs_no_references(acme):
    acme.change(PLUGIN, '"Gauss (1809), Theoria motus",', "")
    acme.change(PLUGIN, "docs=", 'status="experimental", docs=')
    assert result_of("references-say-who-and-when", acme.model()).status == "skipped"


@pytest.mark.parametrize(
    "text", ["Hoerl & Kennard (1970), Ridge", 'Kingma (2015a), "Adam"', "Bayes (c. 1763): An essay"]
)
def test_references_may_be_punctuated_in_many_ways(text):
    spec = ModelSpec(id="a/b", target="x:X", summary="x", tasks=("regression",), references=(text,))
    assert result_of("references-say-who-and-when", Subject(object, spec, "regression", False)).status == "passed"


def test_a_class_that_is_registered_alone_needs_no_spec_of_its_own(site):
    registry.register(Mean)
    subject = Subject(Mean, registry.spec_of(Mean), "regression")
    for name in ("summary-fits-a-list", "references-say-who-and-when"):
        assert result_of(name, subject).status == "skipped"


def test_entries_are_read_across_lines_bases_and_constructors():
    class Base:
        """Base.

        Parameters
        ----------
        a, b : int
            Two numbers,
            required.
        """

    class Below(Base):
        """Below.

        Attributes
        ----------
        c_ : int
        """

        def __init__(self, a, b, d):
            """Make one.

            Parameters
            ----------
            d
                Another.

            Returns
            -------
            None
            """

    assert documented(Below, "Parameters") == {
        "d": "d Another.",
        "a": "a, b : int Two numbers, required.",
        "b": "a, b : int Two numbers, required.",
    }
    assert list(documented(Below, "Attributes")) == ["c_"]
    assert documented(Below, "Parameters", inherited=False).keys() == {"d"}


# ---- objects: classes derived from a sound one


class Mean(Regressor):
    """The mean of the targets, drawn towards zero.

    Parameters
    ----------
    shrink : float
        How far.
    random_state : int
        Moves nothing.

    Attributes
    ----------
    mean_ : float
        What it predicts.
    """

    def __init__(self, shrink=0.0, random_state=None):
        self.shrink = shrink
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None):
        """Find the mean; return the model."""
        X, y, weights = self._check_fit(X, y, sample_weight)
        self.mean_ = (1 - self.shrink) * np.average(y, weights=weights)
        return self

    def predict(self, X):
        """The mean, for each row."""
        return np.full(len(self._check_X(X)), self.mean_)


class TakesAnything(Mean):
    def __init__(self, **params):
        self.shrink = params.get("shrink", 0.0)


class Converts(Mean):
    def __init__(self, shrink=0.0, random_state=None):
        self.shrink = str(shrink)
        self.random_state = random_state


class Judges(Mean):
    def __init__(self, shrink=0.0, random_state=None):
        if shrink == -1:
            raise ValueError("shrink must be 0 or more")
        super().__init__(shrink, random_state)


class Prepares(Mean):
    def __init__(self, shrink=0.0, random_state=None):
        super().__init__(shrink, random_state)
        self.table = {}


class Asks(Mean):
    def __init__(self, shrink, random_state=None):
        super().__init__(shrink, random_state)


class DefaultsToAList(Mean):
    def __init__(self, shrink=0.0, columns=[]):  # noqa: B006
        self.shrink = shrink
        self.columns = columns


class KeepsOneBack(Mean):
    def get_params(self, deep=True):
        return {"shrink": self.shrink}


class ReturnsNothing(Mean):
    def set_params(self, **params):
        super().set_params(**params)


class SetsAnything(Mean):
    def set_params(self, **params):
        vars(self).update(params)
        return self


class Recomputes(Mean):
    def __init__(self, shrink=0.0, random_state=None):
        self.shrink = shrink * 1.5
        self.random_state = random_state


class SaysNothing(Mean):
    def __repr__(self):
        return "SaysNothing()"


class Abbreviates(Mean):
    def __repr__(self):
        return super().__repr__().replace("12345", "123")


class SaysEverything(Mean):
    def __repr__(self):
        return f"SaysEverything(\n    shrink={self.shrink!r},\n    random_state={self.random_state!r},\n)"


class Unpicklable(Mean):
    def __getstate__(self):
        raise TypeError("holds an open file")


class CopiesNothing(Mean):
    def __deepcopy__(self, memo):
        return self


class Remembers(Mean):
    _fits = []

    def fit(self, X, y, sample_weight=None):
        self._fits.append(len(X))
        return super().fit(X, y, sample_weight)


class EndsTheLine(Mean):
    def fit(self, X, y, sample_weight=None):
        if type(self) is not EndsTheLine:
            raise TypeError("EndsTheLine cannot be subclassed")
        return super().fit(X, y, sample_weight)


class KeepsQuiet(Mean):
    def halve(self):
        return self.mean_ / 2


MUTANTS = {  # check -> (class, what must be said)
    "constructor-names-its-parameters": (TakesAnything, "it takes **params"),
    "constructor-stores-its-arguments": (Converts, "shrink is not the object that was passed, but '<nonsense>'"),
    "constructor-refuses-nothing": (Judges, "ValueError: shrink must be 0 or more"),
    "constructor-does-nothing-else": (Prepares, "there are also table"),
    "parameters-have-defaults": (Asks, "shrink has no default"),
    "defaults-are-immutable": (DefaultsToAList, "columns is [] by default, a list"),
    "get-params-returns-every-parameter": (
        KeepsOneBack,
        "it returns ['shrink'], the constructor has ['random_state', 's",
    ),
    "set-params-sets-what-is-named": (ReturnsNothing, "set_params(shrink=...) returned None"),
    "set-params-refuses-unknown-names": (SetsAnything, "set_params(no_such_parameter=1) raised nothing"),
    "clone-is-a-new-equal": (Recomputes, "Cannot clone Recomputes"),
    "repr-shows-what-was-changed": (SaysNothing, "shrink is not the default, and is not in SaysNothing()"),
    "repr-can-be-evaluated": (Abbreviates, "shrink is 123, it was 12345"),
    "repr-of-a-new-one-is-short": (SaysEverything, "it prints 56 characters on 4 lines"),
    "pickle-gives-an-equal": (Unpicklable, "TypeError: holds an open file"),
    "deepcopy-gives-an-equal": (CopiesNothing, "it returned CopiesNothing(random_state=0)"),
    "instances-share-nothing": (Remembers, "after a fit, of the class _fits is [60], it was []"),
    "subclasses-work": (EndsTheLine, "TypeError: EndsTheLine cannot be subclassed"),
    "public-methods-have-docstrings": (KeepsQuiet, "there is none for halve"),
}


def subject(cls, **smoke):
    spec = ModelSpec(id="local/x", target=f"{__name__}:X", summary="x", tasks=("regression",), smoke=smoke)
    return Subject(cls, spec, "regression", registered=False)


def test_a_sound_model_passes_everything():
    assert set(MUTANTS) == names_of("object_checks")
    results = [result_of(name, subject(Mean)) for name in MUTANTS]
    assert [(r.id, r.status, r.saw) for r in results if r.status != "passed"] == []


@pytest.mark.parametrize("name", MUTANTS)
def test_a_check_of_an_object_finds_its_fault_and_says_what_it_saw(name):
    cls, saw = MUTANTS[name]
    found = result_of(name, subject(cls, **({"shrink": 0.5} if cls in (Asks, Recomputes) else {})))
    assert (found.status, saw in found.saw) == ("failed", True), found.saw


def test_a_parameter_without_a_default_is_allowed_where_it_is_documented():
    class Documented(Asks):
        """Mean.

        Parameters
        ----------
        shrink : float, required
            How far.
        """

    assert result_of("parameters-have-defaults", subject(Documented, shrink=0.5)).status == "passed"


def test_required_parameters_are_taken_from_the_smoke_parameters_and_shown():
    for name in ("repr-shows-what-was-changed", "repr-can-be-evaluated", "set-params-sets-what-is-named"):
        assert result_of(name, subject(Asks, shrink=0.5)).status == "passed"


def test_defaults_that_cannot_change_are_allowed():
    class Many(Mean):
        def __init__(self, a=(1, "x"), b=np.float64, c=2.5, d=frozenset({1}), e=len, f=None, g=Mean):
            pass

    class Few(Mean):
        def __init__(self, a=((), [])):
            pass

    class Shared(Mean):
        def __init__(self, rng=np.random.default_rng(0)):  # noqa: B008
            pass

    statuses = [result_of("defaults-are-immutable", subject(cls)).status for cls in (Many, Few, Shared)]
    assert statuses == ["passed", "failed", "failed"]


def test_a_model_without_get_params_is_held_to_less():
    class Bare:
        def __init__(self, *, n):
            self.layers = [np.ones(n)]

        def fit(self, X, y):
            """Do nothing."""

    results = {name: result_of(name, subject(Bare, n=3)) for name in MUTANTS}
    assert {r.saw for r in results.values() if r.status == "skipped"} == {
        "it has no get_params",
        "it is defined inside a function",
    }
    passed = {name for name, r in results.items() if r.status == "passed"}
    assert passed >= {"deepcopy-gives-an-equal", "instances-share-nothing", "subclasses-work"}
    assert not [r.saw for r in results.values() if r.status == "failed"]


def test_one_object_in_two_instances_is_named():
    table = {}

    class Shares(Mean):
        def __init__(self, shrink=0.0):
            self.shrink = shrink
            self.table = table

    assert result_of("instances-share-nothing", subject(Shares)).saw == "table is one object in two instances"


def test_what_a_fit_leaves_in_another_instance_is_seen():
    known = []

    class Pushes(Mean):
        def __init__(self, shrink=0.0):
            self.shrink = shrink
            known.append(self)

        def fit(self, X, y, sample_weight=None):
            for other in known:
                other.shrink = 0.5
            return super().fit(X, y)

    found = result_of("instances-share-nothing", subject(Pushes))
    assert found.saw == "after another instance was fitted, shrink is 0.5, it was 0.0"


def test_set_params_may_not_touch_another_parameter():
    class Entangled(Mean):
        def set_params(self, **params):
            super().set_params(**params)
            self.random_state = 7
            return self

    assert "setting shrink changed random_state" in result_of("set-params-sets-what-is-named", subject(Entangled)).saw


# ---- parameters behind properties, and parameters without a value


class BehindAProperty(Mean):
    @property
    def shrink(self):
        """How far."""
        return self._shrink

    @shrink.setter
    def shrink(self, value):
        self._shrink = value


class BehindAPropertyAndMore(BehindAProperty):
    def __init__(self, shrink=0.0, random_state=None):
        super().__init__(shrink, random_state)
        self._table = {}


def test_a_parameter_may_be_a_property(site):
    registry.register(BehindAProperty)
    model = Subject(BehindAProperty, registry.spec_of(BehindAProperty), "regression")
    for name in ("constructor-does-nothing-else", "saving-leaves-nothing-out", "saved-model-says-the-same"):
        found = result_of(name, model)
        assert found.status == "passed", found.saw
    more = Subject(BehindAPropertyAndMore, registry.spec_of(BehindAProperty), "regression", False)
    assert result_of("constructor-does-nothing-else", more).saw == "there are also _table; make them in fit"


def test_a_required_parameter_without_a_value_is_told_once(site):
    registry.register(Asks)
    model = Subject(Asks, registry.spec_of(Asks), "regression")
    kinds = ("object", "fit", "task")
    results = {
        check.name: result_of(check.name, model)
        for check in all_checks()
        if check.level in kinds and "regression" in check.tasks
    }
    assert [name for name, found in results.items() if found.status == "failed"] == ["parameters-have-defaults"]
    assert result_of("smoke-parameters-construct", model).saw == (
        "no instance can be made: shrink has no default and no smoke value; give it one: smoke={'shrink': ...} in the "
        "spec, or in register"
    )
    skipped = "no instance can be made without shrink; see smoke-parameters-construct"
    assert results["fit-returns-self"].saw == results["nan-in-y-is-refused"].saw == skipped
    registry.register(Asks, smoke={"shrink": 0.1})
    model = Subject(Asks, registry.spec_of(Asks), "regression")
    assert result_of("smoke-parameters-construct", model).status == "passed"
    assert result_of("fit-returns-self", model).status == "passed"
