/* The campaign: every life of a table, cut everywhere, on all cores.
 *
 *   campaign [--quick] [--jobs N]      prints the table; 1 when a case failed or a bar was missed
 *   campaign --case NAME               runs one case and tells each step
 *
 * The cases do not depend on the number of workers, on the host or on the clock: each worker takes
 * every n-th operation of each life, and random bits come from the seeds that are printed. A worker
 * that dies (an assertion of the code under test) is a failure of the case it was at. */
#include "tests/powercut/cuts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CASES_BAR   100000u
#define SECONDS_BAR 300.0

#define LIVES_PER_PART 12u /* three ages, raw and gzip, healthy and crashing */
#define WORKER_CAP     64
#define NOTE_CAP       8 /* failures a worker describes for each part */

struct part {
    const char *title;
    enum rig_layout layout;
    uint32_t image_len;
    struct cuts_ways first;
    struct cuts_ways second;
    bool quick;        /* also part of the quick campaign */
    bool quick_second; /* there with its oldest device only, because it is long */
    enum life_target target;
    bool changes_its_mind; /* only healthy lives are lived */
};

#define ONE_CUT(title, layout, quick)                                                              \
    {                                                                                              \
        title, layout, 20000, {false, 6}, {false, 0}, quick, false, LIFE_TARGET_OLD, false         \
    }
#define TWO_CUTS(title, layout, quick)                                                             \
    {                                                                                              \
        title, layout, 6000, {false, 1}, {false, 1}, quick, true, LIFE_TARGET_OLD, false           \
    }
#define UNSTABLE(title, layout, quick)                                                             \
    {                                                                                              \
        title, layout, 6000, {true, 8}, {false, 0}, quick, false, LIFE_TARGET_OLD, false           \
    }
/* Images of several records, so that there is something to go on with. */
#define RESUME(title, image_len, unstable, seeds, second, target, changes)                         \
    {                                                                                              \
        title, RIG_TWO_SLOTS, image_len, {unstable, seeds}, {unstable, second}, true, true,        \
            target, changes                                                                        \
    }

static const struct part parts[] = {
    ONE_CUT("one cut, two slots", RIG_TWO_SLOTS, true),
    ONE_CUT("one cut, factory and two slots", RIG_FACTORY_TWO, true),
    ONE_CUT("one cut, factory and one slot", RIG_FACTORY_ONE, true),
    ONE_CUT("one cut, four slots", RIG_FOUR_SLOTS, true),
    TWO_CUTS("two cuts, two slots", RIG_TWO_SLOTS, true),
    TWO_CUTS("two cuts, factory and two slots", RIG_FACTORY_TWO, false),
    TWO_CUTS("two cuts, factory and one slot", RIG_FACTORY_ONE, true),
    TWO_CUTS("two cuts, four slots", RIG_FOUR_SLOTS, false),
    UNSTABLE("unstable reads, two slots", RIG_TWO_SLOTS, true),
    UNSTABLE("unstable reads, factory and two", RIG_FACTORY_TWO, false),
    UNSTABLE("unstable reads, factory and one", RIG_FACTORY_ONE, true),
    UNSTABLE("unstable reads, four slots", RIG_FOUR_SLOTS, false),
    RESUME("another image after the cut", 12000, false, 1, 1, LIFE_TARGET_OLD, true),
    RESUME("the same, unstable reads", 20000, true, 8, 0, LIFE_TARGET_OLD, true),
    RESUME("a blank slot, unstable reads", 20000, true, 8, 0, LIFE_TARGET_BLANK, false),
    RESUME("a similar image, unstable reads", 20000, true, 8, 0, LIFE_TARGET_SIMILAR, false),
};
#define PART_COUNT (sizeof parts / sizeof parts[0])

struct tally {
    uint64_t operations; /* of the lives, uncut; counted by the first worker */
    uint64_t cases;
    uint64_t failures;
    double seconds;
    uint32_t note_count;
    char notes[NOTE_CAP][160];
};

/* What a worker leaves to its parent, in shared memory so that it outlives the worker. */
struct worker {
    struct tally tallies[PART_COUNT];
    uint32_t part;
    uint32_t life;
    struct cuts_case at;
    bool done;
};

struct campaign {
    bool quick;
    uint32_t jobs;
    struct worker *workers;
};

