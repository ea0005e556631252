"""The storefront's HTTP service."""
