# SPDX-License-Identifier: GPL-2.0
"""The code that builds kernels and modules: Debian's packages and sources, configurations, and the cache of kernels.

The packages machines, looks, style and verbs may import it. It imports only base.
"""
