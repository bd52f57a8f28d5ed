# SPDX-License-Identifier: GPL-2.0
"""The rows of `make style`: checks of the sources, the documents and the tools that need no guest.

The package verbs may import it. It imports base, build and machines.
"""
