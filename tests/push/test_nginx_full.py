"""nginx without free connections returns 503 with a problem document, and open sockets keep working.  Of those, a peer
that does not answer pings is detected."""
import concurrent.futures
import contextlib
import multiprocessing
import resource
import time

import live
from client import World
from stack import Stack

FILES = 512  # open files of each process of the stack


def fill(answers):
    """Runs in a process of its own, as it lowers its limit for good: the stack inherits that."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
    with Stack(settings={"PUSH_HEARTBEAT_SECONDS": "5"}) as stack:
        world = World(stack.url, stack.ws_url)
        anna = world.user()
        sockets, heads = [], []
        with anna.live() as gone, anna.live() as feed, concurrent.futures.ThreadPoolExecutor() as pool:
            pinged = pool.submit(gone.hear_nothing_more, 30)
            while not heads and len(sockets) < FILES - 100:
                with contextlib.suppress(ConnectionError):  # a worker that could not even accept one more
                    try:
                        sockets.append(live.Socket(world.ws_url, origin=world.origin))
                    except live.Refused as why:
                        heads += [why.head] if why.status else []
                if len(sockets) % 20 == 0:
                    feed.silent()
            while not pinged.done():
                feed.silent()
                time.sleep(0.2)
            assert pinged.result() >= 1
        answers.put((len(sockets), *heads))


def test_nginx_without_free_connections_returns_503():
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    process = context.Process(target=fill, args=(answers,))
    process.start()
    process.join(50)
    process.kill()  # if it is still there; the stack ends with it
    process.join()
    assert process.exitcode == 0
    opened, head = answers.get()
    assert opened > 50
    assert " 503 " in head and "application/problem+json" in head and "Retry-After" in head, head
