#include "cli/scan.h"

#include "cli/espota_ask.h"
#include "cli/push.h"
#include "format/chip.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define HTTP_PORT   80u
#define WORKER_CAP  64u
#define STACK_BYTES (1024u * 1024u)

struct work {
    const struct updraft_scan *scan;
    struct updraft_found_list *list;
    pthread_mutex_t lock; /* of next and list */
    size_t next;
};

static bool ask_http(const struct updraft_scan_target *target, const struct updraft_scan *scan,
                     struct updraft_found *found)
{
    struct updraft_push push = {.user = "updraft"};
    struct updraft_push_device device;
    const struct updraft_chip *chip;

    snprintf(push.host, sizeof push.host, "%s", target->host);
    push.http_port = target->port      ? target->port
                     : scan->http_port ? scan->http_port
                                       : (uint16_t)HTTP_PORT;
    updraft_push_ask(&push, &device, scan->timeout_ms);
    if (device.kind == UPDRAFT_PUSH_UNKNOWN && !device.has_update_page)
        return false;
    chip = updraft_chip_by_name(device.chip);
    snprintf(found->name, sizeof found->name, "%s", device.name);
    snprintf(found->chip, sizeof found->chip, "%s", chip ? chip->slug : device.chip);
    snprintf(found->product, sizeof found->product, "%s", device.product);
    snprintf(found->version, sizeof found->version, "%s", device.version);
    found->http_port = push.http_port;
    found->ota_port = device.ota_port;
    found->by_updraft = device.kind == UPDRAFT_PUSH_UPDRAFT;
    if (found->by_updraft)
        found->password =
            device.wants_password ? UPDRAFT_FOUND_PASSWORD_YES : UPDRAFT_FOUND_PASSWORD_NO;
    if (found->by_updraft)
        snprintf(found->ways, sizeof found->ways, "%sraw,form%s%s",
                 device.direct_port ? "direct," : "", device.ota_port ? ",espota" : "",
                 device.esphome_port ? ",esphome" : "");
    else
        snprintf(found->ways, sizeof found->ways, "%s",
                 device.kind == UPDRAFT_PUSH_IS_EVSE ? "raw" : "form");
    return true;
}

static bool ask_espota(const struct updraft_scan_target *target, const struct updraft_scan *scan,
                       struct updraft_found *found)
{
    uint16_t ports[] = {UPDRAFT_ESPOTA_PORT_OF_ESP32, UPDRAFT_ESPOTA_PORT_OF_ESP8266};
    size_t count = sizeof ports / sizeof ports[0];
    struct in_addr address;
    const char *reason;

    if (scan->ota_port || target->port) {
        ports[0] = target->port ? target->port : scan->ota_port;
        count = 1;
    }
    if (!updraft_address_resolve(target->host, &address, &reason))
        return false;
    for (size_t i = 0; i < count; i++) {
        enum updraft_espota_says says =
            updraft_espota_ask(address, ports[i], scan->timeout_ms / (uint32_t)count);

        if (says != UPDRAFT_ESPOTA_SAYS_OPEN && says != UPDRAFT_ESPOTA_SAYS_PASSWORD)
            continue;
        found->ota_port = ports[i];
        found->by_arduino = true;
        found->password = says == UPDRAFT_ESPOTA_SAYS_PASSWORD ? UPDRAFT_FOUND_PASSWORD_YES
                                                               : UPDRAFT_FOUND_PASSWORD_NO;
        snprintf(found->ways + strlen(found->ways), sizeof found->ways - strlen(found->ways), "%s",
                 found->ways[0] ? ",espota" : "espota");
        return true;
    }
    return false;
}

static void ask(struct work *work, const struct updraft_scan_target *target)
{
    struct updraft_found found = {0};
    bool is_device = ask_http(target, work->scan, &found);

    snprintf(found.address, sizeof found.address, "%.63s", target->host);
    /* One of ours has told where its espota is. */
    if (!found.by_updraft)
        is_device |= ask_espota(target, work->scan, &found);
    if (!is_device)
        return;
    pthread_mutex_lock(&work->lock);
    (void)updraft_found_add(work->list, &found);
    pthread_mutex_unlock(&work->lock);
}

static void *worker(void *ctx)
{
    struct work *work = ctx;

    for (;;) {
        size_t mine;

        pthread_mutex_lock(&work->lock);
        mine = work->next++;
        pthread_mutex_unlock(&work->lock);
        if (mine >= work->scan->count)
            return NULL;
        ask(work, &work->scan->targets[mine]);
    }
}

void updraft_scan_run(const struct updraft_scan *scan, struct updraft_found_list *list)
{
    struct work work = {.scan = scan, .list = list, .lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t threads[WORKER_CAP];
    size_t count = 0;
    pthread_attr_t attributes;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    while (count < WORKER_CAP && count + 1 < scan->count &&
           pthread_create(&threads[count], &attributes, worker, &work) == 0)
        count++;
    pthread_attr_destroy(&attributes);
    (void)worker(&work); /* this thread works, too; alone, when there are no others */
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&work.lock);
}
