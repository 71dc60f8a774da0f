"""E-mail addresses: taken apart, validated as email-validator does, and given a looser key for matching."""

from __future__ import annotations

import polars as pl
from email_validator import EmailNotValidError, validate_email

from transforms.cells import cleaned, position
from transforms.mailsyntax import decided
from transforms.schema import EMAILS, conform

ROLES = frozenset(
    [
        "abuse",
        "accounting",
        "accounts",
        "admin",
        "administrator",
        "admissions",
        "all",
        "anon",
        "billing",
        "bookings",
        "bounce",
        "buero",
        "careers",
        "commerciale",
        "commande",
        "comercial",
        "compliance",
        "contact",
        "contacto",
        "contato",
        "contactus",
        "custserv",
        "customerservice",
        "director",
        "dns",
        "domains",
        "einkauf",
        "enquiries",
        "events",
        "everyone",
        "facturation",
        "feedback",
        "finance",
        "ftp",
        "guest",
        "hallo",
        "hello",
        "help",
        "helpdesk",
        "hostmaster",
        "hr",
        "info",
        "inquiries",
        "investorrelations",
        "invoice",
        "invoices",
        "it",
        "jobs",
        "kontakt",
        "legal",
        "list",
        "mail",
        "mailbox",
        "mailerdaemon",
        "manager",
        "marketing",
        "media",
        "news",
        "newsletter",
        "nobody",
        "noc",
        "noreply",
        "notifications",
        "office",
        "operations",
        "ops",
        "order",
        "orders",
        "owner",
        "post",
        "postmaster",
        "press",
        "privacy",
        "purchasing",
        "rechnung",
        "reception",
        "registrar",
        "remove",
        "request",
        "reservations",
        "root",
        "sales",
        "secretariat",
        "secretary",
        "security",
        "segreteria",
        "service",
        "shop",
        "spam",
        "staff",
        "studio",
        "subscribe",
        "support",
        "sysadmin",
        "team",
        "tech",
        "unsubscribe",
        "ventas",
        "vendas",
        "vertrieb",
        "verwaltung",
        "web",
        "webadmin",
        "webmaster",
        "welcome",
    ]
)
"""Local parts of mailboxes that belong to a task and not to a person, as senders publish them."""

PLACEHOLDER = r"(?i)^(none|no|na|test|noemail|no-?email|nomail|x+|asdf|unknown)@"
_SEPARATORS = r"\s*(?: ::: |[;,|\n]|\s/\s)\s*"
_SIMPLE = r"^[A-Za-z0-9][A-Za-z0-9._+\-]*@[A-Za-z0-9.\-]*[A-Za-z0-9]$"
"""A cell that is one bare address, or nearly."""


def emails(cells: pl.DataFrame) -> pl.DataFrame:
    """The e-mail addresses of records, one row each.

    Args:
        cells: `record`, `position`, `value`, `tag`: the cells as given; one may hold several addresses.

    Returns:
        `EMAILS`: `email` with its domain in lower-case ASCII or null beside the `problem`, and `match_key`, in which
        case, plus tags and Gmail's dots make no difference. No address twice in a record.
    """
    given = cells.select("record", "position", "tag", given=cleaned(pl.col("value"))).drop_nulls("given")
    simple = pl.col("given").str.contains(_SIMPLE)
    split = pl.concat([given.filter(simple).with_columns(candidate="given"), _candidates(given.filter(~simple))]).sort(
        "record", "position", maintain_order=True
    )
    checked = _validated(split["candidate"].unique())
    local = pl.col("email").str.extract(r"^(.*)@").str.to_lowercase()
    domain = pl.col("email").str.extract(r"@([^@]*)$").str.replace("^googlemail\\.com$", "gmail.com")
    plain = local.str.replace(r"\+.*$", "")
    key = pl.when(domain == "gmail.com").then(plain.str.replace_all(r"\.", "")).otherwise(plain)
    frame = (
        split.join(checked, on="candidate", how="left", maintain_order="left")
        .with_columns(
            match_key=pl.concat_str(key, domain, separator="@"),
            role=local.str.replace_all(r"[^a-z]", "").is_in(list(ROLES)).fill_null(value=False),
        )
        .with_columns(identity=pl.coalesce(pl.col("email").str.to_lowercase(), "candidate"))
        .unique(["record", "identity"], keep="first", maintain_order=True)
        .with_columns(position=position())
    )
    return conform(frame, EMAILS)


def _candidates(given: pl.DataFrame) -> pl.DataFrame:
    """What may be an address in cells that hold several, or more than the bare one."""
    bare = pl.col("given").str.extract(r"<([^<>]+@[^<>]+)>").fill_null(pl.col("given"))
    return (
        given.with_columns(given=pl.col("given").str.replace_all(_SEPARATORS, ";").str.split(";"))
        .explode("given")
        .with_columns(
            candidate=bare.str.replace(r"(?i)^mailto:", "")
            .str.replace(r"(?i)\s*(\(at\)|\[at\])\s*", "@")
            .str.replace_all(r"^[\s'\"<]+|[\s'\">.,;]+$", "")
            .str.replace_all(r"\s*@\s*", "@")
        )
        .filter(~pl.col("candidate").is_in(["", "0", "1"]))  # CRMs put flags between addresses
    )


def _validated(candidates: pl.Series) -> pl.DataFrame:
    """`candidate`, `email`, `problem` for distinct values: what email-validator accepts, and why not otherwise.

    Common addresses are decided in columns; the library is asked about the others.
    """
    placeholder = candidates.str.contains(PLACEHOLDER)
    named = pl.DataFrame({"candidate": candidates.filter(placeholder)}).select(
        "candidate", email=pl.lit(None, dtype=pl.String), problem=pl.lit("a placeholder, not an address")
    )
    known, odd = decided(candidates.filter(~placeholder))
    rows = [(candidate, *_check(candidate)) for candidate in odd]
    return pl.concat([named, known, pl.DataFrame(rows, schema=known.schema, orient="row")])


def _check(candidate: str) -> tuple[str | None, str | None]:
    """An address as email-validator normalises it, or what is wrong with it."""
    try:
        checked = validate_email(candidate, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        return None, str(error)
    return f"{checked.local_part}@{checked.ascii_domain or checked.domain}", None
