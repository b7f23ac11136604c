#include "cli/simulate/options.h"

#include "cli/sample.h"
#include "cli/server.h"
#include "cli/simulate/traffic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WEIGHT_MOST 1000000u
#define HOUR_MS     3600000u
#define DAY_MS      86400000u

const struct updraft_option updraft_sim_option_table[] = {
    {"devices", 0, "N", "how many (default: 1000)"},
    {"mix", 0, "LIST",
     "which kinds, by weight (default: esp8266:40,channel:40,evse:10,ovms:5,check:5)"},
    {"poll", 0, "TIME", "how often each asks: 30s, 5m, 1h (default: 30s)"},
    {"jitter", 0, "SHARE", "how much sooner or later (default: 20%)"},
    {"bad-boot", 0, "SHARE", "devices that cannot boot a new version (default: 0%)"},
    {"fail", 0, "SHARE", "downloads that do not arrive sound (default: 0%)"},
    {"silent", 0, "SHARE", "devices that go silent in their first update (default: 0%)"},
    {"postpone", 0, "SHARE",
     "devices that put an offer off once, where their kind can (default: 0%)"},
    {"boot-time", 0, "TIME", "how long a restart takes (default: 2s)"},
    {"seed", 0, "N", "another fleet with other fates; the same seed, the same (default: 1)"},
    {"duration", 0, "TIME", "end after that (default: 5m)"},
    {"until-settled", 0, NULL, "end as soon as there is nothing new for anyone"},
    {"speed", 0, "N", "the devices' clocks run so much faster (default: 1)"},
    {"product", 0, "NAME", "what the devices are (default: simulated)"},
    {"channel", 0, "NAME", "the channel they follow (default: stable)"},
    {"from", 0, "VERSION", "what they run at first (default: 1.0.0)"},
    {"publish", 0, "VERSION", "first publish sample images of that version on the channel"},
    {"image-size", 0, "SIZE", "of those images (default: 64K)"},
    {"sample", 0, "SIZE", "fetch only so much of an image where the protocol knows ranges"},
    {"parallel", 0, "N", "most requests under way at a time (default: 200)"},
    {"keep-alive", 0, NULL, "use connections again; small devices open one each time"},
    UPDRAFT_SERVER_OPTIONS,
    {0},
};

bool updraft_sim_parse_time(const char *text, uint64_t *ms)
{
    static const struct {
        const char *unit;
        uint32_t ms;
    } units[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", HOUR_MS}, {"d", DAY_MS}};
    char *end;

    if (text[0] < '0' || text[0] > '9' || strlen(text) > 12)
        return false;
    const uint64_t number = strtoull(text, &end, 10);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(end, units[i].unit) != 0 || number > 365ull * DAY_MS / units[i].ms)
            continue;
        *ms = number * units[i].ms;
        return true;
    }
    return false;
}

bool updraft_sim_parse_share(const char *text, uint32_t *odds)
{
    const size_t whole_len = strspn(text, "0123456789");
    const char *rest = text + whole_len;
    uint32_t value = 0, part = UPDRAFT_SIM_ODDS / 100;

    if (whole_len == 0 || whole_len > 3)
        return false;
    for (size_t i = 0; i < whole_len; i++)
        value = value * 10 + (uint32_t)(text[i] - '0');
    value *= part;
    if (*rest == '.') {
        for (rest++; *rest >= '0' && *rest <= '9' && part > 1; rest++) {
            part /= 10;
            value += (uint32_t)(*rest - '0') * part;
        }
    }
    if ((*rest && strcmp(rest, "%") != 0) || value > UPDRAFT_SIM_ODDS)
        return false;
    *odds = value;
    return true;
}

/* One "name:weight"; false when it is none. */
static bool parse_part(const char *part, size_t len, uint32_t weights[UPDRAFT_SIM_KIND_COUNT])
{
    const char *colon = memchr(part, ':', len);
    const size_t name_len = colon ? (size_t)(colon - part) : len;
    uint32_t weight = 1;
    char number[8];

    if (colon) {
        const size_t number_len = len - name_len - 1;
        if (number_len == 0 || number_len >= sizeof number ||
            strspn(colon + 1, "0123456789") < number_len)
            return false;
        memcpy(number, colon + 1, number_len);
        number[number_len] = '\0';
        weight = (uint32_t)strtoul(number, NULL, 10);
    }
    for (size_t i = 0; i < UPDRAFT_SIM_KIND_COUNT; i++) {
        const char *name = updraft_sim_kinds[i].name;
        if (strlen(name) != name_len || memcmp(name, part, name_len) != 0)
            continue;
        weights[i] += weight;
        return weights[i] <= WEIGHT_MOST;
    }
    return false;
}

