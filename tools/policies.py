#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The policies that each pool has, read from their descriptions in src/lab/policy/, for all tools and documents.

policies.py [--write] [tree] checks the tables in README.md and Documentation/policy-howto.rst, or updates them.
"""

import cli

if __name__ == "__main__":
    cli.guard_imports()
import re  # noqa: E402
import sys  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from functools import cache  # noqa: E402
from pathlib import Path  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
README, HOWTO = "README.md", "Documentation/policy-howto.rst"
BEGIN, END = ".. table of policies: begin, written by make parity WRITE=1\n", ".. table of policies: end\n"
STRING = r'"((?:[^"\\]|\\.)*)"'
# The row of the table in README.md after which the policies follow.
PROFILE_ROW = re.compile(r"^\| `profile` \|.*\n", re.M)
# The words for enum cmwq2_policy_pools.
POOLS = {"CMWQ2_IN_ALL_POOLS": "all pools", "CMWQ2_IN_THREAD_POOLS": "all pools but BH pools",
         "CMWQ2_IN_UNBOUND_POOLS": "unbound pools"}


@dataclass(frozen=True)
class Value:
    """One value of a policy: its name, the enumerator, its number, and what it means."""

    name: str
    enumerator: str
    number: int
    about: str


@dataclass(frozen=True)
class Policy:
    """One policy: its name, what it decides, the pools that it applies to, which combinations are unsafe, the name of
    its default, and its values in the order of the header."""

    name: str
    about: str
    pools: str
    unsafe: str
    default: str
    values: tuple[Value, ...]

    def names(self) -> tuple[str, ...]:
        """Return the names of the values, in the order of the header."""
        return tuple(value.name for value in self.values)


def _numbers(text: str) -> dict[str, int]:
    """Return the values of the enumerators and BIT() macros in a header, by name."""
    found = {name: 1 << int(bit) for name, bit in re.findall(r"\b(CMWQ2_\w+)\s*=?\s*BIT\((\d+)\)", text)}
    for body in re.findall(r"\benum \w+ \{(.*?)\n\};", re.sub(r"/\*.*?\*/", "", text, flags=re.S), re.S):
        following = 0
        for name, value in re.findall(r"(CMWQ2_\w+)\s*(?:=\s*([^,]+))?,", body):
            if name not in found:
                words = [word.strip() for word in value.split("|")] if value else []
                number = 0
                for word in words:
                    number |= int(word) if word.isdigit() else found[word]
                found[name] = number if words else following
            following = found[name] + 1
    return found


def _read(path: Path) -> Policy:
    name, text = path.stem, path.read_text()
    about = re.search(rf"#define cmwq2_{name}_about\s+{STRING}", text)
    pools = re.search(rf"#define cmwq2_{name}_pools\s+(\w+)", text)
    unsafe = re.search(rf"#define cmwq2_{name}_unsafe\s+{STRING}", text)
    default = re.search(rf"#define cmwq2_{name}_default\s+(\w+)", text)
    body = re.search(rf"#define cmwq2_{name}_values\(value\)((?:.*\\\n)*.*)", text)
    if not (about and pools and unsafe and default and body):
        raise cli.Error(f"{path}: this header must define cmwq2_{name}_about, _default, _pools, _unsafe and _values")
    if pools[1] not in POOLS:
        raise cli.Error(f"{path}: cmwq2_{name}_pools is {pools[1]}: allowed: {', '.join(POOLS)}")
    numbers = _numbers(text)
    values = tuple(Value(value, enumerator, numbers[enumerator], said) for value, enumerator, said in
                   re.findall(rf"value\({STRING},\s*(\w+),[\s\\]*{STRING}\)", body[1]))
    usual = next(value.name for value in values if value.enumerator == default[1])
    return Policy(name, about[1], POOLS[pools[1]], unsafe[1], usual, values)


def has_sources(tree: Path = ROOT) -> bool:
    """Return whether @tree has the sources of the engine, which describe the policies."""
    return (tree / "src/lab/choices.c").exists()


@cache
def read(tree: Path = ROOT) -> dict[str, Policy]:
    """Return all policies of the engine in @tree by name. Raises cli.Error if a header describes no policy."""
    return {path.stem: _read(path) for path in sorted((tree / "src/lab/policy").glob("*.h"))}


def names(policy: str) -> tuple[str, ...]:
    """Return the names of the values of @policy."""
    return read()[policy].names()


def numbers(policy: str) -> dict[str, int]:
    """Return the numbers that stand for the values of @policy in the engine, by the names of the values."""
    return {value.name: value.number for value in read()[policy].values}


@cache
def profile_settings(tree: Path = ROOT) -> dict[str, str]:
    """Return what each of the engine's profiles sets, POLICY=VALUE with spaces between them, by its name, the default
    first. A policy that a profile does not name has its default."""
    text = (tree / "src/lab/choices.c").read_text()
    table = text[text.index("cmwq2_profiles[] = {"):]
    return dict(re.findall(rf"^\t\{{ {STRING},\s*{STRING}", table[:table.index("};")], re.M))


def profiles(tree: Path = ROOT) -> tuple[str, ...]:
    """Return the names of the engine's profiles, the default first."""
    return tuple(profile_settings(tree))


