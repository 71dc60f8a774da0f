"""All settings: `onefold.toml`, the environment, the command line. Later ones win.

Environment variables are `ONEFOLD_<SECTION>__<KEY>`, for example `ONEFOLD_SITE__URL`.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from connectors.exports.decoding import known_encoding
from connectors.exports.limits import Limits
from connectors.wire.shapes import BASE_URL
from transforms.match.parameters import AUTO, REVIEW
from transforms.plan.policy import TIE_BREAKS, Policy
from transforms.schema.errors import UsageError
from transforms.schema.tables import SITE

LOCAL = "local:"
"""Prefix of the name of an embedded site; its path follows."""
STATE = ".onefold"
DECISIONS = "decisions.csv"

TieBreak = Literal["member", "precedence", "most_complete", "most_recent", "oldest", "id"]
Overwritable = Literal["first", "last", "company", "job_title", "birthdate", "locale"]
Region = Annotated[
    str,
    Field(pattern="^[A-Z]{2}$"),
    BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
]

Encoding = Annotated[str, AfterValidator(known_encoding)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SiteSettings(_Section):
    """`[site]`: the contact list that is kept clean."""

    url: str = "local:onefold.db"
    region: Region | None = None
    rate: float | None = Field(None, gt=0)
    """Calls a minute never gone beyond."""
    timeout: float = Field(30, gt=0)
    """Seconds a service may take to answer a call."""


class SourceSettings(_Section):
    """`[[source]]`: a source of contacts; their order is the order of trust. `site` places the site itself."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]*$")
    files: tuple[str, ...] = ()
    region: Region | None = None
    format: str | None = None
    encoding: Encoding | None = None
    """What text files are in; found when not given."""
    columns: dict[str, str] = Field(default_factory=dict)
    """Where a column goes, by its header, before what the format says: a field (`first name`, `emails.work`), `ignore`,
    or `keep` (beside the row)."""
    auto_saved: bool = False
    """Whether rows are taken that an address book saved on its own (Google's other contacts)."""

    @model_validator(mode="after")
    def _site_has_no_files(self) -> SourceSettings:
        if self.name == SITE and self.files:
            raise ValueError("the source named 'site' is the site itself and has no files; name this one otherwise")
        return self

    @model_validator(mode="before")
    @classmethod
    def _one_file(cls, values: Any) -> Any:  # noqa: ANN401 - whatever the file says, before validation
        if isinstance(values, dict) and isinstance(values.get("files"), str):
            return {**values, "files": [values["files"]]}
        return values


class MatchSettings(_Section):
    """`[match]`: from which probability records are joined, and from which a person should look."""

    auto: float = Field(AUTO, gt=0.5, lt=1)
    review: float = Field(REVIEW, gt=0, lt=1)

    @model_validator(mode="after")
    def _in_order(self) -> MatchSettings:
        if self.review > self.auto:
            raise ValueError("review must not be above auto")
        return self


class PolicySettings(_Section):
    """`[policy]`: which value survives, and what is marked."""

    target: tuple[TieBreak, ...] = TIE_BREAKS  # type: ignore[assignment] # the same names, as a plain tuple there
    overwrite: tuple[Overwritable, ...] = ()
    field: dict[Overwritable, tuple[str, ...]] = Field(default_factory=dict)
    """Sources in the order of trust for a field that has an order of its own, `site` among them."""
    import_as: Literal["fold", "merge"] = "fold"
    """Whether a row is folded into its person's contact, or becomes a contact of its own that is merged into that."""
    extended_fields: tuple[str, ...] = ()
    label: str = "Onefold {run}"
    opt_out_label: str = "Opted out"


class ApplySettings(_Section):
    """`[apply]`: how a plan is applied, and what it may change at most."""

    concurrency: int = Field(4, ge=1, le=32)
    """People whose contacts are dealt with side by side."""
    preview: bool = True
    """Whether each merge is previewed, and held when the site would do something else than was planned."""
    keep_marker: bool = False
    """Whether created contacts keep the custom field that names the operation which created them."""
    max_wrong: float = Field(0.2, gt=0, le=1)
    """The share of operations that may be held, stale or failed before all is stopped."""
    max_merge_share: float = Field(0.25, ge=0, le=1)
    """The share of the site's contacts that a plan may merge away; up to twenty are never too many."""
    max_deletes: int | None = Field(None, ge=0)
    """Contacts that a plan may merge away, or an undo delete."""


