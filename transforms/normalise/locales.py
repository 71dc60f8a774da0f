"""Languages of people as BCP 47 tags."""

from __future__ import annotations

import re
from functools import cache

from babel import Locale

from transforms.normalise.addresses import LANGUAGES, country_code

_LONGEST_CODE = 3
_TAG = re.compile(r"([A-Za-z]{2,3})(?:[-_]([A-Za-z]{4}))?(?:[-_]([A-Za-z]{2}|\d{3}))?(?:\.[\w-]+)?")
_OWN = ("ar", "cs", "da", "el", "fi", "hu", "ja", "ko", "nb", "pl", "ro", "ru", "tr", "uk", "zh")
"""Languages known by their own names too."""
_NAMED = re.compile(r"([^()\[\]-]+?)\s*(?:[(\[-]\s*([^()\[\]]+?)\s*[)\]]?)?")


@cache
def locale_tag(text: str) -> str | None:
    """The tag of a locale (`en_us`, `pt-BR`) or of a language by its name (`German`, `Français (Canada)`), or None."""
    if tag := _TAG.fullmatch(text.strip()):
        language, script, region = tag.groups()
        if language.lower() in _codes() or language.lower() in _languages().values():
            tail = [script.title() if script else None, region.upper() if region else None]
            return "-".join([language.lower(), *filter(None, tail)])
    if tag := _NAMED.fullmatch(text.strip()):
        code = _languages().get(tag[1].casefold())
        country = country_code(tag[2]) if tag[2] else None
        return f"{code}-{country}" if code and country else code
    return None


@cache
def _codes() -> frozenset[str]:
    """Codes of languages, as English has them: nearly all, and much quicker read than those of every language."""
    return frozenset(code for code in map(str, Locale("en").languages) if len(code) <= _LONGEST_CODE)


@cache
def _languages() -> dict[str, str]:
    """Codes of languages by their names in `LANGUAGES` and in themselves."""
    names: dict[str, str] = {}
    for language in LANGUAGES:
        codes = Locale(language).languages
        names = {name.casefold(): code for code, name in codes.items() if len(code) <= _LONGEST_CODE} | names
    own = {Locale(code).languages[code].casefold(): code for code in _OWN}
    return own | names
