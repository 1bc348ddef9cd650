/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_ONLINE_LOSS_H
#define CORE_ONLINE_LOSS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What part of a node's lines never comes, by comparing both sources: where the online list says that an
 * address had its last new stream in a certain second, the log must hold a line of that second (sampler.h
 * finds out how many it holds).
 *
 * A second may have had several lines, of which some came, so that the part p0 of seconds of which none came
 * is less than the part q of lines that are lost. With 1 + n lines in a second, n negatively binomial of
 * shape r and mean m, and each line lost by chance, M = (1 − q)(1 + m) come on average and
 *
 *     p0 = q · (1 + (M − 1 + q) / r)^−r
 *
 * which is solved for q. It is p0 = q whatever r where seconds have one line; r = 1.3 suits the last seconds
 * of bursts, of which the list tells (docs/decisions.md). Users who leave single lines and users who leave
 * bursts are no one distribution, so seconds are kept apart by what the user's other seconds hold, and each
 * kind weighs as much as it tells.
 *
 * A reader that comes or goes changes p0 at once: only what lies after the last such change is used, a
 * quarter of an hour at the most.
 */
enum { LOSS_SAMPLES = 1024 };

/* What a user's other seconds hold, of those of which lines came. */
enum loss_kind { LOSS_SINGLE, LOSS_FEW, LOSS_BURST, LOSS_UNKNOWN, LOSS_KINDS };

struct loss_sample {
    uint32_t at_s;
    uint8_t lines, kind;
};

struct loss {
    struct loss_sample *ring; /* NULL before the first */
    uint32_t n;               /* noted so far; the last LOSS_SAMPLES are kept */
    bool theft;               /* as of the last look */
};

struct loss_look {
    double part, error; /* lost, 0…1; one standard deviation */
    unsigned seconds;   /* that tell of it */
    bool known;         /* false: they are too few */
    bool suspect;       /* more is lost than by chance, and how much is not known well yet */
    bool
        theft; /* so much that another reader must be taking lines, and known well enough to be told */
};

/* Embedded, zero is empty. Frees the samples; empty and usable afterwards. */
void loss_release(struct loss *l);
/* So many lines of a second came, as was found at now_us. Without memory nothing is noted. */
void loss_note(struct loss *l, enum loss_kind kind, unsigned lines, int64_t now_us);
/* What they tell at now_us. O(samples). */
struct loss_look loss_look(struct loss *l, int64_t now_us);

#endif
