"""A plugin of pytest: pytest-playwright starts the browser that the e2e stage has found, if no conftest names one."""

from __future__ import annotations

import os
import types
from typing import Any

import pytest


@pytest.fixture(scope="session")
def found(browser_type_launch_args: dict[str, Any], browser_name: str) -> dict[str, Any]:
    """Add the path to what pytest-playwright's own fixture says."""
    if browser_name != "chromium" or "channel" in browser_type_launch_args:
        return browser_type_launch_args
    return {"executable_path": os.environ["ISONOX_BROWSER"], **browser_type_launch_args}


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the fixture behind that of pytest-playwright, so that it wins; a plugin's own come first."""
    plugin = types.ModuleType("isonox_found")
    vars(plugin)["browser_type_launch_args"] = found
    config.pluginmanager.register(plugin, plugin.__name__)
