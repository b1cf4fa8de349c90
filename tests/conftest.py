"""Fixtures: one running system for all tests, and its users."""
import os
import pathlib
import re
import sys
import time
import urllib.request

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import commands  # noqa: E402
import judge  # noqa: E402
import tokens  # noqa: E402
from client import PASSWORD, SETTINGS, World  # noqa: E402

# How our secrets look: access tokens, refresh tokens, API tokens, one-time links, stored passwords.
SECRETS = re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}\.|[0-9a-f]{24}\.[\w-]{43}|tw_[\w-]{43}|token=[\w-]{20,}|\$s1\$|"
                     r"[Bb]earer [\w-]{8,}|" + re.escape(PASSWORD))


@pytest.fixture(scope="session")
def stack():
    """The whole system on free ports with two push daemons, stopped at the end."""
    from stack import Stack
    running = Stack(push=2, settings=SETTINGS, proxy=True)
    try:
        running.start()
    except RuntimeError as error:
        pytest.exit(f"the system does not start: {error}", returncode=1)
    yield running
    commands.take(running)
    shown = secrets_in(running.logs())
    running.stop()
    assert not shown, shown


def secrets_in(logs):
    """No log of a run may hold a secret: what surrounds the first one, by log."""
    found = {name: SECRETS.search(text) for name, text in logs.items()}
    return {name: logs[name][max(0, hit.start() - 120):hit.end() + 20] for name, hit in found.items() if hit}


@pytest.fixture(scope="session")
def world(stack):
    here = World(stack.url, stack.ws_url)
    here.stack = stack
    with urllib.request.urlopen(here.url + "/v1/openapi.json") as reply:
        judge.load_contract(reply.read())
    return here


@pytest.fixture(scope="session")
def signing_keys(stack):
    return tokens.read_keys(stack.signing_keys_file)


@pytest.fixture(scope="session")
def outbox(stack):
    from outbox import Outbox
    return Outbox(stack.data / "outbox")


@pytest.fixture(autouse=True)
def within_one_hour():
    """Quotas count in windows that end with an hour, and so do days: no test begins just before."""
    left = 3600 - time.time() % 3600
    if left < 20:
        time.sleep(left + 0.1)


@pytest.fixture
def anna(world):
    return world.user("anna")


@pytest.fixture
def ben(world):
    return world.user("ben")


@pytest.fixture
def cleo(world):
    return world.user("cleo")


def pytest_collection_modifyitems(items):
    """Timing tests come first, while no other test has left work to do."""
    items.sort(key=lambda item: item.path.name != "test_timing.py")


def pytest_sessionfinish(session, exitstatus):
    """A run has failed if a command to the database broke a rule or is of a shape that nobody has
    reviewed.  tests/run also wants to know which endpoints and problems of the contract it never met."""
    complaints = commands.complaints()
    if complaints:
        print("\ncommands to the database (tests/proxy/README.md):", *complaints, sep="\n  ")
        session.exitstatus = 1
    if suite := os.environ.get("TASKWIRE_SUITE"):
        unseen = [" ".join(op) for op in judge.unseen_operations()] + judge.unseen_problems()
        path = pathlib.Path(os.environ["TASKWIRE_ARTIFACTS"]) / f"{suite}.unseen"
        path.write_text("".join(line + "\n" for line in unseen))