/* One worker's view, the context of its visitor. */
struct shift {
    struct worker *mine;
    uint32_t index;
    uint32_t jobs;
    uint32_t turn; /* counts operations over all lives */
};

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct cuts_plan plan_of(const struct part *part, uint32_t life)
{
    return (struct cuts_plan){
        .spec = {.layout = part->layout,
                 .updates_before = (int)(life % 3u),
                 .gzip = life / 3u % 2u != 0,
                 .crashes = life / 6u != 0,
                 .image_len = part->image_len,
                 .target = part->target,
                 .changes_its_mind = part->changes_its_mind},
        .first = part->first,
        .second = part->second,
    };
}

/* The quick campaign: one seed, and of the lives those that differ most. */
static bool is_wanted(const struct campaign *campaign, const struct part *part,
                      const struct life_spec *life)
{
    if (part->changes_its_mind && (life->crashes || life->gzip))
        return false;
    if (!campaign->quick)
        return true;
    if (!part->quick || (life->gzip && life->crashes))
        return false;
    return life->updates_before == 1 || (!part->quick_second && life->updates_before == 0);
}

static void name_case(char *out, size_t cap, uint32_t part, uint32_t life,
                      const struct cuts_case *which)
{
    int len =
        snprintf(out, cap, "%u.%u.%u", part * LIVES_PER_PART + life, which->at[0], which->way[0]);

    if (which->at[1] != 0)
        snprintf(out + len, cap - (size_t)len, ".%u.%u", which->at[1], which->way[1]);
}

static void note_failure(struct worker *worker, const char *failure)
{
    struct tally *tally = &worker->tallies[worker->part];
    char name[64];

    tally->failures++;
    if (tally->note_count == NOTE_CAP)
        return;
    name_case(name, sizeof name, worker->part, worker->life, &worker->at);
    snprintf(tally->notes[tally->note_count++], sizeof tally->notes[0], "case %s: %s", name,
             failure);
}

static bool takes_turn(void *ctx, uint32_t first_at)
{
    struct shift *shift = ctx;

    (void)first_at;
    return shift->turn++ % shift->jobs == shift->index;
}

static void begin_case(void *ctx, const struct cuts_case *which)
{
    struct worker *mine = ((struct shift *)ctx)->mine;

    mine->at = *which;
    mine->tallies[mine->part].cases++;
}

static void end_case(void *ctx, const struct cuts_case *which, const char *failure)
{
    (void)which;
    if (failure != NULL)
        note_failure(((struct shift *)ctx)->mine, failure);
}

static void work(const struct campaign *campaign, uint32_t index)
{
    struct worker *mine = &campaign->workers[index];
    struct shift shift = {.mine = mine, .index = index, .jobs = campaign->jobs};
    struct cuts_visitor visitor = {&shift, takes_turn, begin_case, end_case};

    for (mine->part = 0; mine->part < PART_COUNT; mine->part++) {
        struct tally *tally = &mine->tallies[mine->part];
        double start = now_s();

        for (mine->life = 0; mine->life < LIVES_PER_PART; mine->life++) {
            struct cuts_plan plan = plan_of(&parts[mine->part], mine->life);

            if (!is_wanted(campaign, &parts[mine->part], &plan.spec))
                continue;
            if (campaign->quick)
                plan.first.seeds = 1;
            tally->operations += cuts_run(&plan, &visitor);
        }
        tally->seconds = now_s() - start;
    }
    mine->done = true;
}

static void work_all(struct campaign *campaign)
{
    pid_t pids[WORKER_CAP];

    for (uint32_t i = 0; i < campaign->jobs; i++) {
        pids[i] = fork();
        if (pids[i] < 0) {
            perror("campaign: cannot start a worker");
            exit(2);
        }
        if (pids[i] == 0) {
            work(campaign, i);
            _exit(0);
        }
    }
    for (uint32_t i = 0; i < campaign->jobs; i++) {
        while (waitpid(pids[i], NULL, 0) < 0 && errno == EINTR)
            continue;
        if (!campaign->workers[i].done)
            note_failure(&campaign->workers[i], "the code under test ended the process");
    }
}

static struct tally sum_part(const struct campaign *campaign, uint32_t part)
{
    struct tally sum = {.operations = campaign->workers[0].tallies[part].operations};

