#include "cli/browse.h"

#include "cli/progress.h"
#include "device/push/announce.h"
#include "format/chip.h"

#include <avahi-client/client.h>
#include <avahi-client/lookup.h>
#include <avahi-common/error.h>
#include <avahi-common/malloc.h>
#include <avahi-common/simple-watch.h>
#include <avahi-common/strlst.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP_MS 100

struct browse {
    struct updraft_found_list *list;
    AvahiSimplePoll *poll;
    AvahiClient *client;
    unsigned pending;       /* browsers that look in the network, services that are looked up */
    const char *not_looked; /* why nothing can be found; NULL: it can */
    bool out_of_memory;
};

static void copy_value(AvahiStringList *txt, const char *key, char *out, size_t out_cap)
{
    AvahiStringList *item = avahi_string_list_find(txt, key);
    char *name;
    char *value = NULL;
    size_t len;

    out[0] = '\0';
    if (item && avahi_string_list_get_pair(item, &name, &value, &len) == 0) {
        if (value)
            snprintf(out, out_cap, "%s", value);
        avahi_free(name);
        avahi_free(value);
    }
}

static enum updraft_found_password read_password(AvahiStringList *txt, const char *key)
{
    char text[8];

    copy_value(txt, key, text, sizeof text);
    if (!strcmp(text, "yes"))
        return UPDRAFT_FOUND_PASSWORD_YES;
    return strcmp(text, "no") ? UPDRAFT_FOUND_PASSWORD_UNKNOWN : UPDRAFT_FOUND_PASSWORD_NO;
}

static void read_updraft(AvahiStringList *txt, uint16_t port, struct updraft_found *found)
{
    char name[sizeof found->name];
    char ota[8];

    copy_value(txt, "name", name, sizeof name);
    if (name[0])
        memcpy(found->name, name, sizeof name);
    copy_value(txt, "product", found->product, sizeof found->product);
    copy_value(txt, "chip", found->chip, sizeof found->chip);
    copy_value(txt, "version", found->version, sizeof found->version);
    copy_value(txt, "ways", found->ways, sizeof found->ways);
    copy_value(txt, "ota", ota, sizeof ota);
    found->ota_port = (uint16_t)strtoul(ota, NULL, 10);
    found->http_port = port;
    found->password = read_password(txt, "password");
    found->by_updraft = true;
}

/* The board of an ESP32 core is named after its chip more often than not. */
static void read_arduino(AvahiStringList *txt, uint16_t port, struct updraft_found *found)
{
    const struct updraft_chip *chip;

    copy_value(txt, "board", found->board, sizeof found->board);
    chip = updraft_chip_by_name(found->board);
    if (chip)
        snprintf(found->chip, sizeof found->chip, "%s", chip->slug);
    found->ota_port = port;
    found->password = read_password(txt, "auth_upload");
    snprintf(found->ways, sizeof found->ways, "espota");
    found->by_arduino = true;
}

static void resolved(AvahiServiceResolver *resolver, AvahiIfIndex interface, AvahiProtocol protocol,
                     AvahiResolverEvent event, const char *name, const char *type,
                     const char *domain, const char *host, const AvahiAddress *address,
                     uint16_t port, AvahiStringList *txt, AvahiLookupResultFlags flags, void *ctx)
{
    struct browse *browse = ctx;
    struct updraft_found found = {0};

    (void)interface;
    (void)protocol;
    (void)domain;
    (void)flags;
    browse->pending--;
    if (event == AVAHI_RESOLVER_FOUND) {
        avahi_address_snprint(found.address, sizeof found.address, address);
        snprintf(found.name, sizeof found.name, "%s", name);
        snprintf(found.host, sizeof found.host, "%s", host);
        if (!strcmp(type, UPDRAFT_ANNOUNCE_ARDUINO))
            read_arduino(txt, port, &found);
        else
            read_updraft(txt, port, &found);
        browse->out_of_memory |= !updraft_found_add(browse->list, &found);
    }
    avahi_service_resolver_free(resolver);
}

static void seen(AvahiServiceBrowser *browser, AvahiIfIndex interface, AvahiProtocol protocol,
                 AvahiBrowserEvent event, const char *name, const char *type, const char *domain,
                 AvahiLookupResultFlags flags, void *ctx)
{
    struct browse *browse = ctx;

    (void)browser;
    (void)flags;
    switch (event) {
    case AVAHI_BROWSER_NEW:
        if (avahi_service_resolver_new(browse->client, interface, protocol, name, type, domain,
                                       AVAHI_PROTO_INET, 0, resolved, browse))
            browse->pending++;
        break;
    case AVAHI_BROWSER_ALL_FOR_NOW:
        browse->pending--;
        break;
    case AVAHI_BROWSER_FAILURE:
        browse->not_looked = avahi_strerror(avahi_client_errno(browse->client));
        break;
    case AVAHI_BROWSER_REMOVE:
    case AVAHI_BROWSER_CACHE_EXHAUSTED:
        break;
    }
}

static void daemon_changed(AvahiClient *client, AvahiClientState state, void *ctx)
{
    struct browse *browse = ctx;

    if (state == AVAHI_CLIENT_FAILURE)
        browse->not_looked = avahi_strerror(avahi_client_errno(client));
}

static void look(struct browse *browse, uint32_t timeout_ms)
{
    static const char *const types[] = {UPDRAFT_ANNOUNCE_UPDRAFT, UPDRAFT_ANNOUNCE_ARDUINO};
    uint64_t deadline_ms = updraft_progress_now_ms() + timeout_ms;

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (!avahi_service_browser_new(browse->client, AVAHI_IF_UNSPEC, AVAHI_PROTO_INET, types[i],
                                       NULL, 0, seen, browse)) {
            browse->not_looked = avahi_strerror(avahi_client_errno(browse->client));
            return;
        }
        browse->pending++;
    }
    while (browse->pending && !browse->not_looked && updraft_progress_now_ms() < deadline_ms)
        if (avahi_simple_poll_iterate(browse->poll, STEP_MS) != 0)
            break;
}

bool updraft_browse(struct updraft_found_list *list, uint32_t timeout_ms, const char **reason)
{
    struct browse browse = {.list = list, .poll = avahi_simple_poll_new()};
    int error = AVAHI_ERR_NO_MEMORY;

    if (browse.poll)
        browse.client = avahi_client_new(avahi_simple_poll_get(browse.poll), 0, daemon_changed,
                                         &browse, &error);
    if (browse.client) {
        look(&browse, timeout_ms);
        avahi_client_free(browse.client);
    } else {
        browse.not_looked = avahi_strerror(error);
    }
    if (browse.poll)
        avahi_simple_poll_free(browse.poll);
    if (browse.out_of_memory)
        browse.not_looked = avahi_strerror(AVAHI_ERR_NO_MEMORY);
    *reason = browse.not_looked;
    return !browse.not_looked;
}
