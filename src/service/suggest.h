/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_SUGGEST_H
#define SERVICE_SUGGEST_H

#include <stddef.h>

#include "base/slice.h"

/*
 * "Did you mean …?": the nearest of known words to a mistyped one, by the number of characters added,
 * left out, changed or swapped with their neighbour (optimal string alignment distance), letters in any
 * case and '-' as '_'.
 */

enum { SUGGEST_WORD_MAX = 64 }; /* longer words are never near anything */

/* The distance between a and b, or SIZE_MAX when one is longer than SUGGEST_WORD_MAX. */
size_t suggest_distance(struct slice a, struct slice b);
/* Whether a word at this distance from word (of n characters) is near enough to be offered. */
int suggest_is_near(size_t distance, size_t n);
/* The nearest of n words, NULL when none is near enough. */
const char *suggest_of(struct slice word, const char *const *words, size_t n);

#endif
