# SPDX-License-Identifier: GPL-2.0
"""What makes kernels and modules: Debian's packages and sources, configurations, builds, and the cache of kernels.

Machines, looks, checks of the style and verbs may import it. It imports only base.
"""
