"""What customers do while the shop is under load."""

from locust import HttpUser, between, task


class Customer(HttpUser):
    """Looks around, and sometimes buys."""

    wait_time = between(0.05, 0.2)

    @task(5)
    def look(self) -> None:
        """Look at all products."""
        self.client.get("/products")

    @task
    def buy(self) -> None:
        """Buy two mugs."""
        basket = f"/baskets/{self.client.post('/baskets').json()['id']}"
        self.client.put(f"{basket}/lines/MUG-01", json={"quantity": 2}, name="/baskets/ID/lines/SKU")
        self.client.post(f"{basket}/checkout", name="/baskets/ID/checkout")
