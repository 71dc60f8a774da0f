"""Contacts as files for people and other programs: CSV, Parquet, vCard."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl
import vobject

from connectors.contacts import Contact
from connectors.exports.cards import FIELD
from connectors.exports.guards import write_csv
from connectors.exports.layout import CUSTOM
from transforms.schema.contact import Address, Email, Info, Phone, cell_of
from transforms.schema.errors import UsageError

_TYPES = {"MOBILE": "CELL", "UNTAGGED": ""}


def write_contacts(contacts: Sequence[Contact], path: Path, suffix: str) -> None:
    """Writes contacts, with labels and custom fields by name, in the format of a suffix.

    `.csv` is a table that spreadsheets open, `.parquet` the same table, and `.vcf` vCard 3.0. Each is read again as the
    same contacts.

    Args:
        contacts: the contacts.
        path: the file.
        suffix: `.csv`, `.parquet` or `.vcf`.
    """
    if suffix == ".csv":
        write_csv(_table(contacts), path)
    elif suffix == ".parquet":
        _table(contacts).write_parquet(path)
    else:
        with path.open("w", encoding="utf-8", newline="") as cards:
            cards.writelines(_card(contact) for contact in contacts)


def check_suffix(path: Path) -> None:
    """Whether contacts can be written to a file of this name.

    Raises:
        UsageError: they cannot.
    """
    if path.suffix not in (".csv", ".parquet", ".vcf"):
        raise UsageError(f"{path.name}: contacts are written as .csv, .parquet or .vcf.")
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder {path.parent}.")


def _table(contacts: Sequence[Contact]) -> pl.DataFrame:
    """One row a contact; as many columns of e-mails, phones and addresses as one of them has."""
    rows = [_row(contact) for contact in contacts]
    names = dict.fromkeys(name for row in rows for name in sorted(row, key=_place))
    columns = sorted(names, key=_place)
    schema = pl.Schema(dict.fromkeys(columns or ["Contact ID"], pl.String))
    return pl.DataFrame([{name: row.get(name) for name in columns} for row in rows], schema=schema)


_ORDER = ("Contact ID", "First Name", "Last Name", "Email", "Phone", "Company", "Job Title", "Birthdate", "Labels",
          "Address", "Locale", "Email Status", "Email Deliverability", "Member", "Revision", "Created",
          "Updated", "Picture", "Locations", "Assigned Users")  # fmt: skip


def _place(column: str) -> tuple[int, int, int]:
    """Sort key of a column: known ones in their order, numbered ones by number, custom fields behind."""
    if column in _ORDER:
        return (_ORDER.index(column), 0, 0)
    head, _, rest = column.partition(" ")
    number, _, part = rest.partition(" - ")
    if head in _ORDER and number.isdigit():
        parts = ("", "Label", "Country", "Street", "Street 2", "City", "Region", "Postal Code")
        return (_ORDER.index(head), int(number), parts.index(part) if head != "Address" or part != "Country" else 9)
    return (len(_ORDER), 0, 0)


def _row(contact: Contact) -> dict[str, str | None]:
    info = contact.info
    row: dict[str, str | None] = {
        "Contact ID": contact.id,
        "First Name": info.first,
        "Last Name": info.last,
        "Company": info.company,
        "Job Title": info.job_title,
        "Birthdate": info.birthdate,
        "Labels": cell_of(info.labels),
        "Locale": info.locale,
        "Email Status": contact.subscription,
        "Email Deliverability": contact.deliverability,
        "Member": "yes" if contact.is_member else "no",
        "Revision": str(contact.revision),
        "Created": contact.created.strftime("%Y-%m-%d %H:%M:%S"),
        "Updated": contact.updated.strftime("%Y-%m-%d %H:%M:%S"),
    }
    for at, email in enumerate(_first_primary(info.emails), start=1):
        row |= {f"Email {at}": email.email, f"Email {at} - Label": email.tag}
    for at, phone in enumerate(_first_primary(info.phones), start=1):
        row |= {
            f"Phone {at}": phone.written,
            f"Phone {at} - Label": phone.tag,
            f"Phone {at} - Country": phone.country_code,
        }
    for at, address in enumerate(info.addresses, start=1):
        row |= {
            f"Address {at} - Label": address.tag,
            f"Address {at} - Street": _street(address),
            f"Address {at} - Street 2": address.line2,
            f"Address {at} - City": address.city,
            f"Address {at} - Region": address.subdivision,
            f"Address {at} - Postal Code": address.postal_code,
            f"Address {at} - Country": address.country,
        }
    row |= {f"{CUSTOM}{name}": str(value) for name, value in info.extended.items()}
    row |= {"Picture": str((info.picture or {}).get("url") or "") or None, "Locations": cell_of(info.locations)}
    return row | {"Assigned Users": cell_of(info.assigned_users)}


def _first_primary(items: Sequence[Email] | Sequence[Phone]) -> list:  # type: ignore[type-arg] # of what was given
    return sorted(items, key=lambda item: not item.primary)


def _street(address: Address) -> str | None:
    return address.line or " ".join(filter(None, (address.street_number, address.street_name))) or None


def _card(contact: Contact) -> str:
    """A contact as vCard 3.0."""
    info = contact.info
    card = vobject.vCard()
    card.add("uid").value = contact.id
    card.add("n").value = vobject.vcard.Name(family=info.last or "", given=info.first or "")
    card.add("fn").value = _shown_name(info)
    for email in info.emails:
        _typed(card.add("email"), email.email, email.tag, email.primary)
    for phone in info.phones:
        _typed(card.add("tel"), phone.written.replace(" ext. ", ";ext="), phone.tag, phone.primary)
    for address in info.addresses:
        place = vobject.vcard.Address(
            street=_street(address) or "",
            extended=address.line2 or "",
            city=address.city or "",
            region=address.subdivision or "",
            code=address.postal_code or "",
            country=address.country or "",
        )
        _typed(card.add("adr"), place, address.tag, primary=False)
    for name, value in (("title", info.job_title), ("bday", info.birthdate)):
        if value:
            card.add(name).value = value
    if info.company:
        card.add("org").value = [info.company]
    if info.locale:
        card.add("lang").value = info.locale
    if info.labels:
        card.add("categories").value = list(info.labels)
    for at, (name, custom) in enumerate(info.extended.items(), start=1):
        for kind, said in ((FIELD, str(custom)), ("X-ABLabel", name)):
            line = card.add(kind.lower())
            line.group, line.value = f"item{at}", said
    card.add("rev").value = contact.updated.strftime("%Y-%m-%dT%H:%M:%SZ")
    text: str = card.serialize()
    return text


def _typed(line: vobject.base.ContentLine, value: object, tag: str, primary: bool) -> None:
    line.value = value
    kinds: Iterable[str] = (_TYPES.get(tag, tag), "PREF" if primary else "")
    if named_kinds := [fromkey for fromkey in dict.fromkeys(kinds) if fromkey]:
        line.params["TYPE"] = named_kinds


def _shown_name(info: Info) -> str:
    name = " ".join(filter(None, (info.first, info.last)))
    reached = [*(email.email for email in info.emails), *(phone.phone for phone in info.phones)]
    return name or info.company or next(iter(reached), "")
