import pytest
from playwright.sync_api import Page, expect


@pytest.mark.e2e
def test_a_customer_fills_a_basket(page: Page) -> None:
    page.goto("/")
    expect(page).to_have_title("Storefront")
    for total in ("4.99 EUR", "9.98 EUR", "13.47 EUR"):  # the third packet brings a discount
        page.get_by_role("button", name="Add Green tea").click()
        expect(page.locator("#total")).to_have_text(total)
