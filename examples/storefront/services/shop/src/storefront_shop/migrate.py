"""`storefront-shop-migrate`: brings the database that `DATABASE_URL` names up to date."""

import os
import sys
from importlib import resources

import psycopg

#: Any number; whoever else migrates this database waits for the lock of that number.
_LOCK = 7_466_724


def migrate(url: str) -> list[str]:
    """Apply the migrations of this package that the database has not seen yet, all of them or none.

    Args:
        url: The database.

    Returns:
        The names of those that were applied, in order.
    """
    applied = []
    with psycopg.connect(url) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        connection.execute("CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY)")
        seen = {name for (name,) in connection.execute("SELECT name FROM migration")}
        folder = resources.files("storefront_shop").joinpath("migrations")
        for file in sorted(folder.iterdir(), key=lambda file: file.name):
            if file.name.endswith(".sql") and file.name not in seen:
                connection.execute(file.read_text("utf-8").encode())
                connection.execute("INSERT INTO migration VALUES (%s)", [file.name])
                applied.append(file.name)
    return applied


def main() -> int:
    """Migrate, and say what was done.

    Returns:
        The exit code: 0, or 2 without `DATABASE_URL`.
    """
    url = os.environ.get("DATABASE_URL")
    if not url:
        print("storefront-shop-migrate: DATABASE_URL is not set", file=sys.stderr)
        return 2
    for name in migrate(url):
        print(name)
    return 0
