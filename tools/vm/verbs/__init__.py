# SPDX-License-Identifier: GPL-2.0
"""The verbs of the Makefile, and the knobs that they take. A module has one verb or a few that belong together.

Only the command vm imports it. A module here may import another one whose verb it runs. It imports all other packages.
"""
