/* One push, from the first question to the confirmed version. */
#include "cli/out.h"
#include "cli/push.h"
#include "format/chip.h"
#include "format/version.h"

#include <stdio.h>
#include <string.h>

#define HTTP_PORT       80u
#define PROBE_MS        3000u
#define PROBE_ESPOTA_MS 1500u /* espota needs no HTTP: a short look is enough */

/* The port that was given is espota's, so it answers no question: a device of ours may do so on port
 * 80. That it names the espota port shows that it is the same device. */
static void ask_beside_espota(struct updraft_push *push)
{
    uint16_t ota_port = push->ota_port ? push->ota_port : push->given_port;
    uint16_t http_port = push->http_port;
    struct updraft_push_device device;

    if (push->way != UPDRAFT_PUSH_ESPOTA || push->device.kind != UPDRAFT_PUSH_UNKNOWN ||
        http_port == HTTP_PORT || updraft_args_has(&push->cli->args, "http-port"))
        return;
    push->http_port = HTTP_PORT;
    updraft_push_ask(push, &device, PROBE_ESPOTA_MS);
    if (device.kind == UPDRAFT_PUSH_UPDRAFT && device.ota_port == ota_port)
        push->device = device;
    else
        push->http_port = http_port;
}

/* Refusing would be wrong: builds in development often keep their version. */
static void remark_on_version(struct updraft_push *push)
{
    const char *now = push->device.version;
    const char *next = push->image.info.appdesc.version;
    int order;

    if (!now[0] || !push->image.info.has_appdesc)
        return;
    order = updraft_version_compare(next, now);
    if (order == 0)
        updraft_progress_step(&push->progress, "it runs %s already; sending it again", now);
    else if (order < 0)
        updraft_progress_step(&push->progress, "%s is older than what it runs", next);
}

static void tell_what_it_is(struct updraft_push *push, cJSON *result)
{
    const struct updraft_push_device *device = &push->device;
    const struct updraft_chip *chip = updraft_chip_by_name(device->chip);
    const char *name = device->name[0] ? device->name : push->host;

    if (device->kind == UPDRAFT_PUSH_UNKNOWN)
        return;
    updraft_progress_step(&push->progress, "%s, %s, runs %s%s%s", name,
                          chip ? chip->name : "unknown chip", device->version,
                          device->slot[0] ? " in " : "", device->slot);
    cJSON_AddStringToObject(result, "device", name);
    cJSON_AddStringToObject(result, "from", device->version);
}

static void meet(struct updraft_push *push, cJSON *result)
{
    bool needs_http = push->way != UPDRAFT_PUSH_ESPOTA && push->way != UPDRAFT_PUSH_ESPHOME &&
                      push->way != UPDRAFT_PUSH_DIRECT;

    updraft_progress_step(&push->progress, "asking %s what it is", push->host);
    updraft_push_ask(push, &push->device, needs_http ? PROBE_MS : PROBE_ESPOTA_MS);
    updraft_push_choose(push);
    ask_beside_espota(push);
    tell_what_it_is(push, result);
    cJSON_AddStringToObject(result, "via", updraft_push_way_name(push->way));
}

/* Can the device be asked afterwards, and would its answer tell the two versions apart? */
static bool can_wait(const struct updraft_push *push)
{
    if (push->wait_s == 0 || push->device.kind == UPDRAFT_PUSH_UNKNOWN || push->filesystem)
        return false;
    return push->device.kind == UPDRAFT_PUSH_UPDRAFT ||
           strcmp(push->device.version, push->image.info.appdesc.version) != 0;
}

static enum updraft_exit transfer(struct updraft_push *push)
{
    switch (push->way) {
    case UPDRAFT_PUSH_ESPOTA:
        return updraft_push_espota(push);
    case UPDRAFT_PUSH_DIRECT:
        return updraft_push_direct(push);
    case UPDRAFT_PUSH_ESPHOME:
        return updraft_push_esphome(push);
    case UPDRAFT_PUSH_AUTO: /* it was chosen */
    case UPDRAFT_PUSH_RAW:
    case UPDRAFT_PUSH_EVSE:
    case UPDRAFT_PUSH_FORM:
        break;
    }
    return updraft_push_http(push);
}

static enum updraft_exit send_and_wait(struct updraft_push *push, cJSON *result)
{
    enum updraft_exit exit;

    remark_on_version(push);
    exit = transfer(push);
    cJSON_AddNumberToObject(result, "sent", push->sent_len);
    if (push->resumed_off)
        cJSON_AddNumberToObject(result, "resumed", push->resumed_off);
    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    if (can_wait(push))
        return updraft_push_wait(push, result);
    cJSON_AddStringToObject(result, "state", "written");
    return exit;
}

static bool is_new_enough(const struct updraft_push *push)
{
    return push->device.version[0] && push->image.info.has_appdesc &&
           updraft_version_compare(push->image.info.appdesc.version, push->device.version) <= 0;
}

enum updraft_exit updraft_push_one(struct updraft_push *push, cJSON *result)
{
    const struct updraft_args *args = &push->cli->args;
    uint64_t start_ms = updraft_progress_now_ms();
    enum updraft_exit exit = UPDRAFT_EXIT_OK;

    meet(push, result);
    if (updraft_args_has(args, "only-newer") && is_new_enough(push)) {
        cJSON_AddStringToObject(result, "state", "skipped");
        return exit;
    }
    exit = updraft_push_check(push, &push->device);
    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    if (updraft_args_has(args, "dry-run"))
        cJSON_AddStringToObject(result, "state", "ready");
    else
        exit = send_and_wait(push, result);
    cJSON_AddNumberToObject(result, "seconds",
                            (double)(updraft_progress_now_ms() - start_ms) / 1000.0);
    return exit;
}
