"""Names find the model that is meant; what is missing is said, with what helps."""

from __future__ import annotations

import importlib
import sys
import threading
import warnings

import numpy as np
import pytest

import pellucid
from pellucid import ModelSpec, registry
from pellucid.discovery import PluginLoadError, PluginWarning
from pellucid.registry import ComponentNotFound, DatasetNotFound, ModelLoadError, ModelNotFound

LINEAR = """
class Ridge:
    def __init__(self, alpha=1.0):
        self.alpha = alpha

@hookimpl
def pellucid_models():
    yield ModelSpec(id="linear/linear-regression", target="pellucid_linear_site:gone", summary="OLS",
                    tasks=("regression",), aliases=("ols", "linear/least-squares"))
    yield ModelSpec(id="linear/ridge", target="pellucid_linear_site:Ridge", summary="L2", tasks=("regression",))
    yield ModelSpec(id="linear/logistic-regression", target="pellucid_linear_site:pellucid_models", summary="Logit",
                    tasks=("classification",))
"""
TREES = """
@hookimpl
def pellucid_models():
    for task in ("classification", "regression"):
        name = {"classification": "classifier", "regression": "regressor"}[task]
        yield ModelSpec(id=f"trees/random-forest-{name}", target="nowhere.at_all:X", summary="Many", tasks=(task,))
"""


@pytest.fixture
def families(site):
    """Two official families with five models."""
    site("pellucid-linear", LINEAR)
    site("pellucid-trees", TREES)
    return site


def message(error, function, *args, **kwargs):
    with pytest.raises(error) as caught:
        function(*args, **kwargs)
    return str(caught.value)


# ---- listing


def test_models_by_task_and_family(families):
    assert len(registry.models()) == 5
    assert [spec.id for spec in registry.models(task="classification")] == [
        "linear/logistic-regression",
        "trees/random-forest-classifier",
    ]
    assert [spec.id for spec in registry.models(task="regression", family="trees")] == ["trees/random-forest-regressor"]
    assert registry.models(family="nn") == []
    assert "task must be one of classification" in message(ValueError, registry.models, task="regresion")


# ---- look-up


@pytest.mark.parametrize(
    "name, id",
    [
        ("linear/ridge", "linear/ridge"),
        ("ols", "linear/linear-regression"),
        ("linear/ols", "linear/linear-regression"),
        ("least-squares", "linear/linear-regression"),
        ("linear/least-squares", "linear/linear-regression"),
        ("ridge", "linear/ridge"),
        ("Ridge", "linear/ridge"),
        ("linear/Ridge", "linear/ridge"),
        ("RidgeRegressor", "linear/ridge"),
        ("LogisticRegression", "linear/logistic-regression"),
        ("logistic_regression", "linear/logistic-regression"),
        ("Logistic Regression", "linear/logistic-regression"),
        ("logisticregression", "linear/logistic-regression"),
        ("LogisticRegressionClassifier", "linear/logistic-regression"),
        ("RandomForestClassifier", "trees/random-forest-classifier"),
        ("random-forest-regressor", "trees/random-forest-regressor"),
    ],
)
def test_a_model_is_found_in_any_spelling(families, name, id):
    assert registry.spec(name).id == id


def test_a_name_that_fits_two_models_lists_both(families):
    text = message(ModelNotFound, registry.spec, "random-forest")
    assert (
        text
        == "'random-forest' may mean trees/random-forest-classifier or trees/random-forest-regressor; use one of these."
    )


@pytest.mark.parametrize(
    "name, words",
    [
        ("linear/rigde", "Did you mean linear/ridge?"),
        ("rigde", "Did you mean linear/ridge?"),
        ("nn/ridge", "Did you mean linear/ridge? The family 'nn' is not installed: pip install pellucid-nn."),
        ("forest", "Did you mean trees/random-forest-classifier or trees/random-forest-regressor?"),
        ("hmm/gaussian", "no model 'hmm/gaussian'. The family 'hmm' is not installed: pip install pellucid-hmm."),
        ("hmm", "pip install pellucid-hmm"),
    ],
)
def test_a_name_that_is_not_there_says_what_helps(families, name, words):
    assert words in message(ModelNotFound, registry.get, name)


