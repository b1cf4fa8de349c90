#!/usr/bin/env python3
"""Checks the model of the protocol (common/changes.pml) with spin: all states of the model are searched without
an error, and each of its mutants has an error.

    tests/model.py          checks everything
    tests/model.py MUTANT   prints, step by step, what goes wrong with that mutant
"""
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

MODEL = pathlib.Path(__file__).resolve().parent.parent / "common" / "changes.pml"
BOUNDS = ("HOSTS", "DAEMONS", "FAULTS", "RETENTION")
SEARCHES = {"two hosts, three changes": (2, 1, 2, 0), "two hosts, two daemons": (2, 2, 1, 0), "two daemons, retention": (1, 2, 2, 1)}
# Searches for cycles: without any, every run comes to rest, so what holds at rest is always reached.
TO_REST = (1, 1, 1, 1)
# What a mutant needs to go wrong; the others do so with one host and one daemon.
MUTANTS_NEED = {
    "TRUST_THE_CACHE": (2, 1, 2, 0), "REMEMBER_BEFORE_THE_COMMIT": (2, 1, 2, 0), "ANSWER_BEYOND_THE_HEAD": (1, 2, 2, 0),
    "SKIP_WHAT_IS_GONE": (1, 1, 2, 1), "RELAY_WHAT_IS_LEFT": (1, 1, 2, 1), "RESYNC_WITHOUT_THE_RIGHT": (1, 1, 2, 1),
}


def mutants():
    names = set(re.findall(r"\b[A-Z_]+\b", " ".join(re.findall(r"^#(?:if|el).*", MODEL.read_text(), re.M))))
    return sorted(names - set(BOUNDS))


def bounds_of(mutant):
    return MUTANTS_NEED.get(mutant, (1, 1, 2, 0))


def search(folder, bounds, mutant=None, cycles=False):
    """spin's report, and the options that it needs again to print a trail.  The folder has a copy of the model then."""
    options = [f"-D{name}={value}" for name, value in zip(BOUNDS, bounds)] + ([f"-D{mutant}"] if mutant else [])
    shutil.copy(MODEL, folder)
    subprocess.run(["spin", "-a", *options, MODEL.name], cwd=folder, check=True, stdout=subprocess.PIPE)
    kind = ["-DNP"] if cycles else ["-DSAFETY"]
    subprocess.run(["cc", "-w", "-O0" if mutant else "-O1", *kind, "-o", "pan", "pan.c"], cwd=folder, check=True)
    report = subprocess.run(["./pan", "-m10000", "-w20" if mutant else "-w23", *(["-l"] if cycles else [])], cwd=folder, check=True,
                            stdout=subprocess.PIPE, text=True).stdout
    return report, options


def checked(bounds, mutant=None, cycles=False):
    """What is wrong with the result of a search (None: nothing), what the search found, and the steps that it never took."""
    with tempfile.TemporaryDirectory() as folder:
        report = search(folder, bounds, mutant, cycles)[0]
    errors = re.search(r"errors: (\d+)", report)
    states = re.search(r"([\d.e+]+) states, stored", report)
    if not errors or not states:
        return f"spin has no result:\n{report}", "", set()
    found = re.search(r"^pan:1: (.*)", report, re.M)
    found = found[1] if found else f"{int(float(states[1]))} states"
    if mutant:
        return None if errors[1] != "0" else "no error was found", found, set()
    if errors[1] != "0":
        return "there is an error", found, set()
    if "Full statespace search" not in report or re.search("not completed|too small|out of memory|aborted", report):
        return f"not all states were searched:\n{report}", found, set()
    return None, found, set(re.findall(r"^\t.*, state \d+, (?!\"-end-\").*", report, re.M))


def explain(mutant):
    with tempfile.TemporaryDirectory() as folder:
        report, options = search(folder, bounds_of(mutant), mutant)
        subprocess.run(["spin", "-t", "-p", *options, MODEL.name], cwd=folder, check=True)
    print(re.search(r"^pan:1: (.*)", report, re.M)[1])


def check():
    jobs = {name: (bounds,) for name, bounds in SEARCHES.items()}
    jobs["it comes to rest"] = (TO_REST, None, True)
    jobs.update({mutant: (bounds_of(mutant), mutant) for mutant in mutants()})
    failed, unreached = False, []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, result in [(name, pool.submit(checked, *job)) for name, job in jobs.items()]:
            wrong, found, steps = result.result()
            failed = failed or wrong is not None
            unreached += [steps] if name in SEARCHES else []
            print(f"{'FAILED' if wrong else 'ok'}  {name}: {wrong + ', ' if wrong else ''}{found}", flush=True)
    never = set.intersection(*unreached)
    print(*(f"FAILED  no search takes this step: {step.strip()}" for step in sorted(never)), sep="\n", end="")
    return failed or bool(never)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        sys.exit(check())
    if len(sys.argv) > 2 or sys.argv[1] not in mutants():
        sys.exit(f"usage: tests/model.py [MUTANT]\nmutants: {' '.join(mutants())}")
    explain(sys.argv[1])
