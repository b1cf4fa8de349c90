"""Runs the load programs and reads what they print."""
import json
import subprocess


class Load:
    def __init__(self, folder):
        self.folder = folder

    def run(self, program, *arguments, seconds=10):
        done = subprocess.run([str(self.folder / program), *[str(a) for a in arguments]],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=seconds + 90)
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed: {done.stderr.strip()[-500:]}")
        return json.loads(done.stdout)

    def http(self, address, connections, seconds, method, path, ids="-", token="-", body="-"):
        out = self.run("load_http", address, connections, seconds, method, path, ids, token, body,
                       seconds=seconds)
        bad = out["refused"] + out["failed"] + out["broken"]
        if bad > 0.01 * out["requests"]:
            raise RuntimeError(f"{method} {path} at {address}: {bad} of {out['requests']} failed: {out}")
        return out

    def bare(self, world, operation, threads, seconds, ids, queue=False):
        out = self.run("bare_db", world.uri, world.database, operation, threads, seconds, ids,
                       world.user, *(["one"] if queue else []), seconds=seconds)
        if out["failed"]:
            raise RuntimeError(f"bare {operation}: {out['failed']} of {out['requests']} failed")
        return out