@pytest.mark.parametrize("name", ["", " ", "-", "/", "classifier", "\x1b[31m", "x" * 10**6, "evil; rm -rf/x"])
def test_hostile_names_are_not_found_and_not_repeated_as_they_are(families, name):
    text = message(ModelNotFound, registry.spec, name)
    assert len(text) < 400 and "\x1b" not in text and "pip install" not in text


def test_a_name_is_a_string(families):
    assert "named by a string, got 3" in message(TypeError, registry.spec, 3)


def test_an_official_name_stays_official_and_strangers_become_ambiguous(families):
    code = """
        @hookimpl
        def pellucid_models():
            yield ModelSpec(id="{0}/ridge", target="x:X", summary="s", tasks=("regression",), aliases=("ols", "kernel"))
    """
    families("pellucid-acme", code.format("acme"))
    families("pellucid-zeta", code.format("zeta"))
    assert registry.spec("ridge").id == "linear/ridge"
    assert registry.spec("ols").id == "linear/linear-regression"
    assert registry.spec("acme/ols").id == "acme/ridge"
    assert "acme/ridge or zeta/ridge" in message(ModelNotFound, registry.spec, "kernel")


def test_a_strangers_name_never_takes_over_what_an_official_one_meant(families):
    assert registry.spec("RidgeRegressor").id == "linear/ridge"
    code = (
        "@hookimpl\ndef pellucid_models():\n    yield ModelSpec(id='acme/ridge-regressor', target='x:X', summary='s', "
    )
    families("pellucid-acme", code + "tasks=('network',))")
    registry._state.plugins = None  # as in the next process, with acme installed
    assert "may mean acme/ridge-regressor or linear/ridge" in message(ModelNotFound, registry.spec, "RidgeRegressor")
    assert registry.spec("acme/RidgeRegressor").id == "acme/ridge-regressor"
    assert registry.spec("ridge").id == registry.spec("linear/ridge-regressor").id == "linear/ridge"


def test_a_skipped_plugin_is_mentioned(families, monkeypatch):
    monkeypatch.setenv("PELLUCID_DISABLE_PLUGINS", "trees")
    families("pellucid-acme", "raise ValueError('no')")
    with pytest.warns(PluginWarning, match="1 plugin skipped: pellucid-acme \\(broken\\)"):
        text = message(ModelNotFound, registry.spec, "trees/random-forest-classifier")
    assert "Not loaded: pellucid-trees (disabled), pellucid-acme (broken)" in text and "pip install" not in text


# ---- get and make


def test_make_gives_an_instance(families):
    model = registry.make("linear/ridge", alpha=3)
    assert type(model) is registry.get("Ridge") and model.alpha == 3
    assert registry.spec_of(model) is registry.spec_of(type(model)) is registry.spec("ridge")


@pytest.mark.parametrize(
    "id, words",
    [
        ("trees/random-forest-classifier", "(pellucid-trees 0.3): cannot import nowhere.at_all:X: ModuleNotFoundError"),
        ("linear/linear-regression", "(pellucid-linear 0.3): cannot import pellucid_linear_site:gone: AttributeError"),
        ("linear/logistic-regression", "TypeError: the target of a model must be a class"),
    ],
)
def test_a_class_that_cannot_be_imported_names_its_distribution(families, id, words):
    assert registry.spec(id).id == id  # listing works all the same
    text = message(ModelLoadError, registry.get, id)
    assert text.startswith(id) and words in text


def test_a_class_whose_module_exits_is_an_error_too(site):
    site("pellucid-acme", "@hookimpl\ndef pellucid_models():\n    yield ModelSpec(id='acme/x', target='quits_site:X', "
         "summary='s', tasks=('network',))")  # fmt: skip
    site("quits", "raise SystemExit(0)", group="console_scripts")
    assert "SystemExit: 0" in message(ModelLoadError, registry.make, "acme/x")


