# SPDX-License-Identifier: GPL-2.0
# Does nothing: that the guest got here and can report is the answer.
:
