"""The latency of ordinary requests while something else is going on."""
import statistics
import time


def p99(user, asked):
    """Of so many ordinary requests, in seconds."""
    times = []
    for _ in range(asked):
        start = time.perf_counter()
        user.get("/v1/me").expect(200)
        times.append(time.perf_counter() - start)
    return statistics.quantiles(times, n=100)[98]
