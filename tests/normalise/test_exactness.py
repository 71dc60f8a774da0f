"""What is decided in columns is what the libraries decide, value by value. The whole run is in `benchmarks/`."""

from __future__ import annotations

import odd_values
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.normalise import email_syntax, emails, phone_plans, phones

NUMBERS = {"phone": pl.String, "region": pl.String}


def numbers(values: list[odd_values.Number]) -> pl.DataFrame:
    return pl.DataFrame(values, schema=NUMBERS, orient="row")


def wrong_phones(values: list[odd_values.Number]) -> list[tuple[object, ...]]:
    found = phone_plans.decided(numbers(values))
    assert found["place"].is_unique().all()
    told = [
        (values[place], (e164, country, kind, None, problem)) for place, e164, country, kind, problem in found.rows()
    ]
    return [(*number, *answer) for number, answer in told if answer != phones._parse(number)]


def wrong_emails(values: list[str]) -> list[tuple[object, ...]]:
    found = email_syntax.decided(pl.Series(values, dtype=pl.String))
    told = [(value, answer) for value, (*answer, is_odd) in zip(values, found.rows(), strict=True) if not is_odd]
    return [(value, *answer) for value, answer in told if tuple(answer) != emails._check(value)]


def how_many_decided(values: list[str]) -> int:
    return int((~email_syntax.decided(pl.Series(values, dtype=pl.String))["is_odd"]).sum())


def test_phones_are_what_libphonenumber_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phone_plans, "FEWEST_NUMBERS", 20)
    values = odd_values.phones(30_000, seed=1)

    assert wrong_phones(values) == []
    assert len(phone_plans.decided(numbers(values))) > 12_000


def test_common_phones_are_nearly_all_decided_in_columns() -> None:
    values = odd_values.common_phones(30_000, seed=2)

    assert wrong_phones(values) == []
    assert len(phone_plans.decided(numbers(values))) > 29_000


REGIONS = ["US", "GB", "DE", "IT", "BR", "MX", "AR", "RU", "KZ", "SM", "CI", "HU", "GG", "001", "XX"]


@pytest.mark.parametrize("region", REGIONS)
def test_any_digits_in_a_region_are_what_libphonenumber_says(region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phone_plans, "FEWEST_NUMBERS", 1)

    @settings(max_examples=40)
    @given(st.lists(st.from_regex(r"\A[(]?\+?[0-9]{2,4}[0-9 ().\-/]{3,14}\Z"), min_size=1, max_size=40, unique=True))
    def check(texts: list[str]) -> None:
        assert wrong_phones([(text, where) for text in texts for where in (region, None)]) == []

    check()


def test_emails_are_what_email_validator_says() -> None:
    values = odd_values.emails(20_000, seed=1)

    assert wrong_emails(values) == []
    assert how_many_decided(values) > 4_000


@given(
    st.lists(st.from_regex(r"\A[a-zA-Z0-9.!#$+'_\-]{0,8}@?[a-zA-Z0-9.\-]{0,12}\.?[a-zA-Z0-9\-]{0,6}\Z"), unique=True)
)
def test_any_address_in_ascii_is_what_email_validator_says(texts: list[str]) -> None:
    assert wrong_emails(texts) == []


@given(st.lists(st.text(max_size=20), unique=True))
def test_any_text_is_what_email_validator_says(texts: list[str]) -> None:
    assert wrong_emails(texts) == []


def test_common_emails_are_nearly_all_decided_in_columns() -> None:
    values = odd_values.common_emails(20_000, seed=2)

    assert wrong_emails(values) == []
    assert how_many_decided(values) > 19_800
