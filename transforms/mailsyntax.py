"""The syntax of e-mail addresses in columns: email-validator's decisions for addresses in ASCII, exactly.

Its own check takes one address at a time. Here the same rules (RFC 5321, 5322, 1123) run over a whole column; what is
quoted, bracketed, international or wrong in an uncommon way is left to the library, which also says what is wrong.
"""

from __future__ import annotations

import polars as pl
from email_validator import SPECIAL_USE_DOMAIN_NAMES
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES

NO_AT = "An email address must have an @-sign."
NO_PERIOD = "The part after the @-sign is not valid. It should have a period."
_ATOM = r"[a-zA-Z0-9_!#$%&'*+\-/=?^`{|}~]+"
_LOCAL = rf"{_ATOM}(?:\.{_ATOM})*"
_LABEL = r"(?:[a-zA-Z0-9][a-zA-Z0-9\-]*)?[a-zA-Z0-9]"
_ADDRESS = rf"^{_LOCAL}@(?:{_LABEL}\.)+(?:[a-zA-Z0-9][a-zA-Z0-9\-]*)?[a-zA-Z]$"
_DOTLESS = rf"^{_LOCAL}@{_LABEL}$"
_WORDS = r"^[a-zA-Z0-9 ._\-]+$"
LONGEST = 66
"""Bytes below which neither an address, nor its domain, nor a label of it can be too long."""
_SPECIAL = [name for name in SPECIAL_USE_DOMAIN_NAMES if name != "test"]


def decided(candidates: pl.Series) -> tuple[pl.DataFrame, pl.Series]:
    """What email-validator makes of addresses, as far as the common rules tell.

    Args:
        candidates: distinct texts.

    Returns:
        The decided ones: `candidate`, `email` with its domain in lower case where it is valid, else the `problem`, in
        the library's words; and the others.
    """
    text = pl.col("candidate")
    # Two hyphens can be Punycode or a label that is not allowed.
    plain = (text.str.len_bytes() <= LONGEST) & ~text.str.contains("--", literal=True)
    frame = pl.DataFrame({"candidate": candidates}).with_columns(
        valid=plain & text.str.contains(_ADDRESS), start=text.str.find("@", literal=True)
    )
    local = pl.col("candidate").str.slice(0, pl.col("start"))
    domain = pl.col("candidate").str.slice(pl.col("start") + 1).str.to_lowercase()
    good = (
        frame.filter("valid")
        .select("candidate", local=local, domain=domain)
        .with_columns(special=_is_special(pl.col("domain")), folded=pl.col("local").str.to_lowercase())
    )
    mailbox = pl.when(pl.col("folded").is_in(CASE_INSENSITIVE_MAILBOX_NAMES)).then("folded").otherwise("local")
    rest = frame.filter(~pl.col("valid")).with_columns(
        dotless=plain & text.str.contains(_DOTLESS) & ~text.str.to_lowercase().str.ends_with("@test"),
        words=text.str.contains(_WORDS),
    )
    nothing = pl.lit(None, dtype=pl.String)
    known = pl.concat(
        [
            good.filter(~pl.col("special")).select(
                "candidate", email=pl.concat_str(mailbox, "domain", separator="@"), problem=nothing
            ),
            rest.filter("dotless").select("candidate", email=nothing, problem=pl.lit(NO_PERIOD)),
            rest.filter("words").select("candidate", email=nothing, problem=pl.lit(NO_AT)),
        ]
    )
    odd = pl.concat(
        [good.filter("special")["candidate"], rest.filter(~pl.col("dotless") & ~pl.col("words"))["candidate"]]
    )
    return known, odd


def _is_special(domain: pl.Expr) -> pl.Expr:
    """Whether a domain is, or lies below, a name that cannot be used for mail."""
    return pl.any_horizontal((domain == name) | domain.str.ends_with(f".{name}") for name in _SPECIAL)
