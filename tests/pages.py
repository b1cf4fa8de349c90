#!/usr/bin/env python3
"""Checks that the pages of the tree are true, as far as a program can.

- A README with a table of files names every file of its folder, and only files that exist.
- No page, comment or string refers to a file or test that does not exist, or to anything outside the tree.
- Every command in a page exists, can be executed and knows the options it is given.
- A program that draws a progress bar does so on a terminal only.
- nginx serves every script, style and image of the web client: their names match its pattern.
- No file has a mark of a merge that was not finished.

    tests/pages.py            checks the tree; prints each complaint and exits with 1 if there is one
    tests/pages.py --prove    plants a violation of each kind (in memory) and checks that it is found
"""
import os
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SKIPPED = {".git", "var", "__pycache__", "node_modules"}
UNNAMED = re.compile(r"(?:^|/)(?:corpus|results|data)/")  # folders of data, whose files no page lists
TEXT = re.compile(r"\.(c|h|py|js|mjs|css|html|md|sh|txt|tsv|conf|in|example|env|yml|json|ini|svg|go|sum|mod)$")
# What a reference to a file looks like: a known room, then a path that ends in a known kind of file.
PATH = re.compile(r"(?<![\w/.@{}$-])((?:api|push|common|nginx|tests|deploy|\.github|\.ci)(?:/[\w.-]+)+"
                  r"\.(?:c|h|py|js|css|html|md|sh|txt|tsv|conf|env|yml|in|example))(?![\w/]|\.\w)")
PAGE = re.compile(r"(?<![\w/.-])((?:[\w.-]+/)*[\w-]+\.(?:md|py|c|h|js|css|sh|tsv|env|conf|example))(?![\w/(#-]|\.\w)")
OUTSIDE = re.compile(r"\b(?:design|features|redesign|house|dependencies)\.md\b|\b[Dd]esign,? (?:section )?\d"
                     r"|(?<!upstream )\bissue #?\d|\((?:see )?design\b")
TEST_NAME = re.compile(r"(?:([\w/.-]+\.(?:py|c))::)?\b(test_[a-z0-9_]{6,})\b(?!\.)")
COMMAND = re.compile(r"(?:^|[\s;&|(])((?:[A-Z_]+=\S+ )*)((?:deploy|tests|\.ci)/[\w./-]+)((?: [^#;&|)`]*)?)")
# Names that pages mention although they are no files of the tree: examples, and files that others install.
ELSEWHERE = {"foo.c", "x.c", "mongod.conf", "nginx.conf", "fcgios.h"}
SERVED = re.compile(r"nginx/web/[a-z0-9-]+\.(?:js|css|svg)")  # as in nginx/nginx.conf.in
CONFLICT = re.compile(r"^[<>]{7} ", re.M)
OPTIONS_OF = {"tests/bench/run": "tests/bench/harness/__main__.py", ".ci/run": "tests/run"}


def read_tree(root):
    """{path: (text, is executable)} of every file of the tree; a file that is not text has an empty text."""
    tree = {}
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in SKIPPED)
        for name in files:
            path = pathlib.Path(folder, name)
            inside = path.relative_to(root).as_posix()
            try:
                text = path.read_text() if TEXT.search(name) or "." not in name else ""
            except UnicodeDecodeError:
                text = ""
            tree[inside] = text, os.access(path, os.X_OK)
    return tree


