#!/usr/bin/env python3
"""Functions that are too long or take too many parameters.  Prints each as file:line and ends with 1
when there is one.  `functions.py FOLDER` checks another tree; `--sizes` prints the medians instead."""
import pathlib
import re
import statistics
import sys

LINES = 60  # of a body, its braces included
PARAMETERS = 5
FOLDERS = ["api", "common", "push"]

# A definition has its type on a line of its own, its name at the start of the next one, and its
# braces at the start of their lines: .clang-format keeps it so.
DEFINITION = re.compile(
    r"^(?P<name>[a-z_]\w*)\((?P<parameters>[^;{}]*?)\)\n\{\n(?P<body>.*?)^\}", re.M | re.S
)
COMMENT = re.compile(r"/\*.*?\*/", re.S)


def parameters(text):
    """How many there are, not counting the commas within function pointers."""
    depth, count = 0, 1
    for c in COMMENT.sub("", text):
        depth += (c == "(") - (c == ")")
        count += c == "," and depth == 0
    return 0 if text.strip() in ("", "void") else count


def functions(path):
    """Line, name, lines of the body and parameters of every function that a file defines."""
    text = path.read_text()
    for m in DEFINITION.finditer(text):
        line = text.count("\n", 0, m.start()) + 1
        yield line, m["name"], m["body"].count("\n") + 2, parameters(m["parameters"])


def main(arguments):
    sizes = "--sizes" in arguments
    folders = [a for a in arguments if a != "--sizes"]
    top = pathlib.Path(folders[0] if folders else pathlib.Path(__file__).parent.parent)
    bad = 0
    for folder in FOLDERS:
        files = sorted((top / folder).rglob("*.c"))
        found = [(path, *f) for path in files for f in functions(path)]
        if sizes and found:
            lines = [len(path.read_text().splitlines()) for path in files]
            print(f"{folder}: {len(files)} files, median {statistics.median(lines):g} lines, "
                  f"longest {max(lines)}; {len(found)} functions, median "
                  f"{statistics.median(f[3] for f in found):g} lines, longest "
                  f"{max(f[3] for f in found)}, most parameters {max(f[4] for f in found)}")
            continue
        for path, line, name, length, count in found:
            where = f"{path.relative_to(top)}:{line}: {name}()"
            if length > LINES:
                bad += 1
                print(f"{where} has {length} lines, more than {LINES}", file=sys.stderr)
            if count > PARAMETERS:
                bad += 1
                print(f"{where} has {count} parameters, more than {PARAMETERS}", file=sys.stderr)
    return 1 if bad else 0


sys.exit(main(sys.argv[1:]))
