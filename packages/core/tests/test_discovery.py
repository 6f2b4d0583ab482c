"""Which plugins take part, in what order, and what the environment may say about it."""

from __future__ import annotations

import sys
import textwrap
import threading
import warnings
from importlib import metadata

import pytest

from pellucid import discovery, registry
from pellucid.discovery import PluginLoadError, PluginWarning, bound_mismatch, describe

ONE = """
@hookimpl
def pellucid_models():
    yield ModelSpec(id="{0}/x", target="x:X", summary="s", tasks=("network",))
"""
EVERYTHING_OFFICIAL = """
@hookimpl
def pellucid_datasets():
    yield DatasetSpec(id="rain", target="x:rain", summary="s", task="regression")
"""


def statuses():
    return {info.distribution: info.status for info in registry.plugins()}


@pytest.fixture
def three(site):
    for name in ("acme", "linear", "zeta"):
        site(f"pellucid-{name}", ONE.format(name))


# ---- who, and in what order


def test_official_plugins_come_first_then_by_name(site):
    for distribution, family in [("a-pack", "zz"), ("pellucid-trees", "trees"), ("b-pack", "b"), ("pellucid-nn", "nn")]:
        site(distribution, ONE.format(family), family=family)
    assert [spec.id for spec in registry.models()] == ["nn/x", "trees/x", "zz/x", "b/x"]


def test_a_family_goes_to_the_distribution_that_is_named_after_it(site):
    site("aaa-local-evil", ONE.format("acme"), family="acme")
    site("pellucid-acme", ONE.format("acme"))
    with pytest.warns(PluginWarning, match="aaa-local-evil \\(refused\\)"):
        assert statuses() == {"pellucid-acme": "ok", "aaa-local-evil": "refused"}


def test_a_broken_plugin_owns_nothing(site):
    site("a-pack", "1 / 0", family="acme")
    site("b-pack", ONE.format("acme"), family="acme")
    with pytest.warns(PluginWarning):
        assert statuses() == {"a-pack": "broken", "b-pack": "ok"}


def test_one_distribution_may_bring_two_families_and_serve_two_interfaces(site, tmp_path):
    site("pellucid-acme", ONE.format("acme"))
    with (tmp_path / "pellucid_acme_site-0.3.dist-info" / "entry_points.txt").open("a") as file:
        file.write("acme-more = more_site\n[pellucid.v2]\nacme = never_imported\n")
    site("more", ONE.format("acme-more"), group="console_scripts")
    assert [(info.family, info.status) for info in registry.plugins()] == [("acme", "ok"), ("acme-more", "ok")]


def test_only_official_data_sets_have_bare_names(site):
    site("pellucid-datasets", EVERYTHING_OFFICIAL)
    site("pellucid-acme", EVERYTHING_OFFICIAL)
    with pytest.warns(PluginWarning):
        assert [info.error for info in registry.plugins()] == [
            "",
            "ValueError: DatasetSpec id 'rain' must start with 'acme/', the family of this plugin",
        ]
    assert len(registry.dataset_specs()) == 1


def test_what_is_reported_about_a_good_plugin(three):
    info = registry.plugins()[0]
    assert (info.family, info.distribution, info.version, info.target) == (
        "linear",
        "pellucid-linear",
        "0.3",
        "pellucid_linear_site",
    )
    assert (info.status, info.error, info.traceback, info.requires_mismatch, info.n_models) == ("ok", "", "", "", 1)
    assert 0 < info.milliseconds < 5000 and info.origin == "pellucid-linear 0.3"


# ---- what the environment says


@pytest.mark.parametrize(
    "only, never, used",
    [
        (None, None, "linear acme zeta"),
        ("", None, ""),
        ("pellucid-acme", None, "acme"),
        (" Pellucid_Acme , linear ", None, "linear acme"),
        ("pellucid-acme,pellucid-zeta", "zeta", "acme"),
        (None, "pellucid-linear", "acme zeta"),
        (None, "", "linear acme zeta"),
    ],
)
def test_allowing_and_disabling(three, monkeypatch, recwarn, only, never, used):
    if only is not None:
        monkeypatch.setenv("PELLUCID_PLUGINS", only)
    if never is not None:
        monkeypatch.setenv("PELLUCID_DISABLE_PLUGINS", never)
    assert [spec.family for spec in registry.models()] == used.split()
    assert {info.status for info in registry.plugins()} <= {"ok", "disabled"} and not recwarn.list


def test_a_plugin_that_is_not_allowed_is_not_imported(site, monkeypatch):
    site("pellucid-acme", "raise SystemExit")
    monkeypatch.setenv("PELLUCID_PLUGINS", "linear")
    monkeypatch.setenv("PELLUCID_STRICT", "1")
    with pytest.warns(PluginWarning, match="no plugin is called that"):  # for linear is not installed here
        assert [(info.status, info.error) for info in registry.plugins()] == [("disabled", "not in PELLUCID_PLUGINS")]


