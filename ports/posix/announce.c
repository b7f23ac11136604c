#include "ports/posix/announce.h"

#include "ports/posix/sockets.h"

#include <arpa/inet.h>
#include <avahi-client/client.h>
#include <avahi-client/publish.h>
#include <avahi-common/alternative.h>
#include <avahi-common/error.h>
#include <avahi-common/malloc.h>
#include <avahi-common/strlst.h>
#include <avahi-common/thread-watch.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_TRIED 100u

/* Everything but `poll` belongs to the thread, or to who holds the poll's lock. */
struct updraft_announcer {
    struct updraft_announcer_config config;
    AvahiThreadedPoll *poll;
    AvahiClient *client;
    AvahiEntryGroup *group;
    AvahiIfIndex interface;
    AvahiProtocol protocol;
    char *name; /* of the services; another one when it is taken */
    char *host; /* label of the host name; NULL: this computer's own */
    bool *told; /* why it is not announced was said */
};

static void say_off(struct updraft_announcer *announcer, const char *reason)
{
    if (!*announcer->told)
        updraft_log_event(announcer->config.log, "announce off reason=\"%s\"", reason);
    *announcer->told = true;
}

/* ---- where ---- */

static const void *address_bytes(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET6)
        return &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    return &((const struct sockaddr_in *)(const void *)address)->sin_addr;
}

static bool is_any(const struct sockaddr_storage *address)
{
    static const uint8_t zero[sizeof(struct in6_addr)];
    size_t len = address->ss_family == AF_INET6 ? sizeof(struct in6_addr) : sizeof(struct in_addr);
    return memcmp(address_bytes((const struct sockaddr *)address), zero, len) == 0;
}

static bool is_loopback(const struct sockaddr_storage *address)
{
    const void *bytes = address_bytes((const struct sockaddr *)address);
    if (address->ss_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)bytes);
    return *(const uint8_t *)bytes == 127;
}

/* All of 127.0.0.0/8 is reached over the loopback interface, though it has one address only. */
static bool is_on(const struct ifaddrs *one, const struct sockaddr_storage *listen)
{
    if (!one->ifa_addr || one->ifa_addr->sa_family != listen->ss_family)
        return false;
    if (is_loopback(listen))
        return one->ifa_flags & IFF_LOOPBACK;
    size_t len = listen->ss_family == AF_INET6 ? sizeof(struct in6_addr) : sizeof(struct in_addr);
    return memcmp(address_bytes(one->ifa_addr), address_bytes((const struct sockaddr *)listen),
                  len) == 0;
}

static AvahiIfIndex find_interface(const struct sockaddr_storage *listen)
{
    struct ifaddrs *all;
    AvahiIfIndex found = AVAHI_IF_UNSPEC;
    if (is_any(listen) || getifaddrs(&all))
        return found;
    for (const struct ifaddrs *one = all; one; one = one->ifa_next)
        if (found == AVAHI_IF_UNSPEC && is_on(one, listen))
            found = (AvahiIfIndex)if_nametoindex(one->ifa_name);
    freeifaddrs(all);
    return found;
}

/* As stock devices call themselves: esp8266- and the lower half of the MAC, else all of it. */
static char *make_host(const struct updraft_announcer_config *config)
{
    bool is_esp8266 = config->what.chip->id == UPDRAFT_CHIP_ESP8266;
    const char *mac = config->mac + (is_esp8266 ? 9 : 0);
    char host[32];
    int len = snprintf(host, sizeof host, "%s-", is_esp8266 ? "esp8266" : "esp32");
    for (; *mac && len + 1 < (int)sizeof host; mac++)
        if (*mac != ':')
            host[len++] = (char)(*mac >= 'A' ? *mac | 0x20 : *mac);
    host[len] = '\0';
    return avahi_strdup(host);
}

/* ---- what ---- */

/* Added one before the other, as Avahi's own tools do: the record has the strings in the order in
 * which they were added. */
static AvahiStringList *make_txt(const struct updraft_announce *what,
                                 enum updraft_announce_service service)
{
    AvahiStringList *list = NULL;
    char text[UPDRAFT_ANNOUNCE_STRING_CAP];
    size_t len;
    for (size_t i = 0; (len = updraft_announce_string(what, service, i, text)) > 0; i++)
        list = avahi_string_list_add_arbitrary(list, (const uint8_t *)text, len);
    return list;
}

static int add_service(struct updraft_announcer *announcer, enum updraft_announce_service service,
                       const char *host)
{
    bool is_arduino = service == UPDRAFT_ANNOUNCES_ARDUINO;
    const struct updraft_announcer_config *config = &announcer->config;
    AvahiStringList *txt = make_txt(&config->what, service);
    int error = avahi_entry_group_add_service_strlst(
        announcer->group, announcer->interface, announcer->protocol, 0, announcer->name,
        is_arduino ? UPDRAFT_ANNOUNCE_ARDUINO : UPDRAFT_ANNOUNCE_UPDRAFT, NULL, host,
        is_arduino ? config->what.ota_port : config->http_port, txt);
    avahi_string_list_free(txt);
    return error;
}

/* Several devices may share an address, so it is not to name one of them. */
static int add_host(struct updraft_announcer *announcer, const char *host)
{
    const struct sockaddr *listen = (const struct sockaddr *)announcer->config.listen;
    AvahiAddress address = {.proto = announcer->protocol};
    if (listen->sa_family == AF_INET6)
        memcpy(address.data.ipv6.address, address_bytes(listen), sizeof address.data.ipv6.address);
    else
        memcpy(&address.data.ipv4.address, address_bytes(listen), sizeof address.data.ipv4.address);
    return avahi_entry_group_add_address(announcer->group, announcer->interface,
                                         announcer->protocol, AVAHI_PUBLISH_NO_REVERSE, host,
                                         &address);
}

