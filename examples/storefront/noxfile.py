# /// script
# dependencies = ["nox>=2026.10.20", "isonox[uv] @ ../.."]
# ///
"""The storefront's pipeline."""

from isonox import stages

stages.lint()
stages.types()
stages.tests(per_package=True)
stages.coverage(overall=90)
stages.security()
stages.docs()
stages.build(per_package=True)