def test_spec_of_an_unknown_class_or_a_subclass(families):
    class Mine(registry.get("ridge")):
        pass

    assert "Mine" in message(ModelNotFound, registry.spec_of, Mine())
    assert "pellucid.register" in message(ModelNotFound, registry.spec_of, np.ndarray)


# ---- register


def test_register_a_class(families):
    class KernelRidge:
        """Ridge in feature space.

        More text.
        """

    assert pellucid.register(KernelRidge, tasks=("regression",)) is KernelRidge
    spec = registry.spec("KernelRidge")
    assert (spec.id, spec.summary, spec.target) == (
        "local/kernel-ridge",
        "Ridge in feature space",
        f"{__name__}:KernelRidge",
    )
    assert registry.get("local/kernel-ridge") is KernelRidge and registry.spec_of(KernelRidge()) == spec
    assert [info.family for info in registry.plugins()] == ["linear", "trees", "local"]
    assert registry.plugins()[-1].n_models == 1


def test_a_long_docstring_makes_a_short_summary(families):
    registry.register(type("A", (), {"__doc__": "long " * 100}), tasks=("network",))
    assert len(registry.spec("local/a").summary) <= 200


def test_registering_again_replaces(families):
    first, second = type("A", (), {}), type("A", (), {})
    for cls in (first, second):
        registry.register(cls, id="mine/a", tasks=("network",))
    assert registry.get("mine/a") is second and registry.models(family="mine")[0].summary == "A"
    assert registry.plugins()[-1].n_models == 1
    registry.register(type("B", (), {}), id="mine/b", tasks=("network",))
    assert [spec.id for spec in registry.models(family="mine")] == ["mine/a", "mine/b"]


def test_register_a_spec(families):
    spec = ModelSpec(id="mine/array", target="numpy:ndarray", summary="An array", tasks=("network",))
    assert registry.register(spec) is spec
    assert registry.get("mine/array") is np.ndarray


def test_register_reads_the_task_off_an_estimator_and_works_as_a_decorator(families):
    @registry.register
    class MLPThing:
        _estimator_type = "classifier"

    assert registry.spec("local/mlp-thing").tasks == ("classification",)


@pytest.mark.parametrize(
    "id, words",
    [
        ("linear/mine", "family 'linear' belongs to pellucid-linear; take another, such as id='local/mine'"),
        ("acme/mine", "family 'acme' belongs to acme"),
        ("nn/mine", "family 'nn' is reserved for official packages"),
        ("core/mine", "family 'core' is reserved"),
        ("mine", "'family/name'"),
    ],
)
def test_register_leaves_other_families_alone(families, id, words):
    families("acme", "@hookimpl\ndef pellucid_rules(): return []")
    assert words in message(ValueError, registry.register, type("A", (), {}), id=id, tasks=("network",))


def test_register_says_what_it_needs(families):
    cls = type("A", (), {})
    assert "say what A is for" in message(ValueError, registry.register, cls)
    assert "pass the class, not an instance" in message(TypeError, registry.register, cls())
    spec = ModelSpec(id="mine/a", target="a:A", summary="A", tasks=("network",))
    assert "brings its own fields" in message(TypeError, registry.register, spec, id="mine/b")


# ---- data sets, components, commands, rules

