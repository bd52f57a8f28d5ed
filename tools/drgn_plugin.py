# SPDX-License-Identifier: GPL-2.0
"""The plugin that drgn finds once the package is installed: it adds the commands %wq_dump and %wq_monitor to a session.

drgn has such commands since 0.1.0. In an older session the plugin adds nothing, and the helpers can be imported as
well."""

from __future__ import annotations

from typing import Any, Callable

try:
    from drgn.commands import parse_shell_command
    from drgn.commands.linux import linux_kernel_custom_command
except ImportError:
    linux_kernel_custom_command = None


# Every drgn session imports this file, so the commands import the rest when they run.


def _wq_dump(words: list[str], scope: dict[str, Any]) -> bool:
    from wq import dump
    return dump.show_all(dump.parse_args(words), scope)


def _wq_monitor(words: list[str], scope: dict[str, Any]) -> bool:
    from wq import monitor
    return monitor.show_all(monitor.parse_args(words), scope)


def _add(name: str, description: str, show: Callable[[list[str], dict[str, Any]], bool]) -> None:
    """Add the command @name to drgn's. @show takes its words, and the kernel as drgn gives it to a script."""
    def command(prog: Any, _name: str, words: Any, **_more: Any) -> int:
        import cli
        from wq import script
        return cli.status(name, lambda: show(list(words), {"prog": prog}), script.explain)

    linux_kernel_custom_command(name=name, description=description, usage=f"**{name}** [*option*...]",
                                long_description=f"``{name} --help`` lists the options.",
                                parse=parse_shell_command)(command)


if linux_kernel_custom_command:
    _add("wq_dump", "show what pools, workers, items and workqueues are doing", _wq_dump)
    _add("wq_monitor", "show again and again what workqueues and pools do", _wq_monitor)