def test_a_name_in_the_environment_that_no_plugin_has_is_said_once(three, monkeypatch):
    monkeypatch.setenv("PELLUCID_PLUGINS", "acme, liner, pellucid-linear")
    with pytest.warns(PluginWarning) as caught:
        registry.models(), registry.plugins()
    (warning,) = caught
    assert warning.filename == __file__ and str(warning.message) == (
        "PELLUCID_PLUGINS names liner, and no plugin is called that; "
        "installed: pellucid-acme, pellucid-linear, pellucid-zeta"
    )
    assert [spec.family for spec in registry.models()] == ["linear", "acme"]


@pytest.mark.parametrize("value", ["", " ", "0", "false", "False", "no", " off "])
def test_a_switch_that_is_off_is_off(three, site, monkeypatch, capsys, value):
    site("pellucid-bad", "raise SystemExit('bye')")
    monkeypatch.setenv("PELLUCID_STRICT", value)
    monkeypatch.setenv("PELLUCID_TRACE", value)
    with pytest.warns(PluginWarning, match="1 plugin skipped"):
        assert len(registry.models()) == 3
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("value", ["1", "true", "YES", "on"])
def test_a_switch_that_is_on_is_on(site, monkeypatch, value):
    site("pellucid-bad", "raise SystemExit('bye')")
    monkeypatch.setenv("PELLUCID_STRICT", value)
    with pytest.raises(PluginLoadError):
        registry.models()


def test_strict_raises_the_first_problem_each_time(three, site, monkeypatch):
    site("pellucid-bad", "raise SystemExit('bye')")
    monkeypatch.setenv("PELLUCID_STRICT", "1")
    for _ in range(2):
        with pytest.raises(PluginLoadError) as raised:
            registry.models()
        assert str(raised.value) == "pellucid-bad, family 'bad', is broken: SystemExit: bye"
        assert raised.value.__notes__[0].startswith("Traceback") and "SystemExit: bye" in raised.value.__notes__[0]
    monkeypatch.setenv("PELLUCID_STRICT", "0")
    with pytest.warns(PluginWarning):
        assert len(registry.models()) == 3


def test_trace_prints_the_hook_calls(three, monkeypatch, capsys):
    monkeypatch.setenv("PELLUCID_TRACE", "1")
    registry.models()
    out, err = capsys.readouterr()
    assert out == "" and "pellucid-acme:acme: " in err and "pellucid_models" in err


# ---- what a plugin does to others while it is imported


NOISY = """
import warnings
print("hello from the plugin")
warnings.warn("a plugin warns")
warnings.simplefilter("error")
"""


def test_what_a_plugin_prints_and_warns_of_spoils_nothing(site, capsys, recwarn):
    site("pellucid-acme", NOISY + ONE.format("acme"))
    filters = list(warnings.filters)
    assert [spec.id for spec in registry.models()] == ["acme/x"]
    assert capsys.readouterr() == ("", "hello from the plugin\n")
    assert not recwarn.list and warnings.filters == filters


def test_what_another_thread_prints_meanwhile_goes_where_it_belongs(site, capsys):
    code = """
        import sys, threading
        def tell():
            print("hello from another thread")
            sys.stdout.write("and on\\n")
            kept.append(sys.stdout)
        kept = []
        thread = threading.Thread(target=tell)
        thread.start()
        thread.join()
        print("hello from the plugin")
    """
    site("pellucid-acme", textwrap.dedent(code) + ONE.format("acme"))
    assert statuses() == {"pellucid-acme": "ok"}
    assert capsys.readouterr() == ("hello from another thread\nand on\n", "hello from the plugin\n")
    print("afterwards", file=sys.modules["pellucid_acme_site"].kept[0])
    assert capsys.readouterr() == ("afterwards\n", "")


@pytest.mark.parametrize("missing", ["stdout", "stderr"])
def test_a_plugin_may_print_where_there_is_no_console(site, monkeypatch, missing):
    site("pellucid-acme", NOISY + ONE.format("acme"))
    monkeypatch.setattr(sys, missing, None)
    assert statuses() == {"pellucid-acme": "ok"}


def test_strict_shows_what_a_plugin_warns_of(site, monkeypatch):
    site("pellucid-acme", NOISY + ONE.format("acme"))
    monkeypatch.setenv("PELLUCID_STRICT", "1")
    with pytest.warns(UserWarning, match="a plugin warns"):
        registry.models()


