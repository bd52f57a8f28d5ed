# SPDX-License-Identifier: GPL-2.0
"""Checks claims about the engine: in its models, on the mailing list, about its API, and about drivers that use it.

tools/check_model.py calls model.py, tools/parity.py calls parity.py, and tools/layouts.py calls layouts.py. The verb
`make experiment` boots what experiments.py describes.
"""