bool updraft_sim_parse_mix(const char *text, uint32_t weights[UPDRAFT_SIM_KIND_COUNT])
{
    uint32_t found[UPDRAFT_SIM_KIND_COUNT] = {0}, sum = 0;

    for (;;) {
        const size_t len = strcspn(text, ",");
        if (!parse_part(text, len, found))
            return false;
        if (!text[len])
            break;
        text += len + 1;
    }
    for (size_t i = 0; i < UPDRAFT_SIM_KIND_COUNT; i++)
        sum += found[i];
    if (sum == 0)
        return false;
    memcpy(weights, found, sizeof found);
    return true;
}

enum updraft_sim_kind updraft_sim_options_kind(const struct updraft_sim_options *options,
                                               uint32_t number)
{
    uint64_t sum = 0, at = 0;

    for (size_t i = 0; i < UPDRAFT_SIM_KIND_COUNT; i++)
        sum += options->weights[i];
    /* Steps of the golden section: every run of numbers is spread evenly over the weights. */
    const uint64_t place = (((uint64_t)number * 2654435769u & 0xFFFFFFFFu) * sum) >> 32;
    for (size_t i = 0; i < UPDRAFT_SIM_KIND_COUNT; i++) {
        at += options->weights[i];
        if (place < at)
            return (enum updraft_sim_kind)i;
    }
    return UPDRAFT_SIM_CHANNEL;
}

/* --- the command line --- */

static enum updraft_exit wrong(struct updraft_cli *cli, const char *name, const char *text,
                               const char *remedy)
{
    return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage", remedy,
                            "--%s is '%s', which is not understood", name, text);
}

static enum updraft_exit read_time(struct updraft_cli *cli, const char *name, uint64_t most_ms,
                                   uint64_t *ms)
{
    const char *text = updraft_args_value(&cli->args, name);

    if (text && (!updraft_sim_parse_time(text, ms) || *ms > most_ms || *ms == 0))
        return wrong(cli, name, text, "Write a time: 250ms, 30s, 5m or 1h.");
    return UPDRAFT_EXIT_OK;
}

static enum updraft_exit read_share(struct updraft_cli *cli, const char *name, uint32_t *odds)
{
    const char *text = updraft_args_value(&cli->args, name);

    if (text && !updraft_sim_parse_share(text, odds))
        return wrong(cli, name, text, "Write a share of 0% to 100%, like 8% or 0.5%.");
    return UPDRAFT_EXIT_OK;
}

static enum updraft_exit read_text(struct updraft_cli *cli, const char *name, size_t cap,
                                   const char **out)
{
    const char *text = updraft_args_value(&cli->args, name);

    if (text && (text[0] == '\0' || strlen(text) >= cap))
        return wrong(cli, name, text, "Give a shorter one.");
    if (text)
        *out = text;
    return UPDRAFT_EXIT_OK;
}

static enum updraft_exit read_numbers(struct updraft_cli *cli, struct updraft_sim_options *options)
{
    uint32_t seed = 1;
    const struct {
        const char *name;
        uint32_t least, most;
        uint32_t *out;
    } numbers[] = {
        {"devices", 1, UPDRAFT_SIM_DEVICE_MOST, &options->devices},
        {"seed", 0, UINT32_MAX, &seed},
        {"speed", 1, 1000, &options->speed},
        {"parallel", 1, UPDRAFT_SIM_PARALLEL_MOST, &options->parallel},
        {"image-size", UPDRAFT_SAMPLE_LEN_MIN, UPDRAFT_SAMPLE_LEN_CAP, &options->image_len},
        {"sample", 1, UPDRAFT_SAMPLE_LEN_CAP, &options->sample_len},
    };

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const enum updraft_exit exit = updraft_args_u32(cli, numbers[i].name, numbers[i].least,
                                                        numbers[i].most, numbers[i].out);
        if (exit != UPDRAFT_EXIT_OK)
            return exit;
    }
    options->world.seed = seed;
    return UPDRAFT_EXIT_OK;
}