class Checker:
    def __init__(self, tree):
        self.tree = tree
        self.complaints = []
        self.names = {}
        for path in tree:
            self.names.setdefault(path.rsplit("/", 1)[-1], []).append(path)
        self.folders = {parent.as_posix() for path in tree for parent in pathlib.PurePosixPath(path).parents}
        self.tests = {name for path, (text, _) in tree.items() if path.startswith("tests/")
                      for name in re.findall(r"^(?:def |static void\n|void\n)?(test_\w+)\(", text, re.M)}
        self.tests |= {path.rsplit("/", 1)[-1].split(".")[0] for path in tree}

    def complain(self, path, number, text):
        self.complaints.append(f"{path}:{number}: {text}")

    def run(self):
        for path, (text, executable) in sorted(self.tree.items()):
            if path == "tests/pages.py":
                continue
            if path.endswith("README.md") and re.search(r"^\| file ", text, re.M):
                self.room(path, text)
            self.references(path, text)
            if path.endswith(".md"):
                self.commands(path, text)
            self.program(path, text, executable)
        return self.complaints

    # A room's page.

    def room(self, page, text):
        """Every file below the folder is named in its page, by its own name or by that of a folder in between."""
        folder = page[:-len("README.md")]
        text = text.replace("\\_", "_")  # as Markdown writes __main__.py
        named = set(re.findall(r"[\w.-]+(?:/[\w.-]+)*/?", text))
        inner = [path[:-len("README.md")] for path in self.tree if path.endswith("/README.md") and path != page]
        for path in self.tree:
            if not path.startswith(folder) or UNNAMED.search(path) or any(path.startswith(i) for i in inner if i.startswith(folder)):
                continue
            if not self.is_named(path[len(folder):], named):
                self.complain(page, 1, f"does not name {path[len(folder):]}")
        for number, line in enumerate(text.splitlines(), 1):
            cell = re.match(r"\| ([^|]+) \|", line)
            for name in re.findall(r"[\w.-]+(?:/[\w.-]+)*\.(?:c|h|py|js|md|sh|conf|in|tsv|css|html|env|example)\b(?!\.\w)", cell[1] if cell else ""):
                if not self.resolve(page, name):
                    self.complain(page, number, f"names {name}, which does not exist")

    @staticmethod
    def is_named(inside, named):
        """By path, by file name, or as part of a folder that is named; a header goes with its source file."""
        name = inside.rsplit("/", 1)[-1]
        if name in ("README.md", "CMakeLists.txt", "conftest.py", "requirements.txt"):
            return True
        candidates = {inside, name}
        if name.endswith(".h"):
            candidates |= {inside[:-2] + ".c", name[:-2] + ".c"}
        parts = inside.split("/")[:-1]
        candidates |= {"/".join(parts[:n + 1]) + "/" for n in range(len(parts))} | {part + "/" for part in parts}
        return bool(candidates & named)

    # References.

    def references(self, path, text):
        for number, line in enumerate(text.replace("\\_", "_").splitlines(), 1):
            if OUTSIDE.search(line):
                self.complain(path, number, f"refers to something outside the tree: {OUTSIDE.search(line)[0]}")
            for name in PATH.findall(line):
                if not self.resolve(path, name):
                    self.complain(path, number, f"refers to {name}, which does not exist")
            if path.endswith(".md"):
                for name in PAGE.findall(line):
                    if not self.resolve(path, name):
                        self.complain(path, number, f"refers to {name}, which does not exist")
                for _, name in TEST_NAME.findall(line):
                    if name not in self.tests:
                        self.complain(path, number, f"refers to the test {name}, which does not exist")

    def resolve(self, page, name):
        """A path from the root, from the page's folder or one above it, or the end of some file's path."""
        name = name.rstrip(".")
        if name in self.tree or name.rsplit("/", 1)[-1] in ELSEWHERE:
            return True
        folder = pathlib.PurePosixPath(page).parent
        if os.path.normpath(folder / name) in self.tree:
            return True
        return any(path.endswith("/" + name.lstrip("./")) for path in self.names.get(name.rsplit("/", 1)[-1], []))

    # Commands.

    def commands(self, page, text):
        for number, line in enumerate(text.splitlines(), 1):
            pieces = [line] if line.startswith("    ") else re.findall(r"`([^`]+)`", line)
            for piece in pieces:
                for _, program, rest in COMMAND.findall(piece):
                    self.command(page, number, program.rstrip("."), rest)

    def command(self, page, number, program, rest):
        if TEXT.search(program) and not program.endswith((".py", ".sh")) or program.rstrip("/") in self.folders:
            return  # not a command
        if program not in self.tree:
            self.complain(page, number, f"runs {program}, which does not exist")
            return
        text, options = self.tree[OPTIONS_OF.get(program, program)][0], re.findall(r"(?<=\s)--[a-z][a-z-]*", rest)
        if not self.tree[program][1] and ("." not in program.rsplit("/", 1)[-1] or options):
            self.complain(page, number, f"runs {program}, which is not executable")
        for option in options:
            if not re.search(re.escape(option) + r"(?![\w-])", text):
                self.complain(page, number, f"gives {program} the option {option}, which it does not know")

    # Programs.

    def program(self, path, text, executable):
        if CONFLICT.search(text):
            self.complain(path, text[:CONFLICT.search(text).start()].count("\n") + 1, "has a mark of an unfinished merge")
        if re.match(r"nginx/web/.*\.(js|css|svg)$", path) and not SERVED.fullmatch(path):
            self.complain(path, 1, "has a name that nginx does not serve")
        if text.startswith("#!") and not executable and "python2" not in text[:40]:
            self.complain(path, 1, "has an interpreter line but is not executable")
        if path.endswith((".c", ".py", ".sh")) or "." not in path.rsplit("/", 1)[-1]:
            bars = [n for n, line in enumerate(text.splitlines(), 1) if re.search(r"(?:print|printf|write)\(.*\\r(?!\\n)", line)]
            if bars and "isatty" not in text and not path.startswith(("api/", "push/", "common/", "tests/unit/", "tests/fuzz/")):
                self.complain(path, bars[0], "draws a progress bar without asking whether it writes to a terminal")


