"""Each login costs a third of a second of a core; however many there are, other requests do not wait for them."""
import threading
import time

import pytest
from client import PASSWORD, SETTINGS, World
from latency import p99
from stack import Stack

ASKED = 400
LOG_INS = 32


@pytest.mark.timeout(240)
def test_a_full_hash_queue_does_not_slow_other_requests():
    """The p99 of ordinary requests at most doubles; the best pair counts, because the machine may be busy: real harm is in all."""
    settings = {**SETTINGS, "PASSWORD_COST": "15", "PASSWORD_SLOTS": "0", "ACCOUNT_FAILURES": "1000000"}
    with Stack(settings=settings) as stack:
        world = World(stack.url, stack.ws_url, strict=False)
        anna, ratios, seen = world.user(), [], set()
        for _ in range(8):
            before, stop = p99(anna, ASKED), threading.Event()

            def keep_logging_in():
                browser = world.anonymous()
                browser.http.timeout = 60
                while not stop.is_set():
                    reply = browser.post("/v1/sessions", login=anna.email, password=PASSWORD)
                    seen.add(reply.status)
                    if reply.status == 503:
                        stop.wait(int(reply.headers["retry-after"]))
            threads = [threading.Thread(target=keep_logging_in) for _ in range(LOG_INS)]
            for t in threads:
                t.start()
            time.sleep(2)
            during = p99(anna, ASKED)
            stop.set()
            for t in threads:
                t.join()
            ratios.append(during / before)
            print(f"p99 {before * 1000:.1f} ms, at saturation {during * 1000:.1f} ms")
            if ratios[-1] <= 2:
                break
        assert seen == {201, 503}, seen
        assert min(ratios) <= 2, ratios
