"""Fixtures of the push tests: a shared project, and additional push daemons."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from daemons import daemon  # noqa: E402


@pytest.fixture
def project(anna):
    return anna.project("Live")


@pytest.fixture
def topic(project):
    return "project:" + project["id"]


@pytest.fixture
def second_push(stack, world, tmp_path):
    """Another daemon, with a small queue for slow readers."""
    with daemon(stack, tmp_path, PUSH_QUEUE_BYTES="262144", PUSH_HELLO_SECONDS="2") as other:
        yield other
