"""The storefront's worker: takes orders, reserves stock, writes receipts."""