def test_an_import_that_takes_long_is_named_with_the_way_round_it(site, monkeypatch, capsys):
    monkeypatch.setattr(discovery, "SECONDS_OF_PATIENCE", 0.0)
    site("pellucid-acme", "import threading\nfor thread in threading.enumerate():\n"
         "    if isinstance(thread, threading.Timer): thread.join()\n" + ONE.format("acme"))  # fmt: skip
    assert statuses() == {"pellucid-acme": "ok"}
    assert capsys.readouterr().err == (
        "pellucid: still importing the plugin pellucid-acme 0.3. Press Ctrl-C to end this. "
        "PELLUCID_DISABLE_PLUGINS=pellucid-acme leaves it out; `pellucid plugins --no-load` imports none.\n"
    )


def test_nobody_is_told_to_be_patient_with_a_quick_import(three, capsys):
    registry.models()
    assert capsys.readouterr() == ("", "")
    timers = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    assert all(timer.finished.is_set() for timer in timers)


def test_ctrl_c_while_a_plugin_is_imported_names_it(three, site):
    site("pellucid-bad", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt) as raised:
        registry.models()
    (note,) = raised.value.__notes__
    assert note.startswith("The plugin pellucid-bad 0.3 was being imported. PELLUCID_DISABLE_PLUGINS=pellucid-bad ")


def test_of_two_copies_of_a_distribution_the_first_on_the_path_counts(site, tmp_path, monkeypatch):
    site("pellucid-acme", ONE.format("acme"))
    older = tmp_path / "older" / "pellucid_acme-0.2.dist-info"
    older.mkdir(parents=True)
    (older / "METADATA").write_text("Name: Pellucid_Acme\nVersion: 0.2\n")
    (older / "entry_points.txt").write_text("[pellucid.v1]\nacme = nowhere_at_all\n")
    found = metadata.distributions

    def both(**context):
        return [*found(), *metadata.Distribution.discover(path=[str(older.parent)])]

    monkeypatch.setattr(metadata, "distributions", both)
    assert [(info.origin, info.status) for info in registry.plugins()] == [("pellucid-acme 0.3", "ok")]


# ---- versions


@pytest.mark.parametrize(
    "bound, fits, fails",
    [
        (">=0.1,<0.2", "0.1 0.1.0 0.1.7 0.1.7.dev1", "0.0.9 0.2 0.2.0 1.0"),
        ("<0.2,>=0.1.3", "0.1.3 0.1.10", "0.1.2 0.2"),
        (">0.1", "0.1.1 2", "0.1 0.1.0 0.0.5"),
        ("<=1", "0.9 1.0", "1.0.1 2"),
        ("==0.1.*", "0.1 0.1.5", "0.2 1.1"),
        ("==0.1", "0.1 0.1.0", "0.1.1"),
        ("!=0.1.2", "0.1.1 0.1.3", "0.1.2"),
        ("!=0.1.*", "0.2", "0.1 0.1.4"),
        ("~=0.1.2", "0.1.2 0.1.9", "0.1.1 0.2"),
        ("~=0.1", "0.1 0.9", "1.0"),
        (">=0.10", "0.10 0.11", "0.9"),
        ("", "0.1 99", ""),
    ],
)
def test_bounds_agree_with_the_packaging_library(bound, fits, fails):
    for version in fits.split():
        assert bound_mismatch([f"pellucid{bound}"], version) == ""
    for version in fails.split():
        assert bound_mismatch([f"pellucid{bound}"], version) == f"needs pellucid{bound}, this is {version}"
    specifiers = pytest.importorskip("packaging.specifiers")
    for version in (fits + " " + fails).split():
        assert specifiers.SpecifierSet(bound).contains(version, prereleases=True) == (version in fits.split())


@pytest.mark.parametrize(
    "requirement, mismatch",
    [
        ("pellucid[nn] (>=9)", True),
        ("Pellucid >= 9", True),
        ("pellucid-linear>=9", False),
        ("pellucid2>=9", False),
        ("numpy>=9", False),
        ("pellucid>=9; extra == 'all'", False),
        ("pellucid @ https://example.org/pellucid.whl", False),
        ("pellucid===weird", False),
        ("no sense at all ((", False),
    ],
)
def test_only_plain_requirements_on_pellucid_count(requirement, mismatch):
    assert bool(bound_mismatch([requirement], "0.1.0")) == mismatch


def test_a_mismatch_is_reported_and_does_not_stop_the_plugin(site, recwarn):
    site("pellucid-acme", ONE.format("acme"), requires="pellucid>=9,<10")
    info = registry.plugins()[0]
    assert info.status == "ok" and info.requires_mismatch.startswith("needs pellucid>=9,<10, this is ")
    assert not recwarn.list


# ---- errors


def test_describe_is_one_printable_line():
    class Evil(Exception):
        def __str__(self):
            raise RuntimeError

    assert describe(ValueError("a\n\x1b[1mb")) == "ValueError: a [1mb"
    assert describe(Evil()) == "Evil (its message raises an error itself)"
