/* How long an update of 1.5 MB takes, against the least the flash can take: every block erased once,
 * every page programmed once, at W25Q typical timing.
 *
 * The chip is simulated and the clock is counted, so the figures are the same on every host. First
 * what the flash is busy with; then the whole push by each engine, over a link without delay and over
 * one like a home's Wi-Fi. Reading and hashing are not counted: both are far faster than the flash on
 * the chips this runs on. Exit status 1 when a bar is missed. */
#include "device/push/espota.h"
#include "device/push/web.h"
#include "format/chip.h"
#include "format/text.h"
#include "tests/rig/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMAGE_LEN (1536u * 1024u)
#define SLOT_LEN  0x200000u
#define PIECE_LEN 1460u /* one TCP segment */
#define WINDOW    4u    /* segments under way: lwIP's usual receive window */

#define RAW_BAR    1.10
#define ESPOTA_BAR 1.15

struct link {
    const char *name;
    uint64_t one_way_us;
    uint64_t piece_us; /* to put one segment on the air */
};

static const struct link links[] = {
    {"no delay", 0, 0},
    {"2 ms round trip, 2 MB/s", 1000, PIECE_LEN / 2},
};

#define LINK_COUNT (sizeof links / sizeof links[0])
#define HOST_COUNT (sizeof stock_hosts / sizeof stock_hosts[0])

struct times {
    uint64_t chosen_us;   /* the new image is verified and named by the boot record */
    uint64_t answered_us; /* the sender knows it */
};

static double floor_s(uint32_t len)
{
    return (len + 65535u) / 65536u * 0.150 + (len + 255u) / 256u * 0.0004;
}

static void require(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "bench_flash_time: %s\n", what);
    exit(2);
}

/* A device that runs the old image; the other slot was used before. */
static struct rig *make_device(const struct rig_image *old_image, bool used_slot)
{
    struct rig *rig = malloc(sizeof *rig);

    require(rig != NULL, "no memory");
    rig_make(rig, RIG_TWO_SLOTS, SLOT_LEN, old_image);
    if (used_slot)
        memset(rig->nor.bytes + 0x10000 + SLOT_LEN, 0xA5, SLOT_LEN);
    require(rig_boot(rig, UPDRAFT_RESET_POWER_ON), "the device does not boot");
    updraft_nor_power_on(&rig->nor, 0, UPDRAFT_NOR_CUT_BEFORE);
    return rig;
}

static void free_device(struct rig *rig)
{
    rig_free(rig);
    free(rig);
}

