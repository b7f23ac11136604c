#include "tests/powercut/cuts.h"

static const enum updraft_nor_cut kinds[] = {
    UPDRAFT_NOR_CUT_BEFORE, UPDRAFT_NOR_CUT_HALF, UPDRAFT_NOR_CUT_AFTER,
    UPDRAFT_NOR_CUT_RANDOM, /* the last: the only one that a seed changes while reads are steady */
};
#define KIND_COUNT ((uint32_t)(sizeof kinds / sizeof kinds[0]))

static const uint32_t unstable_bits[] = {1, 16, 4096}; /* the last: most bits of a short program */
#define DENSITY_COUNT ((uint32_t)(sizeof unstable_bits / sizeof unstable_bits[0]))

static uint32_t way_count(struct cuts_ways ways)
{
    if (ways.seeds == 0)
        return 0;
    return ways.unstable ? KIND_COUNT * DENSITY_COUNT * ways.seeds : KIND_COUNT - 1u + ways.seeds;
}

static struct life_cut cut_of(struct cuts_ways ways, uint32_t way, uint32_t at)
{
    uint32_t kind = way < KIND_COUNT ? way : KIND_COUNT - 1u;

    if (ways.unstable)
        return (struct life_cut){.at = at,
                                 .kind = kinds[way % KIND_COUNT],
                                 .unstable_bits = unstable_bits[way / KIND_COUNT % DENSITY_COUNT],
                                 .seed = way / (KIND_COUNT * DENSITY_COUNT)};
    return (struct life_cut){.at = at, .kind = kinds[kind], .seed = way - kind};
}

const char *cuts_way_text(struct cuts_ways ways, uint32_t way)
{
    static const char *const texts[] = {
        [UPDRAFT_NOR_CUT_BEFORE] = "nothing",
        [UPDRAFT_NOR_CUT_HALF] = "half",
        [UPDRAFT_NOR_CUT_RANDOM] = "random bits",
        [UPDRAFT_NOR_CUT_AFTER] = "all",
    };
    static char text[80];
    struct life_cut cut = cut_of(ways, way, 0);

    snprintf(text, sizeof text, "%s of it done (seed %u)%s", texts[cut.kind], cut.seed,
             cut.unstable_bits == 0   ? ""
             : cut.unstable_bits == 1 ? ", one bit unstable"
                                      : ", many bits unstable");
    return text;
}

static uint32_t count_operations(struct life *life, const struct life_snapshot *from)
{
    static const struct life_cut never = {0};

    life_restore(life, from);
    return (uint32_t)life_run(life, &never);
}

static void run_case(const struct cuts_plan *plan, struct life *life,
                     const struct life_snapshot *from, const struct cuts_case *which,
                     const struct cuts_visitor *visitor)
{
    bool is_second = which->at[1] != 0;
    struct life_cut cut =
        cut_of(is_second ? plan->second : plan->first, which->way[is_second], which->at[is_second]);

    visitor->begin(visitor->ctx, which);
    life_restore(life, from);
    life_run(life, &cut);
    visitor->end(visitor->ctx, which, life_check(life));
}

/* The first cut has come; the second comes at every operation of what follows. */
static void run_second(const struct cuts_plan *plan, struct life *life, struct cuts_case which,
                       const struct cuts_visitor *visitor)
{
    struct life_cut first = cut_of(plan->first, which.way[0], which.at[0]);
    struct life_snapshot after_first;
    uint32_t operations;

    life_restore(life, &life->fresh);
    life_run(life, &first);
    life_save(life, &after_first);
    operations = count_operations(life, &after_first);
    for (which.at[1] = 1; which.at[1] <= operations; which.at[1]++) {
        for (which.way[1] = 0; which.way[1] < way_count(plan->second); which.way[1]++)
            run_case(plan, life, &after_first, &which, visitor);
    }
    life_snapshot_free(&after_first);
}

uint32_t cuts_run(const struct cuts_plan *plan, const struct cuts_visitor *visitor)
{
    struct life life;
    uint32_t operations;

    life_make(&life, &plan->spec);
    operations = count_operations(&life, &life.fresh);
    for (uint32_t at = 1; at <= operations; at++) {
        if (visitor->wants != NULL && !visitor->wants(visitor->ctx, at))
            continue;
        for (uint32_t way = 0; way < way_count(plan->first); way++) {
            struct cuts_case which = {.at = {at, 0}, .way = {way, 0}};

            if (plan->second.seeds == 0)
                run_case(plan, &life, &life.fresh, &which, visitor);
            else
                run_second(plan, &life, which, visitor);
        }
    }
    life_free(&life);
    return operations;
}

static void tell_cut(struct life *life, struct cuts_ways ways, const struct cuts_case *which,
                     int index)
{
    struct life_cut cut = cut_of(ways, which->way[index], which->at[index]);

    fprintf(life->log, "-- %s cut: operation %u, %s\n", index == 0 ? "first" : "second",
            which->at[index], cuts_way_text(ways, which->way[index]));
    life_run(life, &cut);
}

bool cuts_tell(const struct cuts_plan *plan, const struct cuts_case *which, FILE *log)
{
    struct life life;
    const char *failure;

    life_make(&life, &plan->spec);
    life.log = log;
    life_restore(&life, &life.fresh);
    tell_cut(&life, plan->first, which, 0);
    if (which->at[1] != 0)
        tell_cut(&life, plan->second, which, 1);
    fprintf(log, "-- the power is back\n");
    failure = life_check(&life);
    fprintf(log, "-- %s\n", failure != NULL ? failure : "everything held");
    life_free(&life);
    return failure == NULL;
}