static enum updraft_exit read_shares(struct updraft_cli *cli, struct updraft_sim_world *world)
{
    uint32_t jitter = world->jitter_pct * (UPDRAFT_SIM_ODDS / 100);
    const struct {
        const char *name;
        uint32_t *out;
    } shares[] = {{"jitter", &jitter},
                  {"bad-boot", &world->bad_boot_odds},
                  {"fail", &world->fail_odds},
                  {"silent", &world->silent_odds},
                  {"postpone", &world->postpone_odds}};

    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        const enum updraft_exit exit = read_share(cli, shares[i].name, shares[i].out);
        if (exit != UPDRAFT_EXIT_OK)
            return exit;
    }
    world->jitter_pct = jitter / (UPDRAFT_SIM_ODDS / 100);
    return UPDRAFT_EXIT_OK;
}

static enum updraft_exit read_names(struct updraft_cli *cli, struct updraft_sim_options *options)
{
    enum updraft_exit exit = read_text(cli, "product", 65, &options->world.product);

    if (exit == UPDRAFT_EXIT_OK)
        exit = read_text(cli, "channel", 65, &options->world.channel);
    if (exit == UPDRAFT_EXIT_OK)
        exit = read_text(cli, "from", UPDRAFT_SIM_VERSION_CAP, &options->from);
    if (exit == UPDRAFT_EXIT_OK)
        exit = read_text(cli, "publish", UPDRAFT_SIM_VERSION_CAP, &options->publish);
    return exit;
}

static enum updraft_exit read_times(struct updraft_cli *cli, struct updraft_sim_options *options)
{
    uint64_t poll_ms = options->world.poll_ms, boot_ms = options->world.boot_ms;
    enum updraft_exit exit = read_time(cli, "poll", DAY_MS, &poll_ms);

    if (exit == UPDRAFT_EXIT_OK)
        exit = read_time(cli, "boot-time", HOUR_MS, &boot_ms);
    if (exit == UPDRAFT_EXIT_OK)
        exit = read_time(cli, "duration", 365ull * DAY_MS, &options->duration_ms);
    options->world.poll_ms = (uint32_t)poll_ms;
    options->world.boot_ms = (uint32_t)boot_ms;
    return exit;
}

enum updraft_exit updraft_sim_options_read(struct updraft_cli *cli,
                                           struct updraft_sim_options *options)
{
    const char *mix = updraft_args_value(&cli->args, "mix");
    enum updraft_exit exit;

    *options = (struct updraft_sim_options){
        .world = {.product = "simulated",
                  .channel = "stable",
                  .poll_ms = 30000,
                  .boot_ms = 2000,
                  .jitter_pct = 20},
        .devices = 1000,
        .weights = {[UPDRAFT_SIM_ESP8266] = 40,
                    [UPDRAFT_SIM_CHANNEL] = 40,
                    [UPDRAFT_SIM_EVSE] = 10,
                    [UPDRAFT_SIM_OVMS] = 5,
                    [UPDRAFT_SIM_CHECK] = 5},
        .from = "1.0.0",
        .image_len = 64u * 1024u,
        .duration_ms = 5u * 60000u,
        .speed = 1,
        .parallel = 200,
        .keep_alive = updraft_args_has(&cli->args, "keep-alive"),
        .until_settled = updraft_args_has(&cli->args, "until-settled"),
    };
    if (mix && !updraft_sim_parse_mix(mix, options->weights))
        return wrong(cli, "mix", mix,
                     "Write NAME:WEIGHT, with esp8266, channel, check, evse, ovms and ddi.");
    exit = read_numbers(cli, options);
    if (exit == UPDRAFT_EXIT_OK)
        exit = read_shares(cli, &options->world);
    if (exit == UPDRAFT_EXIT_OK)
        exit = read_times(cli, options);
    if (exit == UPDRAFT_EXIT_OK)
        exit = read_names(cli, options);
    return exit;
}