    for (uint32_t i = 0; i < campaign->jobs; i++) {
        const struct tally *tally = &campaign->workers[i].tallies[part];

        sum.cases += tally->cases;
        sum.failures += tally->failures;
        sum.seconds = tally->seconds > sum.seconds ? tally->seconds : sum.seconds;
        for (uint32_t n = 0; n < tally->note_count && sum.note_count < NOTE_CAP; n++)
            memcpy(sum.notes[sum.note_count++], tally->notes[n], sizeof sum.notes[0]);
    }
    return sum;
}

static void print_row(const char *title, const struct tally *tally)
{
    printf("%-38s %10llu %9llu %9llu %8.1f\n", title, (unsigned long long)tally->operations,
           (unsigned long long)tally->cases, (unsigned long long)tally->failures, tally->seconds);
}

static struct tally print_table(const struct campaign *campaign)
{
    struct tally total = {0};

    printf("%-38s %10s %9s %9s %8s\n", "", "operations", "cases", "failures", "seconds");
    for (uint32_t part = 0; part < PART_COUNT; part++) {
        struct tally sum = sum_part(campaign, part);

        if (sum.cases == 0 && sum.failures == 0)
            continue;
        print_row(parts[part].title, &sum);
        for (uint32_t n = 0; n < sum.note_count; n++)
            printf("    %s\n", sum.notes[n]);
        total.operations += sum.operations;
        total.cases += sum.cases;
        total.failures += sum.failures;
    }
    return total;
}

static int run_campaign(struct campaign *campaign)
{
    double start = now_s();
    struct tally total;
    bool missed;

    campaign->workers = mmap(NULL, campaign->jobs * sizeof *campaign->workers,
                             PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (campaign->workers == MAP_FAILED) {
        perror("campaign: no memory");
        return 2;
    }
    printf("Power cuts, %s campaign, %u workers, random bits from seeds 0 to %u\n\n",
           campaign->quick ? "quick" : "full", campaign->jobs,
           campaign->quick ? 0u : parts[0].first.seeds - 1u);
    fflush(stdout);
    work_all(campaign);
    total = print_table(campaign);
    total.seconds = now_s() - start;
    print_row("all", &total);
    missed = total.failures != 0;
    if (!campaign->quick) {
        printf("%-38s %10s %9s %9s %8s\n", "bar", "", "> 100000", "0", "< 300");
        missed = missed || total.cases <= CASES_BAR || total.seconds >= SECONDS_BAR;
    }
    return missed ? 1 : 0;
}

static int tell_case(const char *name)
{
    struct cuts_case which = {{0, 0}, {0, 0}};
    struct cuts_plan plan;
    uint32_t number;
    int fields = sscanf(name, "%u.%u.%u.%u.%u", &number, &which.at[0], &which.way[0], &which.at[1],
                        &which.way[1]);

    if ((fields != 3 && fields != 5) || number >= PART_COUNT * LIVES_PER_PART) {
        fprintf(stderr, "campaign: '%s' is no case; they look like 3.14.1 or 50.2.0.7.3\n", name);
        return 2;
    }
    plan = plan_of(&parts[number / LIVES_PER_PART], number % LIVES_PER_PART);
    printf("%s; updated %d times before, %s, the new image %s\n",
           parts[number / LIVES_PER_PART].title, plan.spec.updates_before,
           plan.spec.gzip ? "gzip" : "raw", plan.spec.crashes ? "crashes" : "is healthy");
    return cuts_tell(&plan, &which, stdout) ? 0 : 1;
}

int main(int argc, char **argv)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct campaign campaign = {.jobs = cores < 2 ? 2 : (uint32_t)cores};

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            campaign.quick = true;
        } else if (strcmp(argv[i], "--jobs") == 0 && i + 1 < argc) {
            campaign.jobs = (uint32_t)strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--case") == 0 && i + 1 < argc) {
            return tell_case(argv[i + 1]);
        } else {
            fprintf(stderr, "usage: campaign [--quick] [--jobs N] | --case NAME\n");
            return 2;
        }
    }
    if (campaign.jobs < 1 || campaign.jobs > WORKER_CAP) {
        fprintf(stderr, "campaign: 1 to %d workers\n", WORKER_CAP);
        return 2;
    }
    return run_campaign(&campaign);
}
