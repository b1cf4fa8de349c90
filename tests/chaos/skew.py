"""Simulates a host with a wrong clock: a build folder whose programs run with shifted time (libfaketime)."""
import contextlib
import glob
import os
import pathlib

from stack import ROOT

WRAPPER = """#!/bin/sh
case "$API_SOCKET$PUSH_SOCKET$JOBS_SOCKET" in
*-2.sock*) export LD_PRELOAD={library} FAKETIME={shift} FAKETIME_DONT_FAKE_MONOTONIC=1
    export DONT_FAKE_MONOTONIC=1 FAKETIME_FORCE_MONOTONIC_FIX=0 ;; # so that waits last as long as they should
esac
exec {program} "$@"
"""


def skewed_build(folder, shift):
    """A build folder in which the second program of each kind runs with shifted time."""
    library = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")[0]
    real = pathlib.Path(os.environ.get("TASKWIRE_BUILD") or ROOT / "var" / "build")
    for name in ("taskwire-admin", "mongo-proxy"):
        (folder / name).symlink_to(real.resolve() / name)
    for name in ("taskwire-api", "taskwire-push", "taskwire-jobs"):
        wrapper = folder / name
        wrapper.write_text(WRAPPER.format(library=library, shift=shift, program=real.resolve() / name))
        wrapper.chmod(0o755)
    return folder


@contextlib.contextmanager
def slow_commits(stack, ms):
    """Delays every commit by so many milliseconds, like a slow host; 0: no delay."""
    with stack.fault(f"hold command=commitTransaction program= times=0 ms={ms}") if ms else contextlib.nullcontext():
        yield stack
