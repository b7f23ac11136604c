#include "cli/simulate/wire.h"

#include "format/descriptor.h"
#include "format/error.h"
#include "updraft_version.h"

#include <cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
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
    request->agent = device->kind == UPDRAFT_SIM_DDI ? "SWUpdate" : "esp32-evse";
    if (!updraft_sim_kinds[device->kind].has_trial)
        return;
    updraft_sim_device_mac(world, device->number, mac);
    request->agent = "updraft-device/" UPDRAFT_VERSION;
    add_header(request, "x-updraft-device: %s", mac);
}

/* --- reports --- */

static void give_json(struct updraft_sim_request *request, cJSON *json)
{
    if (cJSON_PrintPreallocated(json, request->body, (int)sizeof request->body, false))
        request->body_len = strlen(request->body);
    cJSON_Delete(json);
    request->what = UPDRAFT_SIM_WHAT_REPORT;
    add_header(request, "Content-Type: application/json");
}

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
    case UPDRAFT_SIM_LOOK:
    case UPDRAFT_SIM_FETCH:
    case UPDRAFT_SIM_RESTART:
    case UPDRAFT_SIM_TELL_ABOUT:
    case UPDRAFT_SIM_TELL_CANCELED:
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
    give_json(request, json);
    request->agent = "updraft-device/" UPDRAFT_VERSION;
    snprintf(request->url, sizeof request->url, "%s/d/report", server);
}

/* --- our own check-in --- */

static void add_end(const struct updraft_sim_device *device, cJSON *json)
{
    cJSON *report = cJSON_CreateObject();

    cJSON_AddStringToObject(report, "state", state_told(device->step));
    cJSON_AddStringToObject(report, "target", device->target);
    add_error(report, state_told(device->step));
    cJSON_AddItemToArray(cJSON_AddArrayToObject(json, "reports"), report);
}

static void check_in(const struct updraft_sim_device *device, const struct updraft_sim_world *world,
                     const char *server, struct updraft_sim_request *request)
{
    const struct updraft_sim_kind_entry *kind = &updraft_sim_kinds[device->kind];
    cJSON *json = cJSON_CreateObject();
    char mac[UPDRAFT_SIM_MAC_CAP], name[40];

    updraft_sim_device_mac(world, device->number, mac);
    snprintf(name, sizeof name, "%s-%06u", kind->name, (unsigned)device->number);
    cJSON_AddStringToObject(json, "device", mac);
    cJSON_AddStringToObject(json, "name", name);
    cJSON_AddStringToObject(json, "product", world->product);
    cJSON_AddStringToObject(json, "channel", world->channel);
    cJSON_AddStringToObject(json, "chip", kind->chip);
    cJSON_AddStringToObject(json, "version", device->runs);
    cJSON_AddStringToObject(json, "slot", device->slot ? "ota_1" : "ota_0");
    cJSON_AddStringToObject(json, "state",
                            device->step == UPDRAFT_SIM_TELL_TRIAL ? "trial" : "confirmed");
    if (device->step == UPDRAFT_SIM_TELL_FAILED || device->step == UPDRAFT_SIM_TELL_ROLLED_BACK)
        add_end(device, json);
    if (device->step == UPDRAFT_SIM_ASK && device->postpones) {
        cJSON *postponed = cJSON_AddObjectToObject(json, "postponed");
        cJSON_AddNumberToObject(postponed, "code", UPDRAFT_E_GUARD);
        cJSON_AddStringToObject(postponed, "name", updraft_error_entry(UPDRAFT_E_GUARD)->name);
        cJSON_AddStringToObject(postponed, "text", "the machine is running");
    }
    give_json(request, json);
    if (device->step == UPDRAFT_SIM_ASK)
        request->what = UPDRAFT_SIM_WHAT_ASK;
    request->agent = "updraft-device/" UPDRAFT_VERSION;
    snprintf(request->url, sizeof request->url, "%s/d/check", server);
}

/* --- hawkBit's interface --- */

static void address_ddi(const struct updraft_sim_device *device,
                        const struct updraft_sim_world *world, const char *server, const char *part,
                        struct updraft_sim_request *request)
{
    char mac[UPDRAFT_SIM_MAC_CAP], action[16] = "";

    /* Of a part that ends in "/", the number of the action is the rest. */
    if (part[0] && part[strlen(part) - 1] == '/')
        snprintf(action, sizeof action, "%u", (unsigned)device->action);
    updraft_sim_device_mac(world, device->number, mac);
    snprintf(request->url, sizeof request->url, "%s/d/ddi/%s@%s/controller/v1/%s%s%s%s", server,
             world->product, world->channel, mac, part, action,
             device->step >= UPDRAFT_SIM_TELL_CANCELED ? "/feedback" : "");
    request->agent = "SWUpdate";
    add_header(request, "Accept: application/json");
}

