// SPDX-License-Identifier: GPL-2.0
#define CONSUMER_MOVES
#include "consumer.c"