class LimitSettings(_Section):
    """`[limits]`: how large what is read may be."""

    unpacked_mb: int = Field(Limits.unpacked_mb, ge=1)
    """Megabytes that a packed file or a workbook may unpack to in all."""
    workbook_memory_mb: int = Field(Limits.workbook_memory_mb, ge=64)
    """Megabytes of memory that a workbook's sheets may take."""
    cell_characters: int = Field(Limits.cell_characters, ge=100)
    """Characters of a cell; a row with a longer one is rejected."""
    card_characters: int = Field(Limits.card_characters, ge=1000)
    """Characters of a vCard without its pictures; a longer one is rejected."""
    card_lines: int = Field(Limits.card_lines, ge=10)
    """Lines of a vCard without its pictures."""

    def limits(self) -> Limits:
        """As the readers take them."""
        return Limits(**self.model_dump())


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix="ONEFOLD_", env_nested_delimiter="__", extra="forbid", frozen=True, populate_by_name=True
    )

    site: SiteSettings = SiteSettings()
    source: tuple[SourceSettings, ...] = ()
    match: MatchSettings = MatchSettings()
    policy: PolicySettings = PolicySettings()
    apply: ApplySettings = ApplySettings()
    limits: LimitSettings = LimitSettings()
    wix_api_key: SecretStr | None = Field(None, validation_alias="WIX_API_KEY")
    wix_site_id: str | None = Field(None, validation_alias="WIX_SITE_ID")
    wix_base_url: str = Field(BASE_URL, validation_alias="WIX_BASE_URL")
    state: Path = Path(STATE)
    """The folder for what is remembered of sites that are not embedded."""
    decisions: Path = Path(DECISIONS)
    """The file of decisions; honoured where it is there."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic-settings'
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file; flags are put in afterwards."""
        return env_settings, init_settings

    @model_validator(mode="after")
    def _distinct_sources(self) -> Settings:
        names = [source.name for source in self.source]
        if len(set(names)) < len(names):
            raise ValueError("two sources have the same name")
        for name, sources in self.policy.field.items():
            for source in sources:
                if names and source not in (*names, SITE):
                    raise ValueError(f"[policy.field] {name} names {source!r}, and there is no such source")
        return self

    def policy_for(self, run: str) -> Policy:
        """The planner's policy for a run of this name."""
        return Policy(
            target=tuple(self.policy.target),
            overwrite=frozenset(self.policy.overwrite),
            precedence=dict(self.policy.field.items()),
            import_as=self.policy.import_as,
            label=self.policy.label.replace("{run}", run),
            opt_out_label=self.policy.opt_out_label,
            auto=self.match.auto,
            review=self.match.review,
        )

    def with_site(self, url: str | None) -> Settings:
        """These settings with another site, when one is given; the path of an embedded one is made absolute."""
        wanted = self.site.url if url is None else url
        if wanted.startswith(LOCAL) and wanted != LOCAL:
            wanted = f"{LOCAL}{Path(wanted.removeprefix(LOCAL)).absolute()}"
        return self.model_copy(update={"site": self.site.model_copy(update={"url": wanted})})

    def to_facts(self) -> dict[str, Any]:
        """All settings but the key, with absolute paths, for `PlannedSettings` to be made of."""
        paths = {"state": self.state.absolute(), "decisions": self.decisions.absolute()}
        return self.model_copy(update=paths).model_dump(mode="json", exclude={"wix_api_key"})

    def with_columns(self, columns: Mapping[str, str]) -> Settings:
        """These settings with further columns mapped, in every source."""
        if not columns:
            return self
        sources = tuple(
            source if source.name == SITE else source.model_copy(update={"columns": {**source.columns, **columns}})
            for source in self.source
        )
        return self.model_copy(update={"source": sources})

    def with_encoding(self, encoding: str | None) -> Settings:
        """These settings with the encoding that text files of every source are in.

        Raises:
            UsageError: there is no such encoding.
        """
        if encoding is None:
            return self
        known = encoding_called(encoding)
        return self.model_copy(
            update={"source": tuple(source.model_copy(update={"encoding": known}) for source in self.source)}
        )

    def with_exports(self, exports: Sequence[str]) -> Settings:
        """These settings with exports from the command line before their sources: `FILE`, `FOLDER` or `PATH=NAME`.

        Raises:
            UsageError: a path is missing.
        """
        sources: list[SourceSettings] = []
        for export in exports:
            text, named, name = export.rpartition("=")
            path = Path(text if named and not Path(export).exists() else export)
            if not path.exists():
                raise UsageError(f"There is no file or folder {path}.")
            chosen = name if named and not Path(export).exists() else path.stem
            if chosen == SITE:
                chosen = f"{SITE}-export"
            clean = "".join(letter if letter.isalnum() or letter in " _.-" else "-" for letter in chosen).strip(" _.-")
            try:
                added = SourceSettings(name=clean or "export", files=(str(path),))
            except ValidationError as error:
                raise UsageError(
                    f"{name!r} cannot be the name of a source: letters, digits, blank, . _ - only."
                ) from error
            configured = next((known for known in self.source if known.name == added.name), None)
            if configured is not None:
                added = configured.model_copy(update={"files": added.files})
            same = next((index for index, known in enumerate(sources) if known.name == added.name), None)
            if same is None:
                sources.append(added)
            else:
                sources[same] = sources[same].model_copy(update={"files": (*sources[same].files, *added.files)})
        if not sources:
            return self
        placed = [source for source in self.source if source.name == SITE]
        return self.model_copy(update={"source": (*placed, *sources)})

    def ranked(self) -> list[SourceSettings]:
        """All sources in the order of trust, the site first where the settings do not place it.

        A source without a region of its own has the site's.
        """
        placed = any(source.name == SITE for source in self.source)
        sources = self.source if placed else (SourceSettings(name=SITE), *self.source)
        return [source.model_copy(update={"region": source.region or self.site.region}) for source in sources]


