# SPDX-License-Identifier: GPL-2.0
"""Formats a set of benchmarks as text: all its tables, or one line for each run and each important figure."""

from benchmark import boots, documents, results


def cautions(document: dict) -> list:
    """Return the warnings that a reader must know before trusting any figure."""
    found = results.heading(document["runs"][0])[2:] if document["runs"] else []
    return found + partial(document) + documents.cautions(document)


def not_run(document: dict) -> list:
    """Return a line for each run that could not be made, with the reason."""
    return [f"{each['title']}: not run: {each['reason']}" for each in document["missing"]]


def partial(document: dict) -> list:
    """Return a warning if boots are missing, otherwise []."""
    text = boots.partial_text(document)
    return [f"Caution: {text}."] if text else []


def disturbances(document: dict) -> list:
    """Return a line for each run during which the machine was busy with something else."""
    lines = [f"{run['title']}: disturbed: {'; '.join(run['disturbed'])}. The run was made once more, and no figure "
             "contains it." for run in document.get("disturbed", ())]
    return lines + [f"{run['title']}: disturbed, and again when it was repeated: {'; '.join(run['disturbed'])}. Do not "
                    "trust its figures." for run in document["runs"] if run.get("disturbed")]


def tables(document: dict) -> str:
    """Return the tables of all runs for a terminal."""
    parts = [f"== {run['title']}{' (disturbed)' if run.get('disturbed') else ''}\n{results.table(run)}"
             for run in document["runs"]]
    parts += [f"== {text}" for text in not_run(document)]
    last = [*disturbances(document), *partial(document), *documents.cautions(document)]
    return "\n\n".join(parts + (["\n".join(last)] if last else []))


def _number(value: object) -> str:
    return "-" if value is None else f"{value:,}"


def rows(document: dict) -> list:
    """Return rows of cells: run, figure, the native engine's median, and the ratio of each other engine to it."""
    names = list(dict.fromkeys(name for run in document["runs"] for name in run["header"]["engines"]))
    others = [name for name in names if name != "native"]
    found = [("run", "figure", "native", *(f"{name} / native" for name in others))]
    for run in document["runs"]:
        listed = run["header"]["engines"]
        if "native" not in listed:
            continue
        for figure in results.summary_of(run["header"]):
            cells = [_cell(run, listed.index(name), figure) if name in listed else "" for name in others]
            title = run["title"] + (" (disturbed)" if run.get("disturbed") else "")
            found.append((title, figure, _number(run["engines"][listed.index("native")][figure]), *cells))
    return found


def _cell(run: dict, engine: int, figure: str) -> str:
    """Return an engine's ratio to native, or the value itself for a figure that has no ratio."""
    if figure in results.COUNTS:
        return _number(run["engines"][engine][figure])
    return results.ratio(run, engine, figure).rstrip()


def summary(document: dict) -> str:
    """Return a table in Markdown, with the origin of the figures and the meaning of the marks."""
    table = rows(document)
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in table]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    rounds = list(dict.fromkeys(results.rounds_text(run["header"])
                                for run in sorted(document["runs"], key=lambda run: run["header"]["rounds"])))
    rounds = [text.replace(" rounds", "") for text in rounds[:-1]] + rounds[-1:]
    marks = (f"Medians over {' or '.join(rounds)}; ratios are taken in each round, with an interval "
             "of 95 %. A star is a difference: the interval excludes 1. No star: no difference seen.")
    more = [*not_run(document), *disturbances(document)]
    return "\n".join([f"{documents.where_text(document)}.", *cautions(document), marks, "", *lines,
                      *([""] if more else []), *more])
