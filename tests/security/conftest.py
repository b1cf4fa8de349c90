"""Fixtures of the security tests."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import matrix  # noqa: E402


@pytest.fixture(scope="session")
def cast(world):
    return matrix.Cast(world)


@pytest.fixture(autouse=True)
def cast_with_valid_tokens(request):
    """A slow run takes longer than an access token lives."""
    if "cast" in request.fixturenames:
        request.getfixturevalue("cast").renew()
