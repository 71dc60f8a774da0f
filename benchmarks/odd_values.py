"""Seeded phones and e-mails as people write them: right, nearly right, decorated in every way, and rubbish."""

from __future__ import annotations

import random

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, SUPPORTED_REGIONS, PhoneMetadata, PhoneNumberType

Number = tuple[str, str | None]
REGIONS = sorted(SUPPORTED_REGIONS)
_SEPARATORS = ("", "", "", " ", "-", ".", " (", "/", ") ", "  ", "\u00a0", "–")
_ENDINGS = ("", "", "", "", " x12", " ext. 4", ";ext=9", "#7", " (office)", "e", " or none")
_DOMAINS = (
    "com", "org", "example", "test", "de", "co.uk", "c", "1", "com1", "local", "localhost", "arpa", "onion", "invalid",
    "xn--p1ai", "EXAMPLE", "рф",
)  # fmt: skip
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_MARKS = [*"ABCÄéß.-_+'!#$%&*/=?^`{|}~ @\"()<>[],;:\\\t", "\u200b", "\u00a0", "日", "＠", "..", "--", "xn--"]


def phones(count: int, seed: int) -> list[Number]:
    """Distinct numbers with the region they are read in: every region, every kind, every way of writing."""
    choose = random.Random(seed)
    known = {region: _examples(region) for region in REGIONS}
    found: dict[Number, None] = {}
    while len(found) < count:
        region = choose.choice(REGIONS)
        code, national = choose.choice(known[region])
        text = _dialled(choose, region, code, _altered(choose, national))
        if choose.random() < 0.5:
            text = _decorated(choose, text)
        read_in = region if choose.random() < 0.8 else choose.choice([None, *REGIONS])
        found[text, read_in] = None
    return list(found)


def odd_phones(count: int, seed: int) -> list[Number]:
    """Distinct numbers of a contact list, each of them odd: an extension, too many or too few digits, blanks."""
    choose = random.Random(seed)
    found: dict[Number, None] = {}
    while len(found) < count:
        for text, region in common_phones(min(count, 100_000), choose.randrange(1 << 30)):
            kind = choose.randrange(4)
            if kind == 0:
                odd = f"{text}{choose.choice(('x', ' x', ' ext. ', ' ext ', '#'))}{choose.randrange(1, 99_999)}"
            elif kind == 1:
                odd = f"{text}{choose.randrange(10, 9_999)}"
            elif kind == 2:
                odd = text[: -choose.randint(1, 4)].rstrip(" -(")
            else:
                odd = " ".join(text.replace(" ", ""))
            found[odd, region] = None
    return list(found)[:count]


def odd_emails(count: int, seed: int) -> list[str]:
    """Distinct e-mails of a contact list, each of them odd: no at-sign, no point in its domain, or that in capitals."""
    choose = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        for text in common_emails(min(count, 100_000), choose.randrange(1 << 30)):
            local, _, domain = text.partition("@")
            odd = choose.choice(
                (f"{local}{domain}", f"{local}@{domain.partition('.')[0]}", f"{local}@{domain.upper()}")
            )
            found[odd] = None
    return list(found)[:count]


def common_phones(count: int, seed: int) -> list[Number]:
    """Distinct numbers of a contact list: some twenty countries, mostly valid, written in the common ways."""
    choose = random.Random(seed)
    weights = {
        "US": 30, "GB": 12, "DE": 12, "FR": 6, "CA": 5, "AU": 4, "IT": 4, "ES": 4, "NL": 3, "IL": 3, "BR": 3, "IN": 3,
        "MX": 2, "PL": 2, "SE": 2, "CH": 2, "AT": 1, "JP": 1, "ZA": 1,
    }  # fmt: skip
    known = {region: _examples(region)[:2] for region in weights}
    found: dict[Number, None] = {}
    while len(found) < count:
        region = choose.choices(list(weights), list(weights.values()))[0]
        code, national = choose.choice(known[region])
        keep = len(national) - 6 if len(national) > 8 else 2
        number = national[:keep] + "".join(choose.choice("0123456789") for _ in national[keep:])
        metadata = PhoneMetadata.metadata_for_region(region, None)
        prefix = "" if code == "1" or metadata is None else metadata.national_prefix or ""
        form = choose.randrange(5)
        text = f"+{code}{number}" if form < 2 else f"{prefix}{number}"
        if form in (1, 3):
            text = f"{text[:-6]} {text[-6:-3]} {text[-3:]}"
        elif form == 4:
            text = f"({text[:-6]}) {text[-6:-3]}-{text[-3:]}"
        found[text, region] = None
    return list(found)


