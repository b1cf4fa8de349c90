#!/usr/bin/env python3
"""What a command of the tests needs before it can run: Debian packages, Python packages and built programs.

A command calls `prepare.command()` before it imports any package, and so works from any shell.  As a program,
`tests/prepare.py NAME REQUIREMENTS...` installs the packages of some requirements files into a virtual environment
of that name in TASKWIRE_CACHE (default var/cache) and prints the path of its Python.
"""
import fcntl
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TESTS = ("python-tests", "tests/requirements.txt", "tests/browser/axe-no-deps.txt")


def cache():
    return pathlib.Path(os.environ.get("TASKWIRE_CACHE") or ROOT / "var" / "cache")


def python_with_venv():
    """Debian's Python, unless the first one on PATH also has what venv needs."""
    found = subprocess.run(["python3", "-c", "import ensurepip, venv"], capture_output=True)
    return "python3" if found.returncode == 0 else "/usr/bin/python3"


def install(name, *requirements):
    """Installs what the files require unless it is installed already; returns the environment's Python.

    Two processes that install at the same time wait for each other.  Packages in a file *-no-deps.txt come without
    their dependencies.
    """
    venv = cache() / name
    python = venv / "bin" / "python"
    wanted = "".join((ROOT / file).read_text() for file in requirements)
    installed = venv / "installed.txt"
    cache().mkdir(parents=True, exist_ok=True)
    with open(cache() / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if installed.exists() and installed.read_text() == wanted:
            return python
        print(f"Installing Python packages ({name}) ...", file=sys.stderr, flush=True)
        subprocess.run([python_with_venv(), "-m", "venv", "--clear", venv], check=True)
        for file in requirements:
            alone = ["--no-deps"] if file.endswith("-no-deps.txt") else []
            subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *alone,
                            "-r", ROOT / file], check=True, stdout=sys.stderr)
        installed.write_text(wanted)
    return python


def debian(*sets):
    subprocess.run([ROOT / "deploy" / "packages", *sets], check=True, stdout=sys.stderr)


def command():
    """Installs packages, builds var/build unless TASKWIRE_BUILD names a folder, and goes on in the tests' Python."""
    venv = cache() / TESTS[0]
    if pathlib.Path(sys.prefix).resolve() == venv.resolve():
        return
    debian("run", "build", "venv", "test")
    if not os.environ.get("TASKWIRE_BUILD"):
        subprocess.run([ROOT / "deploy" / "build", ROOT / "var" / "build", "-DCMAKE_BUILD_TYPE=RelWithDebInfo"],
                       check=True, stdout=sys.stderr)
    python = install(*TESTS)
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    os.execv(python, [str(python), *sys.argv])


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: tests/prepare.py NAME REQUIREMENTS...")
    print(install(*sys.argv[1:]))
