# SPDX-License-Identifier: GPL-2.0
"""The guests: their files, how they boot, the channels through which they report, and their results.

The packages looks, style and verbs may import it. It imports base and build.
"""
