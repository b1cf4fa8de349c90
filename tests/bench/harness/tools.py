"""The benchmark's tools: its C programs, the systems it compares with, and their versions.
Downloads go into the cache folder, once."""
import os
import pathlib
import re
import shutil
import subprocess

BENCH = pathlib.Path(__file__).resolve().parent.parent
ROOT = BENCH.parent.parent
CACHE = pathlib.Path(os.environ.get("TASKWIRE_CACHE") or ROOT / "var" / "cache")
OTHERS = BENCH / "others"


class Missing(Exception):
    """Something that a comparison needs is missing and cannot be downloaded."""


def find(program):
    path = os.pathsep.join([os.environ.get("PATH", ""), os.path.expanduser("~/.cargo/bin"),
                            "/usr/sbin", "/usr/local/go/bin"])
    return shutil.which(program, path=path)


def need(program):
    path = find(program)
    if not path:
        raise Missing(f"{program} is not installed")
    return path


def quiet(command, **more):
    done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, **more)
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().split("\n")[-3:]
        raise Missing(f"{command[0]} failed: {' / '.join(last)}")
    return done.stdout


def programs():
    """The folder with bare_db, bare_fanout, load_http and load_ws, built."""
    build = ROOT / "var" / "bench-build"  # not in the cache, which clones share: its folders are absolute
    if not (build / "build.ninja").exists():
        quiet(["cmake", "-S", BENCH, "-B", build, "-G", "Ninja"])
    quiet(["ninja", "-C", build])
    return build


def copied(name):
    """A comparison's sources in the cache, where its packages can be installed next to them."""
    folder = CACHE / f"bench-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    for source in (OTHERS / name).iterdir():
        if source.is_file():
            shutil.copy(source, folder)
    return folder


def node():
    """The folder of the Node programs, their packages installed."""
    need("node")
    folder = copied("node")
    wanted = (folder / "package.json").read_text()
    done = folder / "installed.json"
    if not done.exists() or done.read_text() != wanted:
        print("Installing the Node packages ...", flush=True)
        quiet([need("npm"), "install", "--no-package-lock", "--no-audit", "--no-fund", "--omit=dev"],
              cwd=folder)
        done.write_text(wanted)
    return folder


def go_program(name):
    folder = copied(name)
    quiet([need("go"), "build", "-o", name + "-bench", "."], cwd=folder)
    return folder / (name + "-bench")


def centrifuge():
    """The program that uses the centrifuge library."""
    return go_program("centrifuge")


def pocketbase():
    """PocketBase, built as a library's user would."""
    return go_program("pocketbase")


def nchan():
    """nchan's module for Debian's nginx: unpacked, not installed."""
    system = pathlib.Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
    folder = CACHE / "bench-nchan"
    module = folder / str(system)[1:]
    if system.exists():
        return system
    if not module.exists():
        folder.mkdir(parents=True, exist_ok=True)
        quiet([need("apt-get"), "download", "libnginx-mod-nchan"], cwd=folder)
        quiet(["dpkg", "-x", next(folder.glob("*.deb")), folder])
    return module


def database_program():
    """(name, path) of the MongoDB server: a setting, else mongod, else secantusd-rs."""
    named = os.environ.get("BENCH_DATABASE")
    if named:
        return pathlib.Path(named).name, named
    for name in ("mongod", "secantusd-rs"):
        if find(name):
            return name, find(name)
    raise Missing("neither mongod nor secantusd-rs is installed (see README.md), and BENCH_DATABASE "
                  "names none")


def first(command, pattern=r"\S+"):
    try:
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    except OSError:
        return None
    found = re.search(pattern, done.stdout + done.stderr)
    return found.group() if found else None


def debian(package):
    return first(["dpkg-query", "-W", "-f", "${Version}", package])


def machine():
    """What the figures depend on, without the host's name."""
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        model = re.search(r"model name\s*: (.*)", f.read())
    with open("/proc/meminfo", encoding="ascii") as f:
        total = int(re.search(r"MemTotal:\s*(\d+)", f.read()).group(1))
    system = re.search(r'PRETTY_NAME="(.*)"', pathlib.Path("/etc/os-release").read_text())
    return {
        "cores": os.cpu_count(), "processor": model.group(1) if model else "?",
        "memory GiB": round(total / 1048576), "kernel": os.uname().release,
        "system": system.group(1) if system else "?",
        "load before": round(os.getloadavg()[0], 1),
    }


def versions():
    name, path = database_program()
    module = CACHE / "bench-node" / "node_modules"

    def package(name):
        found = module / name / "package.json"
        return first(["grep", "-m1", '"version"', str(found)], r"\d+\.\d+\.\d+") if found.exists() else None
    go = OTHERS / "centrifuge" / "go.mod"
    return {k: v for k, v in {
        "taskwire": first(["git", "-C", str(ROOT), "describe", "--always", "--dirty"]),
        name: first([path, "--version"], r"\d+\.\d+\.\d+\S*") or "?",
        "mongo-c-driver": debian("libmongoc-1.0-0"), "libwebsockets": debian("libwebsockets17"),
        "libfcgi": debian("libfcgi0ldbl"), "nginx": debian("nginx"), "redis": debian("redis-server"),
        "gcc": first(["gcc", "-dumpfullversion"]), "node": first([find("node") or "node", "--version"]),
        **{p: package(p) for p in ("express", "mongoose", "socket.io", "ws")},
        "go": first([find("go") or "go", "version"], r"go\d\S+"),
        "centrifuge": re.search(r"centrifuge (v\S+)", go.read_text()).group(1),
        "nchan": first(["apt-cache", "show", "libnginx-mod-nchan"], r"(?<=Version: )\S+"),
    }.items() if v}
