# SPDX-License-Identifier: GPL-2.0
"""The looks into a guest, from outside with drgn or from inside. They are rows of `make check` and `make check-compat`.

Verbs may import it. It imports base, build and machines.
"""