def is_setting(word: str) -> bool:
    """Return whether @word is POLICY=VALUE, or several joined by "+", with policies and values that exist."""
    known = read()
    settings = [setting.partition("=") for setting in word.split("+")]
    return all(name in known and value in known[name].names() for name, _, value in settings)


def is_profile_or_setting(word: str) -> bool:
    """Return whether @word is a profile, a setting as in :func:`is_setting`, or both, joined by "+"."""
    profile, _, setting = word.partition("+")
    return word in profiles() or is_setting(word) or (profile in profiles() and is_setting(setting))


def _readme_row(policy: Policy) -> str:
    values = ", ".join(f"`{value.name}`" for value in policy.values)
    return f"| `{policy.name}` | {values}: {policy.about[0].lower()}{policy.about[1:]} | `{policy.default}` |\n"


def _readme_profiles(tree: Path) -> str:
    values = ", ".join(f"`{name}`" for name in profiles(tree))
    return (f"| `profile` | {values}: sets of the policies that each pool has, which are the next rows |"
            f" `{profiles(tree)[0]}` |\n")


def readme(text: str, tree: Path = ROOT) -> str:
    """Return @text, the README, with its row of the profiles, and a row for each policy after that."""
    known = read(tree)
    for name in known:
        text = re.sub(rf"^\| `{name}` \|.*\n", "", text, flags=re.M)
    rows = _readme_profiles(tree) + "".join(map(_readme_row, known.values()))
    return PROFILE_ROW.sub(lambda _row: rows, text, count=1)


def howto(text: str, tree: Path = ROOT) -> str:
    """Return @text, the document policy-howto.rst, with the list of all profiles and values between its marks."""
    lines = ["``profile``", "    A set of the policies below. Those that a profile does not name have their defaults.",
             ""]
    for number, (name, settings) in enumerate(profile_settings(tree).items()):
        default = " (default)" if not number else ""
        sets = f"``{settings}``" if settings else "all policies have their defaults"
        lines.append(f"    * ``{name}``{default}: {sets}")
    lines.append("")
    for policy in read(tree).values():
        lines += [f"``{policy.name}``", f"    {policy.about}.", ""]
        for value in policy.values:
            default = " (default)" if value.name == policy.default else ""
            lines.append(f"    * ``{value.name}``{default}: {value.about}")
        lines += ["", f"    Applies to {policy.pools}. Unsafe combinations: {policy.unsafe}.", ""]
    head, _, rest = text.partition(BEGIN)
    return head + BEGIN + "\n" + "\n".join(lines) + "\n" + END + rest.partition(END)[2]


def check(tree: Path, write: bool) -> bool:
    """Check that the tables in @tree agree with the headers, or @write them anew. Return whether all agree."""
    from checks import rules
    wrong = []
    tables = ((README, readme), (HOWTO, howto), (rules.MADE, lambda _text, where: rules.made(where)))
    for name, made in tables:
        path = tree / name
        text = path.read_text() if path.exists() else ""
        if made(text, tree) == text:
            continue
        if write:
            path.write_text(made(text, tree))
            print(f"{name} is written")
        else:
            source = rules.SOURCE if name == rules.MADE else "src/lab/policy/"
            wrong.append(f"{name}: the table does not agree with {source}; make parity WRITE=1 updates it")
    for line in wrong:
        print(line, file=sys.stderr)
    return not wrong


def parser() -> cli.Parser:
    """Return the parser of the command line."""
    one = cli.Parser(prog="policies.py", description="Check the tables of policies in the documents against the "
                     "descriptions in src/lab/policy/, or update them.")
    one.add_argument("--write", action="store_true", help="update the tables instead of checking them")
    one.add_argument("tree", nargs="?", type=Path, default=ROOT, metavar="TREE",
                     help="top directory of a checkout (default: this)")
    return one


def main() -> bool:
    """Parse the command line, and check or write the tables. Return whether they agree with the headers."""
    options = parser().parse_args()
    return check(options.tree, options.write)


if __name__ == "__main__":
    cli.run("policies.py", main)
