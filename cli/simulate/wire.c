#include "cli/simulate/wire.h"

#include "format/descriptor.h"
#include "format/error.h"
#include "updraft_version.h"

#include <cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *const updraft_sim_what_names[UPDRAFT_SIM_WHAT_COUNT] = {"ask", "report", "image"};

#define OVMS_IMAGE "ovms3.bin"

__attribute__((format(printf, 2, 3))) static void add_header(struct updraft_sim_request *request,
                                                             const char *format, ...)
{
    size_t len = strlen(request->headers);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(request->headers + len, sizeof request->headers - len, format, arguments);
    va_end(arguments);
    len = strlen(request->headers);
    if (len + 1 < sizeof request->headers)
        memcpy(request->headers + len, "\n", 2);
}

/* Of what runs; any text of that form, as long as it is another for another version. */
static void put_digest(const char *version, char out[33])
{
    uint64_t hash = 14695981039346656037u;

    for (; *version; version++)
        hash = (hash ^ (unsigned char)*version) * 1099511628211u;
    snprintf(out, 33, "%016llx%016llx", (unsigned long long)hash, (unsigned long long)~hash);
}

static void ask_esp8266(const struct updraft_sim_device *device,
                        const struct updraft_sim_world *world, const char *server,
                        struct updraft_sim_request *request)
{
    char mac[UPDRAFT_SIM_MAC_CAP], digest[33];

    updraft_sim_device_mac(world, device->number, mac);
    put_digest(device->runs, digest);
    snprintf(request->url, sizeof request->url, "%s/d/esp-update/%s?channel=%s", server,
             world->product, world->channel);
    request->is_http_1_0 = true;
    request->may_bring_image = true;
    request->agent = "ESP8266-http-Update";
    add_header(request, "Connection: close");
    add_header(request, "x-ESP8266-Chip-ID: %u", (unsigned)device->number);
    add_header(request, "x-ESP8266-STA-MAC: %s", mac);
    add_header(request, "x-ESP8266-AP-MAC: %s", mac);
    add_header(request, "x-ESP8266-free-space: 2625536");
    add_header(request, "x-ESP8266-sketch-size: 393216");
    add_header(request, "x-ESP8266-sketch-md5: %s", digest);
    add_header(request, "x-ESP8266-chip-size: 4194304");
    add_header(request, "x-ESP8266-sdk-version: 2.2.2-dev(38a443e)");
    add_header(request, "x-ESP8266-mode: sketch");
    add_header(request, "x-ESP8266-version: %s", device->runs);
}

static void ask_channel(const struct updraft_sim_device *device,
                        const struct updraft_sim_world *world, const char *server,
                        struct updraft_sim_request *request)
{
    const struct updraft_sim_kind_entry *kind = &updraft_sim_kinds[device->kind];
    char mac[UPDRAFT_SIM_MAC_CAP];

    snprintf(request->url, sizeof request->url, "%s/d/channel/%s/%s/%s.json", server,
             world->product, world->channel, kind->chip);
    request->agent = "esp32-evse";
    if (!kind->has_name)
        return;
    updraft_sim_device_mac(world, device->number, mac);
    request->agent = "updraft-device/" UPDRAFT_VERSION;
    add_header(request, "x-updraft-device: %s", mac);
    add_header(request, "x-updraft-version: %s", device->runs);
    add_header(request, "x-updraft-name: %s-%06u", kind->name, (unsigned)device->number);
}

/* These modules name the host without its port. */
static void dress_ovms(const char *server, struct updraft_sim_request *request)
{
    const char *host = strstr(server, "://");

    host = host ? host + 3 : server;
    size_t len = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
    add_header(request, "Host: %.*s", (int)len, host);
    request->is_http_1_0 = true;
    request->agent = "ovms/v3.3 (SIM 3.3.005)";
}

static void ask_ovms(const struct updraft_sim_world *world, const char *server,
                     struct updraft_sim_request *request)
{
    snprintf(request->url, sizeof request->url, "%s/d/ovms/%s/%s/ovms3.ver", server, world->product,
             world->channel);
    dress_ovms(server, request);
}

static void fetch(const struct updraft_sim_device *device, const struct updraft_sim_world *world,
                  const char *server, struct updraft_sim_request *request)
{
    char mac[UPDRAFT_SIM_MAC_CAP];

    request->what = UPDRAFT_SIM_WHAT_IMAGE;
    request->may_bring_image = true;
    snprintf(request->url, sizeof request->url, "%s", device->image_url);
    if (device->kind == UPDRAFT_SIM_OVMS) {
        dress_ovms(server, request);
        return;
    }
    request->is_by_digest = true;
    request->agent = "esp32-evse";
    if (!updraft_sim_kinds[device->kind].has_name)
        return;
    updraft_sim_device_mac(world, device->number, mac);
    request->agent = "updraft-device/" UPDRAFT_VERSION;
    add_header(request, "x-updraft-device: %s", mac);
}

/* --- reports --- */

static void add_error(cJSON *json, const char *state)
{
    const bool has_failed = !strcmp(state, "failed");
    const enum updraft_error code = has_failed ? UPDRAFT_E_DISCONNECTED : UPDRAFT_E_ROLLED_BACK;
    cJSON *error = cJSON_AddObjectToObject(json, "error");

    cJSON_AddNumberToObject(error, "code", code);
    cJSON_AddStringToObject(error, "name", updraft_error_entry(code)->name);
    cJSON_AddStringToObject(error, "text",
                            has_failed ? "the connection broke off"
                                       : "it reset too often before it was confirmed");
}