class PlannedSettings(Settings):
    """The settings a run was planned with: neither the environment nor a file changes them."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic-settings'
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The values that are given, and nothing else."""
        return (init_settings,)


def load_settings(path: Path | None = None) -> Settings:
    """Settings from a file (or `onefold.toml` here, when there is one) and the environment.

    Relative paths in the file are taken from its folder.

    Raises:
        UsageError: the file is missing, is not TOML, or has an unknown key or a bad value.
    """
    chosen = path if path is not None else Path("onefold.toml")
    values: dict[str, Any] = {}
    if path is not None and not path.is_file():
        raise UsageError(f"There is no settings file {path}.")
    if chosen.is_file():
        try:
            values = tomllib.loads(chosen.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{chosen} is not a TOML file: {error}.") from error
    try:
        settings = Settings(**values)
    except ValidationError as error:
        raise UsageError(f"{chosen if values else 'Settings'}: {_sentence(error)}") from error
    folder = chosen.resolve().parent
    site = settings.site
    if values.get("site", {}).get("url") == site.url and site.url.startswith(LOCAL):
        site = site.model_copy(update={"url": f"{LOCAL}{folder / site.url.removeprefix(LOCAL)}"})
    sources = tuple(
        source.model_copy(update={"files": tuple(str(folder / file) for file in source.files)})
        for source in settings.source
    )
    paths = {}
    for name, usual in (("state", STATE), ("decisions", DECISIONS)):
        path = getattr(settings, name)
        given = path == Path(values.get(name, usual))  # in the file or not at all, so not in the environment
        paths[name] = folder / path if given else path
    return settings.model_copy(update={"site": site, "source": sources, **paths}).with_site(None)


def encoding_called(name: str) -> str:
    """The name of a text encoding.

    Raises:
        UsageError: there is no such encoding.
    """
    try:
        return known_encoding(name)
    except ValueError as error:
        raise UsageError(f"{error}.".replace("there", "There", 1)) from error


def _sentence(error: ValidationError) -> str:
    """The first problem of settings as one sentence, with the nearest known name for an unknown key."""
    problem = error.errors()[0]
    place = [str(part) for part in problem["loc"]]
    where = ".".join(place) or "the settings"
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(place[-1], _known_keys(place[:-1]), n=1)
        return f"unknown key {where!r}" + (f"; did you mean {near[0]!r}?" if near else ".")
    return f"{where}: {problem['msg'].removeprefix('Value error, ')}."


def _known_keys(place: Sequence[str]) -> list[str]:
    sections: dict[str, type[BaseModel]] = {
        "site": SiteSettings, "source": SourceSettings, "match": MatchSettings, "policy": PolicySettings,
        "apply": ApplySettings, "limits": LimitSettings,
    }  # fmt: skip
    section = sections.get(place[0]) if place else None
    return list((section or Settings).model_fields)


def settings_for(
    config: Path | str | None,
    site: str | None,
    exports: Sequence[Path | str] | None = None,
    columns: Mapping[str, str] | None = None,
    encoding: str | None = None,
) -> Settings:
    """The settings a file, the environment and a caller give together, as the command line has them."""
    settings = (
        load_settings(Path(config) if config else None)
        .with_site(site)
        .with_exports([str(export) for export in exports or ()])
    )
    return settings.with_columns(columns or {}).with_encoding(encoding)
