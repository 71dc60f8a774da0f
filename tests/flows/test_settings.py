"""Settings come from the file, the environment and the command line; a mistake is one clear sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flows.settings import Settings, load_settings
from transforms.schema.errors import UsageError

Export = Callable[[str, str], Path]


def test_sources_keep_their_order_and_the_site_comes_first_unless_placed(export: Export) -> None:
    plain = load_settings(
        export("a.toml", '[[source]]\nname="crm"\nfiles=["a.csv"]\n[[source]]\nname="shop"\nfiles="b.csv"\n')
    )
    placed = load_settings(export("b.toml", '[[source]]\nname="crm"\nfiles=["a.csv"]\n[[source]]\nname="site"\n'))

    assert [one.name for one in plain.ranked()] == ["site", "crm", "shop"]
    assert [one.name for one in placed.ranked()] == ["crm", "site"]


def test_paths_are_taken_from_the_files_folder(export: Export, tmp_path: Path) -> None:
    settings = load_settings(export("a.toml", '[site]\nurl="local:my.db"\n[[source]]\nname="crm"\nfiles=["a.csv"]\n'))

    assert settings.source[0].files == (str(tmp_path / "a.csv"),)
    assert settings.site.url == f"local:{tmp_path / 'my.db'}"


def test_the_environment_wins_over_the_file_and_a_flag_over_both(
    export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONEFOLD_SITE__URL", "local:environment.db")
    monkeypatch.setenv("WIX_API_KEY", "secret-key")
    file = export("a.toml", '[site]\nurl="local:file.db"\nregion="us"\n')

    settings = load_settings(file)

    assert settings.site.url == f"local:{Path.cwd() / 'environment.db'}"
    assert settings.site.region == "US"
    assert settings.with_site("local:flag.db").site.url == f"local:{Path.cwd() / 'flag.db'}"
    assert "secret-key" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[match]\nautomatic = 0.9\n", r"unknown key 'match.automatic'; did you mean 'auto'\?"),
        ("[polcy]\n", r"unknown key 'polcy'; did you mean 'policy'\?"),
        ("[match]\nauto = 2\n", "match.auto"),
        ("[match]\nauto = 0.6\nreview = 0.8\n", "review must not be above auto"),
        ("[site]\nregion = 'Germany'\n", "site.region"),
        ("[policy]\ntarget = ['newest']\n", "policy.target"),
        ("[[source]]\nname='a'\n[[source]]\nname='a'\n", "two sources have the same name"),
        ("[site\n", "is not a TOML file"),
    ],
)
def test_a_mistake_is_one_sentence(export: Export, text: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence) as problem:
        load_settings(export("a.toml", text))

    assert problem.value.exit_code == 2
    assert "\n" not in str(problem.value)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no settings file"):
        load_settings(tmp_path / "missing.toml")


def test_exports_of_the_command_line_are_sources_in_their_order(export: Export, tmp_path: Path) -> None:
    one, two = export("HubSpot 2026.csv", "x"), export("b.csv", "x")

    settings = Settings().with_exports([str(one), f"{two}=shop"])

    assert [(source.name, source.files) for source in settings.source] == [
        ("HubSpot 2026", (str(one),)),
        ("shop", (str(two),)),
    ]
    with pytest.raises(UsageError, match="There is no file or folder"):
        Settings().with_exports([str(tmp_path / "missing.csv")])


def test_the_name_of_the_site_is_not_for_exports(export: Export) -> None:
    with pytest.raises(UsageError, match="the site itself"):
        load_settings(export("a.toml", '[[source]]\nname="site"\nfiles=["a.csv"]\n'))

    assert Settings().with_exports([str(export("site.csv", "x"))]).source[0].name == "site-export"


def test_a_source_without_a_region_has_the_sites(export: Export) -> None:
    settings = load_settings(
        export("a.toml", '[site]\nregion="DE"\n[[source]]\nname="a"\n[[source]]\nname="b"\nregion="US"\n')
    )

    assert [one.region for one in settings.ranked()] == ["DE", "DE", "US"]
