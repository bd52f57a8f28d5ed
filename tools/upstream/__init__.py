# SPDX-License-Identifier: GPL-2.0
"""Changes to the kernel's own workqueue, in the files of the folder edits.

edit.py reads an edit and applies it to a kernel source. transfer.py compares what a policy gains in the kernel with
what it gains in cmwq2. series.py makes a series of patches. Documentation/transfer.rst describes all of it.
"""