static const char *state_told(enum updraft_sim_step step)
{
    switch (step) {
    case UPDRAFT_SIM_TELL_DOWNLOADING:
        return "downloading";
    case UPDRAFT_SIM_TELL_FAILED:
        return "failed";
    case UPDRAFT_SIM_TELL_WRITTEN:
        return "written";
    case UPDRAFT_SIM_TELL_TRIAL:
        return "trial";
    case UPDRAFT_SIM_TELL_ROLLED_BACK:
        return "rolled_back";
    case UPDRAFT_SIM_TELL_CONFIRMED:
    case UPDRAFT_SIM_ASK:
    case UPDRAFT_SIM_FETCH:
    case UPDRAFT_SIM_RESTART:
    case UPDRAFT_SIM_LOST:
        break;
    }
    return "confirmed";
}

static void tell(const struct updraft_sim_device *device, const struct updraft_sim_world *world,
                 const char *server, struct updraft_sim_request *request)
{
    const struct updraft_sim_kind_entry *kind = &updraft_sim_kinds[device->kind];
    const char *state = state_told(device->step);
    const bool is_of_running =
        device->step == UPDRAFT_SIM_TELL_TRIAL || device->step == UPDRAFT_SIM_TELL_CONFIRMED;
    char mac[UPDRAFT_SIM_MAC_CAP], name[40];
    cJSON *json = cJSON_CreateObject();

    updraft_sim_device_mac(world, device->number, mac);
    snprintf(name, sizeof name, "%s-%06u", kind->name, (unsigned)device->number);
    cJSON_AddStringToObject(json, "device", mac);
    cJSON_AddStringToObject(json, "name", name);
    cJSON_AddStringToObject(json, "product", world->product);
    cJSON_AddStringToObject(json, "chip", kind->chip);
    cJSON_AddStringToObject(json, "version", device->runs);
    cJSON_AddStringToObject(json, "slot", device->slot ? "ota_1" : "ota_0");
    cJSON_AddStringToObject(json, "state", state);
    if (!is_of_running) {
        cJSON_AddStringToObject(json, "target", device->target);
        cJSON_AddStringToObject(json, "via", "channel");
    }
    if (device->step == UPDRAFT_SIM_TELL_DOWNLOADING)
        cJSON_AddNumberToObject(json, "progress", 0);
    if (device->step == UPDRAFT_SIM_TELL_FAILED || device->step == UPDRAFT_SIM_TELL_ROLLED_BACK)
        add_error(json, state);
    if (cJSON_PrintPreallocated(json, request->body, (int)sizeof request->body, false))
        request->body_len = strlen(request->body);
    cJSON_Delete(json);
    request->what = UPDRAFT_SIM_WHAT_REPORT;
    request->agent = "updraft-device/" UPDRAFT_VERSION;
    snprintf(request->url, sizeof request->url, "%s/d/report", server);
    add_header(request, "Content-Type: application/json");
}

void updraft_sim_wire_request(const struct updraft_sim_device *device,
                              const struct updraft_sim_world *world, const char *server,
                              struct updraft_sim_request *request)
{
    memset(request, 0, sizeof *request);
    if (device->step == UPDRAFT_SIM_FETCH) {
        fetch(device, world, server, request);
        return;
    }
    if (device->step != UPDRAFT_SIM_ASK) {
        tell(device, world, server, request);
        return;
    }
    switch (device->kind) {
    case UPDRAFT_SIM_ESP8266:
        ask_esp8266(device, world, server, request);
        break;
    case UPDRAFT_SIM_CHANNEL:
    case UPDRAFT_SIM_EVSE:
        ask_channel(device, world, server, request);
        break;
    case UPDRAFT_SIM_OVMS:
        ask_ovms(world, server, request);
        break;
    }
}

/* --- answers --- */

/* The first line is the version; the image lies beside the version file. */
static void read_ovms(const struct updraft_sim_request *request, const char *text,
                      struct updraft_sim_offer *offer)
{
    size_t len = strcspn(text, "\r\n");
    const char *slash = strrchr(request->url, '/');

    if (text[len] == '\0' || len == 0 || len >= sizeof offer->version || !slash)
        return;
    memcpy(offer->version, text, len);
    offer->version[len] = '\0';
    snprintf(offer->url, sizeof offer->url, "%.*s" OVMS_IMAGE, (int)(slash + 1 - request->url),
             request->url);
}

void updraft_sim_wire_offer(const struct updraft_sim_request *request, enum updraft_sim_kind kind,
                            const char *text, const char *version, struct updraft_sim_offer *offer)
{
    struct updraft_descriptor descriptor;

    memset(offer, 0, sizeof *offer);
    switch (kind) {
    case UPDRAFT_SIM_ESP8266:
        snprintf(offer->version, sizeof offer->version, "%s", version);
        break;
    case UPDRAFT_SIM_CHANNEL:
    case UPDRAFT_SIM_EVSE:
        if (updraft_descriptor_decode(text, strlen(text), &descriptor) != UPDRAFT_OK)
            break;
        snprintf(offer->version, sizeof offer->version, "%s", descriptor.version);
        snprintf(offer->url, sizeof offer->url, "%s", descriptor.path);
        break;
    case UPDRAFT_SIM_OVMS:
        read_ovms(request, text, offer);
        break;
    }
}
