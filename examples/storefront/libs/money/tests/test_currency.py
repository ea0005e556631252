import pytest

from storefront_money import Currency


@pytest.mark.parametrize(("currency", "digits"), [(Currency.EUR, 2), (Currency.JPY, 0), (Currency.KWD, 3)])
def test_a_currency_knows_its_minor_unit(currency: Currency, digits: int) -> None:
    assert currency.digits == digits
