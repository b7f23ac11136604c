#include "server/decide/stages.h"

#include <stdio.h>
#include <string.h>

#define WHOLE        10000u /* hundredths of a percent */
#define DEVICES_MOST 100000000u

/* Takes "12", "12%" or "12.5%" from *text. False: that is none of them. */
static bool take(const char **text, struct updraft_stage *stage)
{
    uint32_t number = 0, hundredths = 0;
    const char *at = *text;
    unsigned digits = 0, decimals = 0;

    for (; *at >= '0' && *at <= '9' && number <= DEVICES_MOST; at++, digits++)
        number = number * 10 + (uint32_t)(*at - '0');
    if (digits > 0 && *at == '.') {
        for (at++; *at >= '0' && *at <= '9' && decimals < 2; at++, decimals++)
            hundredths = hundredths * 10 + (uint32_t)(*at - '0');
        if (decimals == 0 || *at != '%')
            return false;
        hundredths = decimals == 1 ? hundredths * 10 : hundredths;
    }
    stage->percent = *at == '%';
    at += stage->percent;
    if (digits == 0 || (*at != '\0' && *at != ' ') ||
        number > (stage->percent ? 100 : DEVICES_MOST))
        return false;
    stage->goal = stage->percent ? number * 100 + hundredths : number;
    *text = at;
    return stage->goal > 0 && (!stage->percent || stage->goal <= WHOLE);
}

const char *updraft_stages_parse(const char *text, struct updraft_stages *stages)
{
    struct updraft_stages out = {.count = 0};

    if (strlen(text) >= UPDRAFT_STAGES_TEXT_CAP)
        return "the stages have more than 95 characters";
    for (text += strspn(text, " "); *text != '\0'; text += strspn(text, " ")) {
        struct updraft_stage *stage = &out.at[out.count];
        if (out.count == UPDRAFT_STAGES_MOST)
            return "there are more than 8 stages";
        if (!take(&text, stage))
            return "a stage is a part such as 10% or 2.5%, of 100% at most, or a number of devices";
        for (size_t i = 0; i < out.count; i++) {
            if (out.at[i].percent == stage->percent && out.at[i].goal >= stage->goal)
                return "each stage must go further than the one before it";
        }
        out.count++;
    }
    if (out.count == 0 || !out.at[out.count - 1].percent || out.at[out.count - 1].goal != WHOLE)
        return "the last stage must be 100%";
    *stages = out;
    return NULL;
}

void updraft_stage_format(const struct updraft_stage *stage, char text[UPDRAFT_STAGE_GOAL_CAP])
{
    const unsigned whole = stage->goal / 100, part = stage->goal % 100;

    if (!stage->percent)
        snprintf(text, UPDRAFT_STAGE_GOAL_CAP, "%u", (unsigned)stage->goal);
    else if (part == 0)
        snprintf(text, UPDRAFT_STAGE_GOAL_CAP, "%u%%", whole);
    else
        snprintf(text, UPDRAFT_STAGE_GOAL_CAP, part % 10 == 0 ? "%u.%u%%" : "%u.%02u%%", whole,
                 part % 10 == 0 ? part / 10 : part);
}

size_t updraft_stage_size(const struct updraft_stage *stage, size_t devices)
{
    if (!stage->percent)
        return stage->goal < devices ? stage->goal : devices;
    return (size_t)(((uint64_t)devices * stage->goal + WHOLE - 1) / WHOLE);
}
