#include "ports/posix/life_ways.h"

#include <stdio.h>
#include <string.h>

#define BACKOFF_MOST   16u /* times the interval, within a minute and an hour */
#define BACKOFF_FROM_S 60u
#define BACKOFF_TO_S   3600u

/* SERVER/d/esp-update/PRODUCT?chip=SLUG; false when the product's name makes it too long. */
static bool make_header_url(struct updraft_life *life)
{
    const struct updraft_board *board = life->machine->board;
    char *product = curl_easy_escape(NULL, updraft_life_product(life), 0);
    int len = snprintf(life->pull_url, sizeof life->pull_url, "%s/d/esp-update/%s?chip=%s",
                       board->server, product ? product : "", board->chip->slug);
    curl_free(product);
    return len > 0 && len < (int)sizeof life->pull_url;
}

static struct updraft_pull_identity identify(const struct updraft_life *life)
{
    const struct updraft_machine *machine = life->machine;
    const struct updraft_slot_facts *running = &life->running;
    unsigned mac[3] = {0};
    /* An ESP8266's chip id is the lower half of its MAC address. */
    (void)sscanf(machine->board->mac + 9, "%x:%x:%x", &mac[0], &mac[1], &mac[2]);
    return (struct updraft_pull_identity){
        .mac = machine->board->mac,
        .version = strcmp(running->version, "unknown") == 0 ? "" : running->version,
        .sdk_version = running->idf[0] ? running->idf : "unknown",
        .chip_serial = mac[0] << 16 | mac[1] << 8 | mac[2],
        .free_space = updraft_seat_capacity(life),
        .sketch_len = running->image_len,
        .flash_len = machine->nor.flash.size,
        .sketch_md5 = running->md5[0] ? running->md5 : NULL,
        .sketch_sha256 = running->sha256[0] ? running->sha256 : NULL,
    };
}

/* What a check-in says; whether on trial is said anew each time. */
static struct updraft_check_ask introduce(const struct updraft_life *life)
{
    const struct updraft_machine *machine = life->machine;
    const struct updraft_board *board = machine->board;
    return (struct updraft_check_ask){
        .device = board->mac,
        .product = updraft_life_product(life),
        .channel = board->channel,
        .chip = board->chip->slug,
        .board = board->kind,
        .layout = board->layout,
        .name = board->name,
        .version = life->running.version,
        .slot = updraft_seat_name(life, life->slots.running),
        .capacity = updraft_seat_capacity(life),
    };
}

static uint32_t backoff_cap_s(uint32_t poll_s)
{
    if (poll_s > BACKOFF_TO_S / BACKOFF_MOST)
        return BACKOFF_TO_S;
    return poll_s * BACKOFF_MOST < BACKOFF_FROM_S ? BACKOFF_FROM_S : poll_s * BACKOFF_MOST;
}

static void set_up_pull(struct updraft_life *life, uint64_t now_ms)
{
    const struct updraft_board *board = life->machine->board;
    bool has_channel = board->channel_count > 0;
    if (board->poll_s == 0 || (!has_channel && !board->server))
        return;
    bool checks_in = board->checks_in && board->server && !has_channel;
    life->ask = introduce(life);
    if (checks_in)
        snprintf(life->pull_url, sizeof life->pull_url, "%s/d/check", board->server);
    else if (!has_channel && !make_header_url(life)) {
        updraft_log_warn("the product's name is too long for an address: no updates are pulled");
        return;
    }
    bool is_esp8266 = board->chip->id == UPDRAFT_CHIP_ESP8266;
    struct updraft_pull_config config = {
        .update = &life->update,
        .way = has_channel  ? UPDRAFT_PULL_CHANNEL
               : checks_in  ? UPDRAFT_PULL_CHECK
               : is_esp8266 ? UPDRAFT_PULL_HEADERS_ESP8266
                            : UPDRAFT_PULL_HEADERS_ESP32,
        .url = has_channel ? board->channels[0].path : life->pull_url,
        .identity = identify(life),
        .check_in = &updraft_pull_check_in,
        .ask = &life->ask,
        .interval_s = board->poll_s,
        .backoff_cap_s = backoff_cap_s(board->poll_s),
        .random = updraft_life_random,
    };
    updraft_pull_init(&life->pull, &config, now_ms);
    life->pulls = true;
}

bool updraft_life_open_pull(struct updraft_life *life)
{
    const struct updraft_board *board = life->machine->board;
    set_up_pull(life, updraft_clock_ms());
    if (board->server) {
        snprintf(life->report_url, sizeof life->report_url, "%s/d/report", board->server);
        if (board->channel_count > 0 || board->checks_in)
            snprintf(life->pull_headers, sizeof life->pull_headers,
                     "x-updraft-device: %s\nx-updraft-version: %s\nx-updraft-name: %s\n",
                     board->mac, life->running.version, board->name);
    }
    struct updraft_client_config config = {
        .pull = life->pulls ? &life->pull : NULL,
        .report_url = board->server ? life->report_url : NULL,
        .pull_headers = life->pull_headers,
        .tls = &board->tls,
        .is_offline = life->behaviour == UPDRAFT_BEHAVIOUR_OFFLINE,
        .chip_id = board->chip->id,
        .stall_s = life->machine->options->stall_s,
        .refused_version = life->refused_version,
        .refused_md5 = life->refused_md5,
    };
    return updraft_client_open(&life->client, &config);
}