static int add_all(struct updraft_announcer *announcer)
{
    char host[80];
    const char *on = NULL;
    int error = AVAHI_OK;
    if (announcer->host) {
        snprintf(host, sizeof host, "%s.local", announcer->host);
        on = host;
        error = add_host(announcer, on);
    }
    if (error == AVAHI_OK)
        error = add_service(announcer, UPDRAFT_ANNOUNCES_UPDRAFT, on);
    if (error == AVAHI_OK)
        error = add_service(announcer, UPDRAFT_ANNOUNCES_ARDUINO, on);
    if (error == AVAHI_OK)
        error = avahi_entry_group_commit(announcer->group);
    return error;
}

static void take_other_names(struct updraft_announcer *announcer)
{
    char *name = avahi_alternative_service_name(announcer->name);
    avahi_free(announcer->name);
    announcer->name = name;
    if (announcer->host) {
        char *host = avahi_alternative_host_name(announcer->host);
        avahi_free(announcer->host);
        announcer->host = host;
    }
}

/* A name that another program of this computer has taken is known at once, one that is taken elsewhere
 * comes as a change of the group. */
static void publish(struct updraft_announcer *announcer)
{
    int error = add_all(announcer);
    for (unsigned i = 0; error == AVAHI_ERR_COLLISION && i < NAMES_TRIED; i++) {
        take_other_names(announcer);
        avahi_entry_group_reset(announcer->group);
        error = add_all(announcer);
    }
    if (error != AVAHI_OK)
        say_off(announcer, avahi_strerror(error));
}

static void group_changed(AvahiEntryGroup *group, AvahiEntryGroupState state, void *ctx)
{
    struct updraft_announcer *announcer = ctx;
    switch (state) {
    case AVAHI_ENTRY_GROUP_UNCOMMITED:
    case AVAHI_ENTRY_GROUP_REGISTERING:
        break;
    case AVAHI_ENTRY_GROUP_ESTABLISHED:
        updraft_log_event(announcer->config.log, "announced name=\"%s\" http=%u ota=%u",
                          announcer->name, announcer->config.http_port,
                          announcer->config.what.ota_port);
        break;
    case AVAHI_ENTRY_GROUP_COLLISION:
        take_other_names(announcer);
        avahi_entry_group_reset(group);
        publish(announcer);
        break;
    case AVAHI_ENTRY_GROUP_FAILURE:
        say_off(announcer, avahi_strerror(avahi_client_errno(announcer->client)));
        break;
    }
}

/* ---- the daemon ---- */

static void daemon_changed(AvahiClient *client, AvahiClientState state, void *ctx);

static void connect_daemon(struct updraft_announcer *announcer)
{
    int error;
    announcer->client = avahi_client_new(avahi_threaded_poll_get(announcer->poll),
                                         AVAHI_CLIENT_NO_FAIL, daemon_changed, announcer, &error);
    if (!announcer->client)
        say_off(announcer, avahi_strerror(error));
}

static void daemon_is_there(struct updraft_announcer *announcer, AvahiClient *client)
{
    announcer->client = client; /* it calls before avahi_client_new() returns */
    if (!announcer->group)
        announcer->group = avahi_entry_group_new(client, group_changed, announcer);
    if (announcer->group && avahi_entry_group_is_empty(announcer->group))
        publish(announcer);
}

static void daemon_changed(AvahiClient *client, AvahiClientState state, void *ctx)
{
    struct updraft_announcer *announcer = ctx;
    switch (state) {
    case AVAHI_CLIENT_S_RUNNING:
        daemon_is_there(announcer, client);
        break;
    case AVAHI_CLIENT_S_REGISTERING:
    case AVAHI_CLIENT_S_COLLISION:
        if (announcer->group) /* the daemon's host name changes: publish again once it runs */
            avahi_entry_group_reset(announcer->group);
        break;
    case AVAHI_CLIENT_CONNECTING:
        say_off(announcer, "no Avahi daemon runs");
        break;
    case AVAHI_CLIENT_FAILURE:
        if (avahi_client_errno(client) != AVAHI_ERR_DISCONNECTED) {
            say_off(announcer, avahi_strerror(avahi_client_errno(client)));
            break;
        }
        announcer->group = NULL; /* freed with its client */
        avahi_client_free(client);
        connect_daemon(announcer);
        break;
    }
}

struct updraft_announcer *updraft_announcer_start(const struct updraft_announcer_config *config,
                                                  bool *told)
{
    struct updraft_announcer *announcer = calloc(1, sizeof *announcer);
    if (!announcer)
        return NULL;
    announcer->config = *config;
    announcer->told = told;
    announcer->interface = find_interface(config->listen);
    announcer->protocol =
        config->listen->ss_family == AF_INET6 ? AVAHI_PROTO_INET6 : AVAHI_PROTO_INET;
    announcer->name = avahi_strdup(config->what.name);
    announcer->host = is_any(config->listen) ? NULL : make_host(config);
    announcer->poll = avahi_threaded_poll_new();
    if (announcer->poll)
        connect_daemon(announcer);
    if (!announcer->client || avahi_threaded_poll_start(announcer->poll) < 0) {
        updraft_announcer_stop(announcer);
        return NULL;
    }
    return announcer;
}

void updraft_announcer_stop(struct updraft_announcer *announcer)
{
    if (!announcer)
        return;
    if (announcer->poll)
        avahi_threaded_poll_stop(announcer->poll);
    if (announcer->client)
        avahi_client_free(announcer->client);
    if (announcer->poll)
        avahi_threaded_poll_free(announcer->poll);
    avahi_free(announcer->name);
    avahi_free(announcer->host);
    free(announcer);
}