static cJSON *make_feedback(const struct updraft_sim_device *device)
{
    const bool goes_on = device->step == UPDRAFT_SIM_TELL_DOWNLOADING;
    const bool has_failed = device->step == UPDRAFT_SIM_TELL_FAILED;
    cJSON *json = cJSON_CreateObject();
    cJSON *status = cJSON_AddObjectToObject(json, "status");
    cJSON *result = cJSON_AddObjectToObject(status, "result");
    char id[16];

    snprintf(id, sizeof id, "%u", (unsigned)device->action);
    cJSON_AddStringToObject(json, "id", id);
    cJSON_AddStringToObject(status, "execution", goes_on ? "proceeding" : "closed");
    cJSON_AddStringToObject(result, "finished",
                            goes_on      ? "none"
                            : has_failed ? "failure"
                                         : "success");
    cJSON *details = cJSON_AddArrayToObject(status, "details");
    cJSON_AddItemToArray(details, cJSON_CreateString(has_failed ? "the package is damaged" : ""));
    return json;
}

static void speak_ddi(const struct updraft_sim_device *device,
                      const struct updraft_sim_world *world, const char *server,
                      struct updraft_sim_request *request)
{
    switch (device->step) {
    case UPDRAFT_SIM_ASK:
        address_ddi(device, world, server, "", request);
        break;
    case UPDRAFT_SIM_LOOK:
        address_ddi(device, world, server, "/deploymentBase/", request);
        break;
    case UPDRAFT_SIM_TELL_ABOUT: {
        cJSON *json = cJSON_CreateObject();
        cJSON_AddStringToObject(cJSON_AddObjectToObject(json, "data"), "version", device->runs);
        address_ddi(device, world, server, "/configData", request);
        give_json(request, json);
        request->method = "PUT";
        break;
    }
    case UPDRAFT_SIM_TELL_CANCELED:
        address_ddi(device, world, server, "/cancelAction/", request);
        give_json(request, make_feedback(device));
        break;
    case UPDRAFT_SIM_TELL_DOWNLOADING:
    case UPDRAFT_SIM_TELL_FAILED:
    case UPDRAFT_SIM_TELL_WRITTEN:
        address_ddi(device, world, server, "/deploymentBase/", request);
        give_json(request, make_feedback(device));
        break;
    case UPDRAFT_SIM_FETCH:
    case UPDRAFT_SIM_RESTART:
    case UPDRAFT_SIM_TELL_TRIAL:
    case UPDRAFT_SIM_TELL_CONFIRMED:
    case UPDRAFT_SIM_TELL_ROLLED_BACK:
    case UPDRAFT_SIM_LOST:
        break;
    }
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
    if (device->kind == UPDRAFT_SIM_DDI) {
        speak_ddi(device, world, server, request);
        return;
    }
    if (device->kind == UPDRAFT_SIM_CHECK) {
        check_in(device, world, server, request);
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
    case UPDRAFT_SIM_DDI:
    case UPDRAFT_SIM_CHECK:
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

static const char *link_of(const cJSON *object, const char *name)
{
    const cJSON *links = cJSON_GetObjectItemCaseSensitive(object, "_links");
    const cJSON *link = cJSON_GetObjectItemCaseSensitive(links, name);

    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(link, "href"));
}

static void read_work(const cJSON *json, struct updraft_sim_offer *offer)
{
    const char *update = link_of(json, "deploymentBase"), *cancel = link_of(json, "cancelAction");
    const char *href = update ? update : cancel;
    const char *slash = href ? strrchr(href, '/') : NULL;

    if (!slash)
        return;
    offer->work = update ? UPDRAFT_SIM_WORK_UPDATE : UPDRAFT_SIM_WORK_CANCEL;
    offer->action = (uint32_t)strtoul(slash + 1, NULL, 10);
}

static void read_deployment(const cJSON *json, struct updraft_sim_offer *offer)
{
    const cJSON *deployment = cJSON_GetObjectItemCaseSensitive(json, "deployment");
    const cJSON *chunk =
        cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(deployment, "chunks"), 0);
    const cJSON *artifact =
        cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(chunk, "artifacts"), 0);
    const char *version = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(chunk, "version"));
    const char *url = link_of(artifact, "download");

    url = url ? url : link_of(artifact, "download-http");
    if (!version || !url)
        return;
    snprintf(offer->version, sizeof offer->version, "%s", version);
    snprintf(offer->url, sizeof offer->url, "%s", url);
}

static void read_check(const char *text, struct updraft_sim_offer *offer)
{
    cJSON *json = cJSON_Parse(text);
    const cJSON *told = cJSON_GetObjectItemCaseSensitive(json, "offer");
    const char *version = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(told, "version"));
    const char *url = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(told, "url"));

    if (version && url) {
        snprintf(offer->version, sizeof offer->version, "%s", version);
        snprintf(offer->url, sizeof offer->url, "%s", url);
    }
    cJSON_Delete(json);
}

static void read_ddi(const struct updraft_sim_device *device, const char *text,
                     struct updraft_sim_offer *offer)
{
    cJSON *json = cJSON_Parse(text);

    if (device->step == UPDRAFT_SIM_LOOK)
        read_deployment(json, offer);
    else
        read_work(json, offer);
    cJSON_Delete(json);
}

void updraft_sim_wire_offer(const struct updraft_sim_request *request,
                            const struct updraft_sim_device *device, const char *text,
                            const char *version, struct updraft_sim_offer *offer)
{
    struct updraft_descriptor descriptor;

    memset(offer, 0, sizeof *offer);
    switch (device->kind) {
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
    case UPDRAFT_SIM_CHECK:
        read_check(text, offer);
        break;
    case UPDRAFT_SIM_DDI:
        read_ddi(device, text, offer);
        break;
    }
}
