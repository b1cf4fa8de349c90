"""Fixtures of the security tests, and a last look at the logs of the whole run."""
import pathlib
import re
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import matrix  # noqa: E402
from client import PASSWORD  # noqa: E402

# How our secrets look: access tokens, refresh tokens, API tokens, one-time links, stored passwords.
SHAPES = re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}\.|[0-9a-f]{24}\.[\w-]{43}|tw_[\w-]{43}|token=[\w-]{20,}|\$s1\$|"
                    r"[Bb]earer [\w-]{8,}|" + re.escape(PASSWORD))


@pytest.fixture(scope="session", autouse=True)
def quick_database(stack):
    stack.restart_database()


@pytest.fixture(scope="session")
def cast(world):
    return matrix.Cast(world)


@pytest.fixture(autouse=True)
def cast_with_valid_tokens(request):
    """A slow run takes longer than an access token lives."""
    if "cast" in request.fixturenames:
        request.getfixturevalue("cast").renew()


@pytest.fixture(scope="session", autouse=True)
def no_log_of_the_run_holds_a_secret(stack):
    """Ends after the last test of all folders that ran with this one."""
    yield
    hits = {}
    for name, text in stack.logs().items():
        found = SHAPES.search(text)
        if found:
            hits[name] = text[max(0, found.start() - 120):found.end() + 20]
    assert not hits, hits
