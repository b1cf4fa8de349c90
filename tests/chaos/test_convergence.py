"""The short form of `tests/chaos/convergence.py`."""
import os

import convergence

SEED = int(os.environ.get("CHAOS_SEED", "1"))


def test_clients_who_edit_the_same_items_live_and_offline_converge(world):
    statuses = convergence.run(world, range(SEED, SEED + 4), rounds=16)
    print(statuses)
    assert statuses[200] > 20 and statuses[412] > 0, statuses
