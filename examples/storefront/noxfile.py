# /// script
# dependencies = ["nox>=2026.10.20", "isonox[services,uv] @ ../.."]
# ///
"""The storefront's pipeline."""

from datetime import timedelta
from typing import Any

from isonox import services, stages

POSTGRES, REDIS = services.postgres("16"), services.redis("7")

#: How the shop is started, and what has to be there.
SHOP: dict[str, Any] = {
    "app": ["uvicorn", "--factory", "storefront_shop.main:application", "--port", "{port}"],
    "prepare": [["storefront-shop-migrate"]],
    "services": [POSTGRES, REDIS],
}

stages.lint()
stages.types()
stages.tests(per_package=True, markers="not integration")
stages.integration(per_package=["storefront-shop"], pythons=["3.13"], services=[POSTGRES, REDIS], shards=4)
stages.integration(name="queue", per_package=["storefront-worker"], pythons=["3.13"], services=[REDIS])
stages.coverage(overall=90, requires=["tests", "integration", "queue"])
stages.api(**SHOP, paths=["tests/test_api.py"])
stages.load(
    **SHOP,
    per_package=["storefront-shop"],
    locustfile="tests/locustfile.py",
    users=10,
    seconds=5,
    percentiles_ms={50: 250, 95: 1000},
    cache=timedelta(days=1),
)
stages.e2e(**SHOP, paths=["tests/test_e2e.py"], default=False)
stages.benchmark(paths=["benchmarks/bench_pricing.py"], default=False)
stages.security()
stages.docs()
stages.build(per_package=True)