def prove(tree):
    """Each planted violation must cause a complaint that contains the words beside it."""
    tree = {p: (text if p.endswith((".md", "chaos/run")) else "", x) for p, (text, x) in tree.items()}  # for speed

    def with_text(path, more):
        text, executable = tree.get(path, ("", True))
        return {**tree, path: (text + more, executable)}

    def without(path):
        return {p: t for p, t in tree.items() if p != path}

    planted = {
        "does not name planted.c": with_text("common/planted.c", "int planted;\n"),
        "names planted.c, which does not exist": with_text("common/README.md", "| planted.c | for | | |\n"),
        "refers to common/planted.c, which does not exist": with_text("api/main.c", "/* see common/planted.c */\n"),
        "refers to planted.md, which does not exist": with_text("README.md", "See planted.md.\n"),
        "outside the tree": with_text("push/README.md", "as agreed (design 5)\n"),
        "refers to the test test_that_was_planted": with_text("tests/situations.md", "`test_that_was_planted`\n"),
        "refers to deploy/RUNBOOK.md": without("deploy/RUNBOOK.md"),
        "the option --planted": with_text("tests/README.md", "    tests/chaos/run --planted 3\n"),
        "runs tests/planted, which does not exist": with_text("tests/README.md", "    tests/planted 3\n"),
        "is not executable": {**tree, "tests/chaos/run": (tree["tests/chaos/run"][0], False)},
        "a name that nginx does not serve": with_text("nginx/web/planted_too.js", ""),
        "a mark of an unfinished merge": with_text("tests/planted.py", "x = 1\n<<<<<<< HEAD\n"),
        "draws a progress bar": with_text("tests/planted.py", "print(f\"\\r{done}\", end=\"\")\n"),
    }
    missed = [words for words, planted_tree in planted.items()
              if not any(words in complaint for complaint in Checker(planted_tree).run())]
    for words in missed:
        print(f"pages: a planted violation was not found: {words}", file=sys.stderr)
    return missed


def main():
    tree = read_tree(ROOT)
    if sys.argv[1:] == ["--prove"]:
        return 1 if prove(tree) else 0
    if sys.argv[1:]:
        sys.exit(__doc__)
    complaints = Checker(tree).run()
    for complaint in complaints:
        print(f"pages: {complaint}", file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
