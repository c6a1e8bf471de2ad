"""Fixtures for all tests."""

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real recordings and golden numbers; without it the test is skipped, in CI it fails."""
    if not (SHARED / "golden").is_dir():
        message = f"real recordings and golden numbers are expected in {SHARED}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return SHARED
