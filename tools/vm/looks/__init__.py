# SPDX-License-Identifier: GPL-2.0
"""The looks: tests that inspect a guest with drgn, from outside or inside. They are rows of `make check` and
`make check-compat`.

The package verbs may import it. It imports base, build and machines.
"""