ACME = """
def rain(n=3):
    return ("rain", n)

@hookimpl
def pellucid_datasets():
    yield DatasetSpec(id="acme/rain", target="pellucid_acme_site:rain", summary="Rain", task="regression")
    yield DatasetSpec(id="acme/snow", target="pellucid_acme_site:snow", summary="Snow", task="regression")

@hookimpl
def pellucid_components():
    yield ComponentSpec(id="acme/relu", kind="activation", target="pellucid_acme_site:rain", summary="max(x, 0)")
    yield ComponentSpec(id="acme/hinge", kind="loss", target="pellucid_acme_site:HingeLoss", summary="max(1 - x, 0)")
    yield ComponentSpec(id="acme/rbf", kind="kernel", target="pellucid_acme_site:gone", summary="exp(-d²)")

class HingeLoss:
    pass

@hookimpl
def pellucid_commands():
    yield CommandSpec(name="acme-report", target="pellucid_acme_site:rain", summary="Report")

@hookimpl
def pellucid_rules():
    return ["acme_rules_site", "acme_rules_that_are_not_there"]

@hookimpl
def pellucid_checks():
    return ["pellucid_acme_site:rain"]
"""


def test_data_sets(site):
    site("pellucid-acme", ACME)
    assert [spec.id for spec in registry.dataset_specs()] == ["acme/rain", "acme/snow"]
    assert registry.dataset("acme/rain", n=4) == ("rain", 4) and registry.dataset("Rain") == ("rain", 3)
    assert "'acme/rain' has no option 'm'; it has n" in message(TypeError, registry.dataset, "rain", m=4)
    assert "acme/snow (pellucid-acme 0.3): cannot import" in message(PluginLoadError, registry.dataset, "snow")
    text = message(DatasetNotFound, registry.dataset, "rian")
    assert text.startswith("no data set 'rian'. Did you mean acme/rain? The family 'datasets' is not installed: pip")


def test_components_commands_and_checks(site):
    site("pellucid-acme", ACME)
    assert [spec.id for spec in registry.components()] == ["acme/relu", "acme/hinge", "acme/rbf"]
    assert [spec.id for spec in registry.components("loss")] == ["acme/hinge"]
    assert [spec.id for spec in registry.commands()] == ["acme-report"]
    assert registry.resolve(registry.commands()[0])() == ("rain", 3)
    assert registry.checks() == ["pellucid_acme_site:rain"]


@pytest.mark.parametrize("name", ["acme/hinge", "hinge", "Hinge", "HingeLoss", "hinge_loss", "acme/HingeLoss"])
def test_a_component_is_found_in_any_spelling(site, name):
    site("pellucid-acme", ACME)
    import_path = registry.component(name).__qualname__
    assert import_path == registry.component(name, kind="loss").__qualname__ == "HingeLoss"
    assert registry.component("ReLU")() == ("rain", 3)  # a function is as good as a class


@pytest.mark.parametrize(
    "name, kind, words",
    [
        ("relu6", None, "no component 'relu6'. Did you mean acme/relu?"),
        ("acme/hinges", "loss", "no loss 'acme/hinges'. Did you mean acme/hinge?"),
        ("hinge", "kernel", "no kernel 'hinge'."),
        ("relu", "activaton", "no component is of the kind 'activaton'; kinds: activation, kernel, loss."),
        ("nn/adam", None, "The family 'nn' is not installed: pip install pellucid-nn."),
        ("\x1b[31m", "\x1b[31m", "kind '[31m'"),
    ],
)
def test_a_component_that_is_not_there_says_what_helps(site, name, kind, words):
    site("pellucid-acme", ACME)
    assert words in message(ComponentNotFound, registry.component, name, kind)


def test_a_component_whose_name_two_strangers_use_lists_both_and_an_official_one_wins(site):
    for family in ("acme", "zeta", "nn"):
        site(
            f"pellucid-{family}",
            "@hookimpl\ndef pellucid_components():\n"
            f"    yield ComponentSpec(id='{family}/rbf', kind='kernel', target='math:exp', summary='s')\n"
            + f"    yield ComponentSpec(id='{family}/relu', kind='activation', target='math:exp', summary='s')\n"
            * (family != "nn"),
        )
    assert "'relu' may mean acme/relu or zeta/relu" in message(ComponentNotFound, registry.component, "relu")
    assert registry.component("zeta/relu").__name__ == registry.component("rbf", "kernel").__name__ == "exp"


