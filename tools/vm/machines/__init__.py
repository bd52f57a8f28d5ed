# SPDX-License-Identifier: GPL-2.0
"""The guests: their files, how they boot, the channels they report through, and the results read from these.

Looks, checks of the style and verbs may import it. It imports base and build.
"""
