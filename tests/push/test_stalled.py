"""Clients that request much and read little are closed, and nobody else notices."""
import stalled
from daemons import daemon


def test_clients_that_do_not_read_affect_nobody_else(stack, world, anna, ben, tmp_path):
    """The short form of stalled.py."""
    with daemon(stack, tmp_path, PUSH_QUEUE_BYTES=str(stalled.QUEUE_BYTES), PUSH_HELLO_SECONDS="10") as other:
        fuzz = stalled.Fuzz(other, anna, ben, seed=11)
        fuzz.run(8.0)
        assert fuzz.received > 0