def test_a_component_that_cannot_be_imported_names_its_distribution(site):
    site("pellucid-acme", ACME)
    text = message(PluginLoadError, registry.component, "rbf")
    assert text.startswith("acme/rbf (pellucid-acme 0.3): cannot import pellucid_acme_site:gone: AttributeError")


@pytest.mark.parametrize("error", ["SystemExit", "GeneratorExit", "KeyboardInterrupt"])
def test_whatever_a_module_raises_is_an_error_of_its_own_and_only_ctrl_c_is_ctrl_c(site, error):
    site("pellucid-acme", "@hookimpl\ndef pellucid_rules(): return ['odd_site']\n@hookimpl\ndef pellucid_models():\n"
         "    yield ModelSpec(id='acme/x', target='odd_site:X', summary='s', tasks=('network',))")  # fmt: skip
    site("odd", f"raise {error}", group="console_scripts")
    if error == "KeyboardInterrupt":
        for function in (registry.load_rules, lambda: registry.get("acme/x")):
            with pytest.raises(KeyboardInterrupt):
                function()
    else:
        assert f"cannot import odd_site:X: {error}" in message(ModelLoadError, registry.get, "acme/x")
        with pytest.warns(PluginWarning, match=f"odd_site \\({error}"):
            registry.load_rules()


def test_rules_are_imported_each_on_its_own(site):
    site("pellucid-acme", ACME)
    site("acme-rules", "loaded = True", group="console_scripts")
    assert registry.rule_modules() == ["acme_rules_site", "acme_rules_that_are_not_there"]
    with pytest.warns(PluginWarning, match="acme_rules_that_are_not_there \\(ModuleNotFoundError"):
        registry.load_rules()
    import acme_rules_site

    assert acme_rules_site.loaded


# ---- loading


