from decimal import Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storefront_money import (
    AllocationError,
    Currency,
    CurrencyMismatchError,
    Money,
    MoneyFormatError,
    total,
)

# The same examples in every run, and no time limit per example: a slow machine is no bug.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

amounts = st.builds(Money, st.integers(min_value=-(10**14), max_value=10**14), st.sampled_from(Currency))
weights = st.lists(st.integers(min_value=0, max_value=10**6), min_size=1, max_size=20).filter(any)


def eur(amount: str) -> Money:
    return Money.of(amount, Currency.EUR)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("12.50", Currency.EUR, 1250),
        ("12.5", Currency.EUR, 1250),
        ("12.500", Currency.EUR, 1250),
        (Decimal("-0.01"), Currency.EUR, -1),
        (7, Currency.EUR, 700),
        ("700", Currency.JPY, 700),
        ("0.125", Currency.KWD, 125),
        ("999999999999999.99", Currency.EUR, 10**17 - 1),
    ],
)
def test_of_counts_minor_units(amount: str | int | Decimal, currency: Currency, minor: int) -> None:
    assert Money.of(amount, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("amount", "reason"),
    [
        ("twelve", "no decimal number"),
        ("NaN", "not below"),
        ("Infinity", "not below"),
        ("1e15", "not below"),
        ("12.505", "finer than the currency"),
        ("1e-999999", "finer than the currency"),
    ],
)
def test_of_refuses_what_is_no_amount(amount: str, reason: str) -> None:
    with pytest.raises(MoneyFormatError, match=reason):
        eur(amount)


def test_the_callers_decimal_context_changes_nothing() -> None:
    with localcontext(prec=2):
        money = eur("12345.67")

        assert money.minor == 1234567
        assert money.amount == Decimal("12345.67")


@pytest.mark.parametrize(
    ("text", "money"),
    [
        ("1,234.50 EUR", Money(123450, Currency.EUR)),
        ("1234.5 EUR", Money(123450, Currency.EUR)),
        ("-5 JPY", Money(-5, Currency.JPY)),
    ],
)
def test_parse_reads_amount_and_currency(text: str, money: Money) -> None:
    assert Money.parse(text) == money


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no amount"),
        ("12.50", "no amount"),
        ("EUR 12.50", "no amount"),
        ("1,23.00 EUR", "no amount"),
        ("12.50 EUR\n", "no amount"),
        ("12.50 XYZ", "XYZ is unknown; currencies are CHF, EUR"),
        ("0.5 JPY", "finer than the currency"),
    ],
)
def test_parse_refuses_another_form(text: str, reason: str) -> None:
    with pytest.raises(MoneyFormatError, match=reason):
        Money.parse(text)


@given(amounts)
def test_parse_reads_what_str_writes(money: Money) -> None:
    assert Money.parse(str(money)) == money


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money(123456789, Currency.EUR), "1,234,567.89 EUR"),
        (Money(-5, Currency.USD), "-0.05 USD"),
        (Money(0, Currency.KWD), "0.000 KWD"),
        (Money(1000, Currency.JPY), "1,000 JPY"),
    ],
)
def test_str_writes_the_currencys_decimals(money: Money, text: str) -> None:
    assert str(money) == text


def test_arithmetic_is_exact() -> None:
    assert eur("0.10") + eur("0.20") == eur("0.30")
    assert eur("0.30") - eur("0.50") == -eur("0.20")
    assert eur("0.07") * 3 == eur("0.21")


def test_amounts_of_one_currency_have_an_order() -> None:
    assert eur("1.99") < eur("2.00") <= eur("2.00")
    assert max(eur("9"), eur("10")) == eur("10")


def test_currencies_do_not_mix() -> None:
    yen = Money(1, Currency.JPY)

    assert yen != Money(1, Currency.EUR)
    with pytest.raises(CurrencyMismatchError, match=r"1\.00 EUR and 1 JPY"):
        eur("1") + yen
    with pytest.raises(CurrencyMismatchError):
        sorted([eur("1"), yen])


def test_total_of_nothing_is_zero() -> None:
    assert total([], Currency.EUR) == eur("0")
    assert total([eur("1.50"), eur("2")], Currency.EUR) == eur("3.50")


@pytest.mark.parametrize(
    ("amount", "factor", "expected"),
    [("10.00", "0.05", "0.50"), ("0.25", "0.1", "0.02"), ("0.35", "0.1", "0.04")],
)
def test_scaled_rounds_half_to_even(amount: str, factor: str, expected: str) -> None:
    assert eur(amount).scaled(Decimal(factor)) == eur(expected)


@pytest.mark.parametrize(
    ("amount", "by", "parts"),
    [
        ("1.00", [1, 1, 1], ["0.34", "0.33", "0.33"]),
        ("0.05", [3, 7], ["0.02", "0.03"]),
        ("-1.00", [1, 1, 1], ["-0.33", "-0.33", "-0.34"]),
        ("0.01", [0, 1], ["0.00", "0.01"]),
    ],
)
def test_allocate_gives_the_rest_to_those_who_lost_most(amount: str, by: list[int], parts: list[str]) -> None:
    assert eur(amount).allocate(by) == tuple(eur(part) for part in parts)


@given(amounts, weights)
def test_allocate_loses_nothing_and_is_fair(money: Money, by: list[int]) -> None:
    parts = money.allocate(by)

    assert total(parts, money.currency) == money
    for part, weight in zip(parts, by, strict=True):
        assert abs(part.minor * sum(by) - money.minor * weight) < sum(by)


@pytest.mark.parametrize("by", [[], [0, 0], [2, -1]])
def test_allocate_refuses_weights_that_divide_nothing(by: list[int]) -> None:
    with pytest.raises(AllocationError, match="one of them positive"):
        eur("1.00").allocate(by)
