"""Contents of contacts in columns: from what export rows say to the JSON text that `Info` writes, and back to rows."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from transforms.columns.parallel import in_pieces
from transforms.normalise.records import ROWS_A_PIECE
from transforms.plan.survivorship import IN_WORDS, MAX_ITEMS, SINGLE
from transforms.schema.contact import EXTENSION, PARTING, Address
from transforms.schema.records import Records
from transforms.schema.tables import ADDRESS_CELL, EMAIL_CELL, PHONE_CELL

_EMAIL_TAGS = ["MAIN", "HOME", "WORK"]
_PHONE_TAGS = [*_EMAIL_TAGS, "MOBILE", "FAX"]
_ADDRESS_TAGS = ["HOME", "WORK", "BILLING", "SHIPPING"]
_PLACES = {
    "line": "street", "line2": "street2", "city": "city", "subdivision": "region", "postal_code": "postal_code",
    "country": "country",
}  # fmt: skip
"""The parts of an address as a contact names them, with the columns they come from."""
EMPTY = "it was empty"
ADDED = "added at the end"


CONTENT = pl.Struct(
    {
        **dict.fromkeys(SINGLE, pl.String),
        "emails": pl.List(pl.Struct({"email": pl.String, "tag": pl.String, "primary": pl.Boolean})),
        "phones": pl.List(
            pl.Struct({**dict.fromkeys(("phone", "tag", "country_code", "e164"), pl.String), "primary": pl.Boolean})
        ),
        "addresses": pl.List(pl.Struct(dict.fromkeys(Address.model_fields, pl.String))),
        "labels": pl.List(pl.String),
    }
)
"""A content as columns, without custom fields, the picture and locations."""


def _written(e164: pl.Expr, phone: pl.Expr) -> pl.Expr:
    """Numbers as `Phone.written` has them."""
    return pl.coalesce(pl.concat_str(e164, phone.str.extract(EXTENSION, 1), separator=" ext. "), e164, phone)


def content_rows(infos: pl.DataFrame) -> pl.DataFrame:
    """Contents of contacts in the columns of `ROWS`.

    Args:
        infos: `contact_id`, `info` (JSON).

    Returns:
        `contact_id`, the single fields, `emails`, `phones`, `addresses`, `labels`.
    """
    decoded = infos.select("contact_id", content=pl.col("info").str.json_decode(CONTENT)).unnest("content")
    item = pl.element().struct
    tag = item["tag"].fill_null("UNTAGGED")
    split_street = pl.concat_str(item["street_number"], item["street_name"], separator=" ", ignore_nulls=True)
    street = pl.coalesce(pl.when(item["line"] != "").then(item["line"]), pl.when(split_street != "").then(split_street))
    return decoded.select(
        "contact_id",
        *SINGLE,
        emails=pl.col("emails").list.eval(pl.struct(value=item["email"], tag=tag)).cast(pl.List(EMAIL_CELL)),
        phones=pl.col("phones")
        .list.eval(pl.struct(value=_written(item["e164"], item["phone"]), tag=tag, country=item["country_code"]))
        .cast(pl.List(PHONE_CELL)),
        addresses=pl.col("addresses")
        .list.eval(
            pl.struct(
                tag=tag,
                street=street,
                street2=item["line2"],
                city=item["city"],
                region=item["subdivision"],
                postal_code=item["postal_code"],
                country=item["country"],
            )
        )
        .cast(pl.List(ADDRESS_CELL)),
        labels=pl.col("labels").list.eval(
            pl.when(pl.element().str.contains(PARTING))
            .then(pl.format("[{}]", _json(pl.element())))
            .otherwise(pl.element())
        ),
    )


def contents(tables: Records, *, opt_out_label: str) -> pl.DataFrame:
    """Content of every export row, in the order of `record`.

    Args:
        tables: the records.
        opt_out_label: the label of rows that carry an opt-out; empty for none.

    Returns:
        `record`; each field of a contact as JSON text, null where it is empty (`first` … `locale`, `emails`, `phones`,
        `addresses`, `extended`), e-mails and phones also with the first one marked as primary (`emails_primary`,
        `phones_primary`); `labels` as a list; `changes`: what creating a contact of this row alone puts on it, in
        words; `is_plain`: whether folding it into an empty contact leaves all of it as it stands here.
    """
    rows = tables.records.filter(pl.col("contact_id").is_null())

    def work(part: pl.DataFrame) -> pl.DataFrame:
        lowest, highest = part["record"].min(), part["record"].max()
        near = {
            name: getattr(tables, name).filter(pl.col("record").is_between(lowest, highest))
            for name in ("emails", "phones", "addresses", "labels", "extras")
        }
        return _contents(part, replace(tables, **near), opt_out_label)

    return pl.concat(in_pieces(work, rows, most=ROWS_A_PIECE))


def single_fields(rows: pl.DataFrame) -> pl.DataFrame:
    """The single fields of export rows as a contact has them: `record`, `first` … `locale`."""
    return rows.select(
        "record",
        first=pl.coalesce("first", "nickname"),
        last=_with_suffix(pl.col("last"), pl.col("suffix")),
        company="company",
        job_title="job_title",
        birthdate=pl.col("birthdate").dt.to_string("iso"),
        locale="locale",
    )


def placed_addresses(addresses: pl.DataFrame) -> pl.DataFrame:
    """The addresses that a contact has a place for, without regions that the site does not know."""
    placed = addresses.with_columns(region=pl.when(_is_region()).then("region"))
    return placed.filter(
        pl.any_horizontal(pl.col(part).str.contains(r"\S").fill_null(value=False) for part in _PLACES.values())
    )


def _contents(rows: pl.DataFrame, tables: Records, opt_out_label: str) -> pl.DataFrame:
    """As `contents`, for some rows, with what belongs to them."""
    names = single_fields(rows).with_columns(
        rows.select("record_id", opted_out=pl.col("opted_out").fill_null(value=False))
    )
    record_ids = names.select("record", "record_id")
    several = [
        _emails(tables.emails, record_ids), _phones(tables.phones, record_ids),
        _addresses(tables.addresses, record_ids), _extended(tables.extras, record_ids),
    ]  # fmt: skip
    labels = tables.labels.group_by("record", maintain_order=True).agg(
        labels=pl.col("label").unique(maintain_order=True)
    )
    frame = names
    for column in (*several, labels):
        frame = frame.join(column, on="record", how="left", maintain_order="left")
    label = pl.when("opted_out").then(pl.lit([opt_out_label] if opt_out_label else [], dtype=pl.List(pl.String)))
    frame = frame.with_columns(
        labels=pl.concat_list(pl.col("labels").fill_null([]), label.fill_null([])).list.unique(maintain_order=True),
        changes=pl.concat_list(
            *(
                pl.format("{}: {} from {}, {}", pl.lit(IN_WORDS.get(name, name)), name, "record_id", pl.lit(EMPTY))
                for name in SINGLE
            ),
            *(pl.col(f"changes_{name}").fill_null([]) for name in ("emails", "phones", "addresses", "extended")),
        ).list.drop_nulls(),
        is_plain=pl.all_horizontal(
            pl.col(f"is_plain_{name}").fill_null(value=True) for name in ("emails", "phones", "addresses", "extended")
        ),
    )
    return frame.select(
        "record",
        *(_json(pl.col(name)).alias(name) for name in SINGLE),
        "emails", "emails_primary", "phones", "phones_primary", "addresses", "extended",
        "labels", "changes", "is_plain",
    )  # fmt: skip


def info_json(labels: pl.Expr, *, primary: bool) -> pl.Expr:
    """The content as `Info.to_json` writes it, from the columns of `contents`.

    Args:
        labels: the labels, as a list.
        primary: whether the first e-mail and phone are marked as primary, as on a contact.
    """
    marked = "_primary" if primary else ""
    parts = {
        "first": pl.col("first"),
        "last": pl.col("last"),
        "emails": pl.col(f"emails{marked}"),
        "phones": pl.col(f"phones{marked}"),
        **{name: pl.col(name) for name in ("addresses", "company", "job_title", "birthdate", "locale")},
        "labels": pl.when(labels.list.len() > 0).then(
            pl.format("[{}]", labels.list.eval(_json(pl.element())).list.join(","))
        ),
        "extended": pl.col("extended"),
    }
    pairs = [pl.format(f'"{name}":{{}}', value) for name, value in parts.items()]
    return pl.concat_str(pl.lit("{"), pl.concat_str(pairs, separator=",", ignore_nulls=True), pl.lit("}"))


def unplaced(tables: Records) -> pl.DataFrame:
    """Values of export rows that a contact has no place for: `record`, `field`, `value`, `reason`."""
    rows = tables.records.filter(pl.col("contact_id").is_null())
    regions = tables.addresses.filter(pl.col("region").is_not_null() & (pl.col("region") != "") & ~_is_region())
    birthdays = rows.filter(pl.col("birthdate").is_null() & (pl.col("birthday").fill_null("") != ""))
    nicknames = rows.filter(pl.col("nickname").is_not_null() & pl.col("first").is_not_null())
    kinds = [
        tables.emails.drop_nulls("problem").select("record", field=pl.lit("e-mail"), value="given", reason="problem"),
        tables.phones.drop_nulls("problem").select("record", field=pl.lit("phone"), value="given", reason="problem"),
        tables.extras.filter(~pl.col("kept")).select(
            "record", field="name", value="value", reason=pl.col("why").fill_null("the column is not imported")
        ),
        birthdays.select(
            "record",
            field=pl.lit("birth date"),
            value="birthday",
            reason=pl.lit("the site takes no birthday without a year"),
        ),
        nicknames.select(
            "record", field=pl.lit("nickname"), value="nickname", reason=pl.lit("the site has no place for it")
        ),
        regions.select("record", field=pl.lit("region"), value="region", reason=pl.lit("not a region the site knows")),
    ]
    every = pl.concat(kind.with_columns(order=pl.lit(at)) for at, kind in enumerate(kinds))
    every = every.join(rows.select("record"), on="record", how="semi")
    return every.sort("record", "order", maintain_order=True).drop("order")


def _json(text: pl.Expr) -> pl.Expr:
    """A text as a JSON string; null stays null."""
    encoded = pl.struct(text.alias("_")).struct.json_encode().str.slice(5).str.head(-1)
    return pl.when(text.is_not_null()).then(encoded)


def _tagged(known: list[str]) -> pl.Expr:
    """`,"tag":"WORK"` for what an export calls so (`* Work`), null for what the site has no tag for."""
    tag = pl.col("tag").str.strip_chars("* ").str.to_uppercase()
    return pl.when(tag.is_in(known)).then(pl.format(',"tag":"{}"', tag))


def _together(items: pl.DataFrame, name: str) -> pl.DataFrame:
    """Items (`record`, `item`, `change`, `is_plain`) as one list a record."""
    return items.group_by("record", maintain_order=True).agg(
        pl.format("[{}]", pl.col("item").str.join(",")).alias(name),
        pl.col("change").alias(f"changes_{name}"),
        (pl.col("is_plain").all() & (pl.len() <= MAX_ITEMS)).alias(f"is_plain_{name}"),
    )


def _with_primary(items: pl.DataFrame, name: str) -> pl.DataFrame:
    """As `_together`, and the same with the first item marked as primary; items have no closing bracket yet."""
    first = pl.col("record").ne_missing(pl.col("record").shift(1))
    marked = items.with_columns(
        item=pl.col("item") + pl.when(first).then(pl.lit(',"primary":true}')).otherwise(pl.lit("}"))
    )
    plain = _together(items.with_columns(item=pl.col("item") + "}"), name)
    primary = _together(marked, name).select("record", pl.col(name).alias(f"{name}_primary"))
    return plain.join(primary, on="record", how="left", maintain_order="left")


def _added(word: str, value: pl.Expr) -> pl.Expr:
    return pl.format("{}: {} from {}, {}", pl.lit(word), value, "record_id", pl.lit(ADDED))


def _emails(emails: pl.DataFrame, record_ids: pl.DataFrame) -> pl.DataFrame:
    usable = emails.drop_nulls("email").join(record_ids, on="record", maintain_order="left")
    items = usable.select(
        "record",
        item=pl.concat_str(pl.lit('{"email":'), _json(pl.col("email")), _tagged(_EMAIL_TAGS), ignore_nulls=True),
        change=_added("e-mail", pl.col("email")),
        is_plain=pl.lit(value=True),
    )
    return _with_primary(items, "emails")


def _phones(phones: pl.DataFrame, record_ids: pl.DataFrame) -> pl.DataFrame:
    usable = phones.drop_nulls("phone").join(record_ids, on="record", maintain_order="left")
    items = usable.select(
        "record",
        item=pl.concat_str(
            pl.lit('{"phone":'),
            _json(pl.col("phone")),
            _tagged(_PHONE_TAGS),
            pl.format(',"country_code":{}', _json(pl.col("country"))),
            pl.format(',"e164":{}', _json(pl.col("e164"))),
            ignore_nulls=True,
        ),
        change=_added("phone", pl.col("phone")),
        # Of two numbers one of which lacks its country, one may be the other.
        is_plain=(pl.len().over("record") == 1) | pl.col("e164").is_not_null(),
    )
    return _with_primary(items, "phones")


def _is_region() -> pl.Expr:
    """Whether the region of an address is one of its country, as the site knows them (`US-NY`)."""
    return (pl.col("country").fill_null("") != "") & pl.col("region").str.starts_with(
        pl.format("{}-", pl.col("country").fill_null(""))
    )


def _addresses(addresses: pl.DataFrame, record_ids: pl.DataFrame) -> pl.DataFrame:
    usable = placed_addresses(addresses).join(record_ids, on="record", maintain_order="left")
    parts = {name: pl.col(column) for name, column in _PLACES.items()}
    shown = [
        pl.when(parts[name] != "").then(parts[name])
        for name in ("line", "line2", "postal_code", "city", "subdivision", "country")
    ]
    tag = pl.col("tag").str.strip_chars("* ").str.to_uppercase()
    texts = [
        pl.when(tag.is_in(_ADDRESS_TAGS)).then(pl.format('"tag":"{}"', tag)),
        *(pl.format(f'"{name}":{{}}', _json(part)) for name, part in parts.items()),
    ]
    items = usable.select(
        "record",
        item=pl.concat_str(pl.lit("{"), pl.concat_str(texts, separator=",", ignore_nulls=True), pl.lit("}")),
        change=_added("address", pl.concat_str(shown, separator=", ", ignore_nulls=True)),
        is_plain=pl.len().over("record") == 1,
    )
    return _together(items, "addresses")


def _extended(extras: pl.DataFrame, record_ids: pl.DataFrame) -> pl.DataFrame:
    kept = extras.filter("kept").join(record_ids, on="record", maintain_order="left")
    items = kept.select(
        "record",
        item=pl.format("{}:{}", _json(pl.col("name")), _json(pl.col("value"))),
        change=pl.format("{}: {} from {}, {}", "name", "value", "record_id", pl.lit(EMPTY)),
        is_plain=pl.struct("record", "name").is_unique(),
    )
    fields = _together(items, "extended")
    inner = pl.col("extended").str.slice(1).str.head(-1)
    return fields.with_columns(extended=pl.concat_str(pl.lit("{"), inner, pl.lit("}")))


def _with_suffix(last: pl.Expr, suffix: pl.Expr) -> pl.Expr:
    """The last name with its suffix behind it, where that stands in a column of its own."""
    plain = [name.str.to_lowercase().str.strip_chars_end(".") for name in (last, suffix)]
    is_there = (suffix.fill_null("") == "") | plain[0].str.ends_with(plain[1]).fill_null(value=False)
    return pl.when((last.fill_null("") == "") | is_there).then(last).otherwise(pl.format("{} {}", last, suffix))