def emails(count: int, seed: int) -> list[str]:
    """Distinct addresses: valid, nearly valid, international, quoted, rubbish."""
    choose = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        found[_email(choose)] = None
    return list(found)


def common_emails(count: int, seed: int) -> list[str]:
    """Distinct addresses of a contact list: nearly all valid, on some ten thousand domains."""
    choose = random.Random(seed)
    domains = [f"{_word(choose, 12)}.{choose.choice(('example', 'test'))}" for _ in range(10_000)]
    found: dict[str, None] = {}
    while len(found) < count:
        local = f"{_word(choose, 7)}{choose.choice('._-')}{_word(choose, 9)}"
        address = f"{local}@{choose.choice(domains)}"
        found[address if choose.random() < 0.995 else address.replace("@", choose.choice((" ", "@@", "@ü.")))] = None
    return list(found)


def _examples(region: str) -> list[tuple[str, str]]:
    kinds = (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, *range(2, 11))
    numbers = [phonenumbers.example_number_for_type(region, kind) for kind in kinds]
    return [(str(one.country_code), phonenumbers.national_significant_number(one)) for one in numbers if one] or [
        ("1", "2125550147")
    ]


def _altered(choose: random.Random, national: str) -> str:
    digits = list(national)
    for _ in range(choose.choice((0, 1, 2, 4, 6))):
        digits[choose.randrange(len(digits))] = choose.choice("0123456789")
    if choose.random() < 0.12:
        digits.insert(choose.randrange(len(digits)), choose.choice("0123456789"))
    if choose.random() < 0.12 and len(digits) > 3:
        digits.pop(choose.randrange(len(digits)))
    return "".join(digits)


def _dialled(choose: random.Random, region: str, code: str, national: str) -> str:
    metadata = PhoneMetadata.metadata_for_region(region, None)
    prefix = (metadata and metadata.national_prefix) or "0"
    other = choose.choice(sorted(COUNTRY_CODE_TO_REGION_CODE))
    return choose.choice(
        [
            f"+{code}{national}",
            f"00{code}{national}",
            f"011{code}{national}",
            f"{code}{national}",
            f"{prefix}{national}",
            f"({national[:3]}) {national[3:]}",
            f"+{other}{national}",
            "".join(choose.choice("0123456789") for _ in range(choose.randint(2, 20))),
            national,
            national,
        ]
    )


def _decorated(choose: random.Random, text: str) -> str:
    spread = text[:1] + "".join(
        (choose.choice(_SEPARATORS) if choose.random() < 0.2 else "") + character for character in text[1:]
    )
    return choose.choice(("", "", "", "(", "+", "tel ")) + spread + choose.choice(_ENDINGS)


def _word(choose: random.Random, longest: int) -> str:
    return "".join(choose.choice(_LETTERS) for _ in range(choose.randint(1, longest)))


def _email(choose: random.Random) -> str:
    local = _word(choose, 8)
    if choose.random() < 0.4:
        local += choose.choice((".", " ", "-", "_", "+", "..", "'", "/")) + _word(choose, 6)
    if choose.random() < 0.1:
        local = choose.choice(("INFO", "Sales", "www", "Postmaster", '"quoted"', '"a b"'))
    if choose.random() < 0.02:
        local *= choose.randint(20, 60)
    domain = ".".join(_word(choose, 10) for _ in range(choose.choice((1, 1, 1, 2, 3))))
    domain += choose.choice((".", ".", ".", ".", "..", "")) + choose.choice(_DOMAINS)
    chance = choose.random()
    if chance < 0.05:
        domain = f"{domain[:2]}--{domain[2:]}"
    elif chance < 0.1:
        domain = f"{_word(choose, 3)}-.{domain}"
    elif chance < 0.13:
        domain = f"{'x' * choose.randint(60, 66)}.{domain}"
    elif chance < 0.15:
        domain = "".join(f"{_word(choose, 40)}." for _ in range(choose.randint(5, 12))) + "com"
    elif chance < 0.25:
        domain = domain.upper()
    text = f"{local}@{domain}" if choose.random() < 0.95 else local + domain
    for _ in range(choose.choice((0, 0, 0, 1, 2))):
        at = choose.randrange(len(text) + 1)
        text = text[:at] + choose.choice(_MARKS) + text[at:]
    return text
