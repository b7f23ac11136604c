/* The stages of a rollout: how far each goes, as a part of the devices or as a number of them. Pure.
 *
 * "1% 10% 50% 100%", "10 100 100%". Each goes further than the one before it, as far as that can be told
 * without knowing the fleet; the last is 100%, or the rollout would never be done. A stage holds those
 * before it. */
#ifndef UPDRAFT_SERVER_DECIDE_STAGES_H
#define UPDRAFT_SERVER_DECIDE_STAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPDRAFT_STAGES_MOST     8u
#define UPDRAFT_STAGES_TEXT_CAP 96u
#define UPDRAFT_STAGE_GOAL_CAP  12u

struct updraft_stage {
    uint32_t goal; /* hundredths of a percent, or devices */
    bool percent;
};

struct updraft_stages {
    struct updraft_stage at[UPDRAFT_STAGES_MOST];
    size_t count;
};

/* NULL, or what is wrong with the text. */
const char *updraft_stages_parse(const char *text, struct updraft_stages *stages);
/* "10%", "2.5%", "100". */
void updraft_stage_format(const struct updraft_stage *stage, char text[UPDRAFT_STAGE_GOAL_CAP]);
/* Of this many devices, how many are in the stage; a part of a device counts as one. */
size_t updraft_stage_size(const struct updraft_stage *stage, size_t devices);

#endif