def test_many_threads_load_once_and_all_see_everything(families):
    families(
        "pellucid-slow",
        "import time; time.sleep(0.2)\n@hookimpl\ndef pellucid_models():\n"
        "    yield ModelSpec(id='slow/x', target='x:X', summary='s', tasks=('network',))",
    )
    seen = []
    threads = [threading.Thread(target=lambda: seen.append(len(registry.models()))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [6] * 8


def test_two_threads_that_wait_for_each_other_do_not_wait_for_ever(families, monkeypatch):
    monkeypatch.setattr(registry, "SECONDS_OF_WAITING", 0.2)
    families("usermod", "import pellucid, builtins\nbuiltins.at_top.set()\npellucid.models()", group="console_scripts")
    families(
        "pellucid-zeta",
        "import builtins\nbuiltins.loading.set()\nbuiltins.at_top.wait(10)\nimport usermod_site\n"
        "@hookimpl\ndef pellucid_rules(): return []",
    )
    import builtins

    for name in ("loading", "at_top"):
        monkeypatch.setattr(builtins, name, threading.Event(), raising=False)
    errors, seen = [], []

    def import_it():
        builtins.loading.wait(10)
        try:
            importlib.import_module("usermod_site")
        except RuntimeError as error:
            errors.append(str(error))

    def load():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            seen.append(len(registry.models()))

    threads = [threading.Thread(target=target, daemon=True) for target in (import_it, load)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert seen == [5] and len(errors) == 1
    assert "for 0.2 seconds another one has been importing the plugin pellucid-zeta 0.3. If that needs" in errors[0]
    assert "use it inside a function there, or call pellucid.plugins() before any thread starts" in errors[0]


def test_what_was_installed_after_loading_is_told_apart_from_what_is_not_there(families):
    assert "pip install pellucid-nn." in message(ModelNotFound, registry.spec, "nn/x")
    code = "@hookimpl\ndef pellucid_models():\n    yield ModelSpec(id='{}/x', target='x:X', "
    for family in ("nn", "acme"):
        families(f"pellucid-{family}", code.format(family) + "summary='s', tasks=('network',))")
    for name in ("nn/x", "acme/x"):
        text = message(ModelNotFound, registry.spec, name)
        assert "Installed after plugins were loaded: pellucid-acme, pellucid-nn; restart Python to use them." in text
        assert "pip install" not in text
    registry._state.plugins = None  # as in the next process
    assert registry.spec("acme/x").id == "acme/x" and "Installed" not in message(ModelNotFound, registry.spec, "nn/y")


def test_ctrl_c_while_loading_leaves_a_clean_start(families, monkeypatch):
    families("pellucid-zeta", "import builtins\nif builtins.press_ctrl_c: raise KeyboardInterrupt\n"
             "@hookimpl\ndef pellucid_rules(): return []")  # fmt: skip
    import builtins

    monkeypatch.setattr(builtins, "press_ctrl_c", True, raising=False)
    with pytest.raises(KeyboardInterrupt):
        registry.models()
    monkeypatch.setattr(builtins, "press_ctrl_c", False)
    assert len(registry.models()) == 5 and [info.status for info in registry.plugins()] == ["ok"] * 3


def test_the_warning_points_at_the_caller_and_comes_once(families):
    families("pellucid-acme", "1 / 0")
    families("pellucid-zeta", "1 / 0")
    with pytest.warns(PluginWarning, match="2 plugins skipped") as caught:
        pellucid.models()
        pellucid.plugins()
    assert len(caught) == 1 and caught[0].filename == __file__


def test_a_warning_that_is_made_an_error_is_raised_once(families):
    families("pellucid-acme", "1 / 0")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(PluginWarning):
            registry.models()
        assert len(registry.models()) == 5


# ---- plugin files

FILE = """
from pellucid import ModelSpec, hookimpl

class Stump:
    pass

@hookimpl
def pellucid_models():
    yield ModelSpec(id="my-trees/stump", target="my_trees:Stump", summary="One split", tasks=("regression",))
"""


@pytest.fixture
def plugin_file(families, tmp_path):
    """Write a file and load it as a plugin."""

    def load(code, name="my_trees.py"):
        path = tmp_path / "files" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(code, encoding="utf-8")
        registry.load_file(path)
        return path

    return load


def test_a_file_with_hooks(plugin_file):
    path = plugin_file(FILE)
    assert registry.get("my-trees/stump").__module__ == "my_trees"
    assert registry.spec_of(registry.make("stump")).id == "my-trees/stump"
    info = registry.plugins()[-1]
    assert (info.family, info.distribution, info.n_models, info.status) == ("my-trees", str(path), 1, "ok")


def test_a_file_that_is_loaded_again_replaces_itself(plugin_file):
    plugin_file(FILE)
    old = registry.get("stump")
    plugin_file(FILE.replace("my-trees/stump", "my-trees/short-stump"))
    assert [spec.id for spec in registry.models(family="my-trees")] == ["my-trees/short-stump"]
    assert registry.get("short-stump") is not old


def test_a_file_that_registers(plugin_file):
    plugin_file("import pellucid\n@pellucid.register\nclass Stump:\n    _estimator_type = 'regressor'\n")
    assert registry.get("local/stump").__name__ == "Stump"


@pytest.mark.parametrize(
    "name, code, words",
    [
        ("my_trees.py", "1 / 0", "my_trees.py: ZeroDivisionError: division by zero"),
        ("my_trees.py", "raise SystemExit('bye')", "SystemExit: bye"),
        ("my_trees.py", "class Own(BaseException): pass\nraise Own('own')", "Own: own"),
        ("local.py", FILE.replace("my-trees", "local"), "'local' is that of models registered by hand; rename the"),
        ("my_trees.py", "def", "SyntaxError"),
        ("my_trees.py", "x = 1", "no hooks found"),
        ("my_trees.py", FILE.replace("@hookimpl", ""), "not marked"),
        ("my_trees.py", FILE.replace("my-trees/stump", "other/stump"), "must start with 'my-trees/'"),
        ("my_trees.py", FILE + "import pellucid; pellucid.register(Stump, tasks=('network',))", "not both"),
        ("my-trees.py", FILE, "must be a Python name"),
        ("trees.py", FILE, "family 'trees' belongs to pellucid-trees; rename the file"),
        ("nn.py", FILE, "reserved for official packages; rename the file"),
        ("random.py", FILE, "the name 'random' is taken by the module at"),
        ("my_trees.txt", FILE, "must end in .py"),
        ("Über.py", FILE, "must be lower case with hyphens"),
    ],
)
def test_a_file_that_is_wrong_leaves_nothing_behind(plugin_file, name, code, words):
    before, modules = registry.plugins(), set(sys.modules)
    assert words in message(PluginLoadError, plugin_file, code, name)
    assert registry.plugins() == before and set(sys.modules) == modules
    with pytest.raises(ModelNotFound):
        registry.spec("stump")


def test_a_file_finds_the_files_beside_it_while_it_runs(plugin_file, tmp_path, monkeypatch):
    (tmp_path / "files").mkdir()
    for name in ("here_at_once", "here_in_a_hook"):
        (tmp_path / "files" / f"{name}.py").write_text("WORDS = 'One split'")
        monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.delitem(sys.modules, name)
    before = list(sys.path)
    code = FILE.replace("():\n", "():\n    import here_in_a_hook\n").replace('"One split"', "here_at_once.WORDS")
    path = plugin_file("import here_at_once\nassert __name__ == 'my_trees'\n" + code)
    assert registry.spec("my-trees/stump").summary == "One split" and sys.path == before
    assert registry.import_file(path).here_at_once.WORDS == "One split" and sys.path == before
    with pytest.raises(PluginLoadError):
        plugin_file("1 / 0", "wrong.py")
    assert sys.path == before


def test_a_file_that_brings_nothing_is_welcome_where_that_is_said(plugin_file, tmp_path):
    file, before = tmp_path / "nn.py", registry.plugins()  # the name of a family of ours: no matter, it brings none
    file.write_text("class Stump: pass")
    assert registry.load_file(file, bare=True).Stump.__name__ == "Stump" and registry.plugins() == before
    file.write_text(FILE.replace("def pellucid_models", "def pellucid_modles"))
    assert "pellucid_modles" in message(
        PluginLoadError, registry.load_file, file.rename(tmp_path / "hut.py"), bare=True
    )
    assert registry.plugins() == before


def test_a_file_takes_nothing_from_what_was_registered_by_hand(plugin_file):
    for id in ("local/mine", "my-trees/mine"):
        registry.register(type("Mine", (), {}), id=id, tasks=("network",))
    mine = [registry.get("local/mine"), registry.get("my-trees/mine")]
    register = "import pellucid\n@pellucid.register\nclass Stump:\n    _estimator_type = 'regressor'\n"
    plugin_file(register, "local.py")
    assert registry.get("local/stump").__name__ == "Stump"
    for name, code in [("local.py", FILE.replace("my-trees/", "local/")), ("my_trees.py", FILE)]:
        text = message(PluginLoadError, plugin_file, code, name)
        assert "is that of models registered by hand; rename the file" in text
    assert [registry.get("local/mine"), registry.get("my-trees/mine")] == mine


def test_ctrl_c_in_a_file_is_ctrl_c_and_leaves_nothing_behind(plugin_file):
    before, modules = registry.plugins(), set(sys.modules)
    with pytest.raises(KeyboardInterrupt):
        plugin_file("raise KeyboardInterrupt")
    assert registry.plugins() == before and set(sys.modules) == modules


def test_a_broken_new_version_keeps_the_old_one(plugin_file):
    plugin_file(FILE)
    old = registry.get("stump")
    with pytest.raises(PluginLoadError):
        plugin_file("1 / 0")
    assert registry.get("stump") is old


def test_a_file_that_is_not_there(families):
    assert "there is no such file" in message(PluginLoadError, registry.load_file, "nowhere.py")
