"""The tables of requirements and quotas are complete, and every test they name exists."""
import pathlib
import re

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
HERE = pathlib.Path(__file__).resolve().parent
# ASVS 5.0's requirements of levels 1 and 2: section, then numbers.
LEVELS = {
    "1": """
        1.2:1,2,3,4,5 1.3:1,2 1.5:1 2.1:1 2.2:1,2 2.3:1 3.2:1,2 3.3:1 3.4:1,2 3.5:1,2,3 4.1:1 4.4:1 5.2:1,2
        5.3:1,2 6.1:1 6.2:1,2,3,4,5,6,7,8 6.3:1,2 6.4:1,2 7.2:1,2,3,4 7.4:1,2 8.1:1 8.2:1,2 8.3:1 9.1:1,2,3
        9.2:1 10.4:1,2,3,4,5 11.3:1,2 11.4:1 12.1:1 12.2:1,2 13.4:1 14.2:1 14.3:1 15.1:1 15.2:1 15.3:1""",
    "2": """
        1.1:1,2 1.2:6,7,8,9 1.3:3,4,5,6,7,8,9,10,11 1.4:1,2,3 1.5:2 2.1:2,3 2.2:3 2.3:2,3,4 2.4:1 3.3:2,3,4
        3.4:3,4,5,6 3.5:4,5 3.7:1,2 4.1:2,3 4.2:1 4.3:1,2 4.4:2,3,4 5.1:1 5.2:3 5.4:1,2,3 6.1:2,3
        6.2:9,10,11,12 6.3:3,4 6.4:3,4 6.5:1,2,3,4,5 6.6:1,2,3 6.8:1,2,3,4 7.1:1,2,3 7.3:1,2 7.4:3,4,5 7.5:1,2
        7.6:1,2 8.1:2 8.2:3 8.4:1 9.2:2,3,4 10.1:1,2 10.2:1,2 10.3:1,2,3,4 10.4:6,7,8,9,10,11 10.5:1,2,3,4,5
        10.6:1,2 10.7:1,2,3 11.1:1,2 11.2:1,2,3 11.3:3 11.4:2,3,4 11.5:1 11.6:1 12.1:2,3 12.3:1,2,3,4 13.1:1
        13.2:1,2,3,4,5 13.3:1,2 13.4:2,3,4,5 14.1:1,2 14.2:2,3,4 14.3:2,3 15.1:2,3 15.2:2,3 15.3:2,3,4,5,6,7
        16.1:1 16.2:1,2,3,4,5 16.3:1,2,3,4 16.4:1,2,3 16.5:1,2,3 17.1:1 17.2:1,2,3,4 17.3:1,2""",
}
PAGES = ["asvs.md", "api-top-10.md", "attacks.md", "quotas.md"]
REFERENCE = re.compile(r"`([\w/.-]+\.(?:py|c))::(\w+)`")


def numbers(level):
    return {f"{section}.{n}" for section, each in (word.split(":") for word in LEVELS[level].split())
            for n in each.split(",")}


def rows(name):
    """The cells of every row of every table in a page."""
    for line in (HERE / name).read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("| ") and cells[0] not in ("no.", "numbers", "what", "attack") and not set(cells[0]) <= set("- "):
            yield cells


def test_every_requirement_is_in_the_table_once():
    found = [number for row in rows("asvs.md") for number in row[0].split(", ")]
    assert sorted(found) == sorted(set(found)), {n for n in found if found.count(n) > 1}
    assert set(found) == numbers("1") | numbers("2")
    for row in rows("asvs.md"):
        levels = {"1" if number in numbers("1") else "2" for number in row[0].split(", ")}
        assert set(row[1].split(", ")) == levels, row[0]


def test_every_risk_is_in_the_table():
    assert [row[0] for row in rows("api-top-10.md")] == [f"API{n}" for n in range(1, 11)]


@pytest.mark.parametrize("name", PAGES)
def test_every_row_has_a_test_or_a_reason(name):
    for row in rows(name):
        assert REFERENCE.search(row[-1]) or row[-1].startswith("Reason: "), row


def test_every_quota_is_in_the_table():
    """By the settings that api/http/quotas.c reads."""
    source = (TESTS.parent / "api/http/quotas.c").read_text()
    settings = {name.upper() for name in re.findall(r"\bAT\((\w+)\)", source)} - {"MEMBER"}
    named = {name for row in rows("quotas.md") for name in re.findall(r"`([A-Z_]+)`", row[2])}
    assert len(settings) > 20 and settings <= named, settings - named


@pytest.mark.parametrize("name", PAGES + ["threat-model.md"])
def test_every_test_that_is_named_exists(name):
    references = REFERENCE.findall((HERE / name).read_text())
    assert len(references) > 10
    lost = []
    for path, test in references:
        file = TESTS / path
        kind = rf"^def {test}\(" if path.endswith(".py") else rf"unit_test\w*\({test}\b"
        if not file.exists() or not re.search(kind, file.read_text(), re.M):
            lost.append(f"{path}::{test}")
    assert not lost, "no such tests: " + ", ".join(lost)


@pytest.mark.parametrize("name", PAGES + ["threat-model.md"])
def test_nothing_in_backquotes_is_misspelled(name):
    """Everything that looks like a test's name is one, so that the check above covers all."""
    for word in re.findall(r"`([^`]*::[^`]*)`", (HERE / name).read_text()):
        assert REFERENCE.fullmatch(f"`{word}`"), word
