# SPDX-License-Identifier: GPL-2.0
"""The verbs of the Makefile, a module for each or for a few that belong together, and the knobs that they take.

Only the command vm imports it, and a module may import another verb that it repeats. It imports all other packages.
"""
