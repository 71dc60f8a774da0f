"""The syntax of e-mail addresses in columns: email-validator's decisions for addresses in ASCII, exactly.

Its own check takes one address at a time. Here the same rules (RFC 5321, 5322, 1123) run over a whole column; what is
quoted, bracketed, international or wrong in an uncommon way is left to the library, which also says what is wrong.
"""

from __future__ import annotations

import re

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
_SPECIAL = "|".join(re.escape(name) for name in SPECIAL_USE_DOMAIN_NAMES if name != "test")
_CANNOT_BE_USED = rf"(?i)[@.](?:{_SPECIAL})$"
"""Addresses whose domain is, or lies below, a name that cannot be used for mail."""
_CHANGED = rf"@.*[A-Z]|^(?i:{'|'.join(map(re.escape, CASE_INSENSITIVE_MAILBOX_NAMES))})@"
"""Addresses that may be normalised to others: domains and some mailboxes go in lower case."""


def decided(candidates: pl.Series) -> pl.DataFrame:
    """What email-validator makes of addresses, as far as the common rules tell.

    Args:
        candidates: texts, not null.

    Returns:
        For each one `email`, normalised, where it is valid, `problem`, in the library's words, where it is not, and
        whether it `is_odd`: then neither is known.
    """
    # Two hyphens can be Punycode or a label that is not allowed.
    plain = (candidates.str.len_bytes() <= LONGEST) & ~candidates.str.contains("--", literal=True)
    correct = plain & candidates.str.contains(_ADDRESS)
    valid = correct & ~candidates.str.contains(_CANNOT_BE_USED)
    changed = (valid & candidates.str.contains(_CHANGED)).arg_true()
    email = candidates.set(~valid, None)
    if len(changed):
        email = email.scatter(changed, _normalised(email.gather(changed)))
    wrong = (~correct).arg_true()
    rest = candidates.gather(wrong)
    dotless = plain.gather(wrong) & rest.str.contains(_DOTLESS) & ~rest.str.to_lowercase().str.ends_with("@test")
    said = pl.select(
        pl.when(dotless).then(pl.lit(NO_PERIOD)).when(rest.str.contains(_WORDS)).then(pl.lit(NO_AT)).alias("problem")
    ).to_series()
    problem = pl.Series([None], dtype=pl.String).new_from_index(0, len(candidates)).scatter(wrong, said)
    return pl.DataFrame({"email": email, "problem": problem, "is_odd": email.is_null() & problem.is_null()})


def _normalised(addresses: pl.Series) -> pl.Series:
    parts = pl.col("whole").str.splitn("@", 2).struct
    local, domain = parts[0], parts[1].str.to_lowercase()
    folded = local.str.to_lowercase()
    mailbox = pl.when(folded.is_in(CASE_INSENSITIVE_MAILBOX_NAMES)).then(folded).otherwise(local)
    return addresses.alias("whole").to_frame().select(pl.concat_str(mailbox, domain, separator="@")).to_series()