static void measure_flash(const char *what, const struct rig_image *old_image,
                          const struct rig_image *new_image, bool used_slot, bool gzip)
{
    struct rig *rig = make_device(old_image, used_slot);
    uint32_t len = new_image->len;
    uint8_t *packed = NULL;
    const uint8_t *data = new_image->bytes;
    const struct updraft_nor_counts *counts = &rig->nor.counts;
    double busy_s;

    if (gzip)
        data = packed = rig_gzip(new_image->bytes, new_image->len, &len);
    require(rig_update(rig, data, len, PIECE_LEN) == UPDRAFT_OK, "the update fails");
    busy_s = (double)counts->busy_us / 1e6;
    printf("%-34s %8u %7.2f %7.2f %6.3f %7llu %7llu %8llu %7.2f\n", what, len, busy_s,
           floor_s(new_image->len), busy_s / floor_s(new_image->len),
           (unsigned long long)counts->block_erases, (unsigned long long)counts->sector_erases,
           (unsigned long long)counts->programs, (double)counts->bytes_read / 1048576.0);
    free(packed);
    free_device(rig);
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint32_t piece_at(const struct rig_image *image, uint32_t off)
{
    return image->len - off < PIECE_LEN ? image->len - off : PIECE_LEN;
}

static void no_status(void *ctx, char *out, size_t cap)
{
    (void)ctx;
    snprintf(out, cap, "{}");
}

/* The sender has at most WINDOW segments under way; the device takes one when it is done with the
 * one before. */
static struct times push_raw(struct rig *rig, const struct rig_image *image,
                             const struct link *link)
{
    struct updraft_web_config config = {.update = &rig->update, .status_json = no_status};
    struct updraft_web_request request = {.method = "POST", .path = "/update"};
    struct updraft_web_response other;
    struct updraft_web web;
    char length[16];
    bool use_other;
    uint64_t done[WINDOW] = {0};
    uint64_t sent = 0;
    uint64_t now = 0;
    uint32_t turn = 0;

    snprintf(length, sizeof length, "%u", image->len);
    request.content_length = length;
    updraft_web_init(&web, &config);
    require(updraft_web_request(&web, &request, &other, &use_other) == UPDRAFT_WEB_TAKE_BODY,
            "the device refuses the push");
    for (uint32_t off = 0; off < image->len; off += PIECE_LEN, turn++) {
        uint64_t busy = rig->nor.counts.busy_us;

        if (turn >=
            WINDOW) /* the place of the segment WINDOW before is free, and the sender knows */
            sent = later(sent, done[turn % WINDOW] + link->one_way_us);
        sent += link->piece_us;
        now = later(now, sent + link->one_way_us);
        updraft_web_body(&web, image->bytes + off, piece_at(image, off));
        now += rig->nor.counts.busy_us - busy;
        done[turn % WINDOW] = now;
    }
    uint64_t before = rig->nor.counts.busy_us;

    updraft_web_finish(&web);
    now += rig->nor.counts.busy_us - before;
    require(web.response.status == 200, "the raw push fails");
    return (struct times){now, now + link->one_way_us};
}

static void invite(struct updraft_espota *espota, const struct rig_image *image)
{
    static const struct updraft_peer host = {.bytes = {192, 168, 1, 2}, .len = 4};
    struct updraft_digest digest;
    struct updraft_text text;
    struct updraft_peer to;
    uint8_t md5[UPDRAFT_MD5_LEN];
    uint8_t reply[UPDRAFT_ESPOTA_DATAGRAM_CAP];
    char hex[33];
    char invitation[96];

    updraft_digest_start(&digest, UPDRAFT_DIGEST_MD5);
    updraft_digest_update(&digest, image->bytes, image->len);
    updraft_digest_finish(&digest, md5);
    updraft_text_init(&text, hex, sizeof hex);
    updraft_text_hex(&text, md5, sizeof md5);
    snprintf(invitation, sizeof invitation, "0 45678 %u %s\n", image->len, hex);
    updraft_espota_datagram(espota, &host, (const uint8_t *)invitation, strlen(invitation), 0);
    require(updraft_espota_reply(espota, &to, reply, sizeof reply) == 2 &&
                updraft_espota_wants(espota) == UPDRAFT_ESPOTA_WANTS_CONNECT,
            "the device does not take the invitation");
    updraft_espota_connected(espota, 0);
}

struct stock_host {
    const char *name;
    enum updraft_espota_dialect dialect;
    uint32_t piece_len; /* what it sends before it waits */
};

static const struct stock_host stock_hosts[] = {
    {"esp8266", UPDRAFT_ESPOTA_ESP8266, 1460},
    {"esp32", UPDRAFT_ESPOTA_ESP32, UPDRAFT_ESPOTA_ESP32_CHUNK_LEN},
};

/* Stock hosts wait for the count of each piece before they send the next. The device sends it before
 * it is busy with the piece, which so overlaps with the way of the next one. */
static struct times push_espota(struct rig *rig, const struct rig_image *image,
                                const struct link *link, const struct stock_host *host)
{
    struct updraft_espota_config config = {.update = &rig->update, .dialect = host->dialect};
    struct updraft_espota espota;
    struct times times;
    uint8_t answer[256];
    uint64_t piece_us = link->piece_us * host->piece_len / PIECE_LEN;
    uint64_t arrived = piece_us + link->one_way_us; /* the next piece, at the device */
    uint64_t now = 0;
    size_t len;

    updraft_espota_init(&espota, &config);
    invite(&espota, image);
    for (uint32_t off = 0; off < image->len; off += host->piece_len) {
        uint64_t busy = rig->nor.counts.busy_us;
        uint32_t left = image->len - off;
        uint32_t piece_len = left < host->piece_len ? left : host->piece_len;

        now = later(now, arrived);
        updraft_espota_acknowledge(&espota, piece_len, now / 1000u);
        len = updraft_espota_drain(&espota, answer, sizeof answer);
        require(len > 0 || piece_len == left, "a piece is not acknowledged");
        arrived = now + piece_us + 2u * link->one_way_us;
        updraft_espota_feed(&espota, image->bytes + off, piece_len, now / 1000u);
        now += rig->nor.counts.busy_us - busy;
    }
    require(rig->update.state == UPDRAFT_UPDATE_DONE, "the espota push fails");
    times.chosen_us = now;
    for (len = 0; len == 0; now += 10000) { /* every 10 ms, as a main loop would */
        require(now < times.chosen_us + 10000000u, "the final OK does not come");
        updraft_espota_tick(&espota, now / 1000u);
        len = updraft_espota_drain(&espota, answer, sizeof answer);
    }
    require(len == 2 && memcmp(answer, "OK", 2) == 0, "the final OK is none");
    times.answered_us = now + link->one_way_us;
    return times;
}

/* A link without delay is held against the bar: there the device alone decides. */
static bool print_push(const char *what, const char *host, const struct link *link,
                       struct times times, double bar)
{
    double least = floor_s(IMAGE_LEN);
    double chosen = (double)times.chosen_us / 1e6;
    double answered = (double)times.answered_us / 1e6;
    bool missed = link == &links[0] && answered / least > bar;

    printf("%-8s %-8s %-25s %7.2f %8.2f %7.3f %9.2f %7.3f", what, host, link->name, least, chosen,
           chosen / least, answered, answered / least);
    if (link == &links[0])
        printf(" %6.2f%s", bar, missed ? "  OVER" : "");
    printf("\n");
    return missed;
}

static bool measure_push(const struct rig_image *old_image, const struct rig_image *new_image)
{
    bool missed = false;

    printf(
        "\nThe whole push into a used slot, seconds; the bar is for the time until the answer\n\n");
    printf("%-8s %-8s %-25s %7s %8s %7s %9s %7s %6s\n", "", "host", "link", "floor", "chosen",
           "ratio", "answered", "ratio", "bar");
    for (size_t i = 0; i < LINK_COUNT; i++) {
        struct rig *rig = make_device(old_image, true);

        missed |= print_push("raw", "", &links[i], push_raw(rig, new_image, &links[i]), RAW_BAR);
        free_device(rig);
    }
    for (size_t i = 0; i < HOST_COUNT * LINK_COUNT; i++) {
        const struct stock_host *host = &stock_hosts[i / LINK_COUNT];
        const struct link *link = &links[i % LINK_COUNT];
        struct rig *rig = make_device(old_image, true);

        missed |= print_push("espota", host->name, link, push_espota(rig, new_image, link, host),
                             ESPOTA_BAR);
        free_device(rig);
    }
    return missed;
}

int main(void)
{
    struct rig_image old_image;
    struct rig_image new_image;
    bool missed;

    rig_image_make(&old_image, UPDRAFT_CHIP_ESP32, "1.0.0", IMAGE_LEN);
    rig_image_make(&new_image, UPDRAFT_CHIP_ESP32, "1.1.0", IMAGE_LEN);
    printf("Flash time of an update of %u bytes, W25Q typical timing\n\n", new_image.len);
    printf("%-34s %8s %7s %7s %6s %7s %7s %8s %7s\n", "", "on wire", "busy s", "floor s", "ratio",
           "blocks", "sectors", "programs", "read MB");
    measure_flash("raw, into a used slot", &old_image, &new_image, true, false);
    measure_flash("raw, into a blank slot", &old_image, &new_image, false, false);
    measure_flash("gzip, into a used slot", &old_image, &new_image, true, true);
    missed = measure_push(&old_image, &new_image);
    rig_image_free(&old_image);
    rig_image_free(&new_image);
    return missed ? 1 : 0;
}
