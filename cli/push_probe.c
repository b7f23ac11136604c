/* What is at the other end: an Updraft device, an esp32-evse, an Arduino update page, or nothing
 * that speaks HTTP. Only GETs, and only of pages that change nothing. */
#include "cli/http.h"
#include "cli/out.h"
#include "cli/push.h"

#include <stdio.h>
#include <string.h>

#define HTTP_PORT  80u
#define ESPHOME_MS 1500u

const char *updraft_push_way_name(enum updraft_push_way way)
{
    switch (way) {
    case UPDRAFT_PUSH_AUTO:
        return "auto";
    case UPDRAFT_PUSH_RAW:
    case UPDRAFT_PUSH_EVSE:
        return "raw";
    case UPDRAFT_PUSH_FORM:
        return "form";
    case UPDRAFT_PUSH_DIRECT:
        return "direct";
    case UPDRAFT_PUSH_ESPHOME:
        return "esphome";
    case UPDRAFT_PUSH_ESPOTA:
        break;
    }
    return "espota";
}

void updraft_push_url(const struct updraft_push *push, const char *path, char *out, size_t out_cap)
{
    if (push->http_port == HTTP_PORT)
        snprintf(out, out_cap, "http://%s%s", push->host, path);
    else
        snprintf(out, out_cap, "http://%s:%u%s", push->host, push->http_port, path);
}

static bool get(const struct updraft_push *push, const char *path, uint32_t timeout_ms,
                struct updraft_http_response *response)
{
    char url[400];
    bool answered;
    struct updraft_http_request request = {
        .url = url,
        .user = push->user,
        .connect_ms = timeout_ms,
        .total_ms = timeout_ms,
    };

    updraft_push_url(push, path, url, sizeof url);
    answered = updraft_http_do(&request, response);

    /* The password goes out only where it is asked for: what a device is, most tell everyone. */
    if (!answered || response->status != 401 || !push->password)
        return answered;
    updraft_http_free(response);
    request.password = push->password;
    return updraft_http_do(&request, response);
}

static void copy_text(const cJSON *object, const char *key, char *out, size_t out_cap)
{
    const char *text = updraft_json_text(object, key);

    snprintf(out, out_cap, "%s", strcmp(text, "-") ? text : "");
}

static bool read_status(const cJSON *status, struct updraft_push_device *device)
{
    const cJSON *last = cJSON_GetObjectItemCaseSensitive(status, "last");

    if (!cJSON_IsString(cJSON_GetObjectItemCaseSensitive(status, "updraft")))
        return false;
    device->kind = UPDRAFT_PUSH_UPDRAFT;
    copy_text(status, "name", device->name, sizeof device->name);
    copy_text(status, "chip", device->chip, sizeof device->chip);
    copy_text(status, "product", device->product, sizeof device->product);
    copy_text(status, "project", device->project, sizeof device->project);
    copy_text(status, "version", device->version, sizeof device->version);
    copy_text(status, "slot", device->slot, sizeof device->slot);
    copy_text(status, "next", device->next, sizeof device->next);
    copy_text(status, "state", device->state, sizeof device->state);
    copy_text(last, "result", device->last_result, sizeof device->last_result);
    copy_text(last, "error.text", device->last_error, sizeof device->last_error);
    copy_text(last, "error.remedy", device->last_remedy, sizeof device->last_remedy);
    device->capacity = (uint32_t)updraft_json_number(status, "capacity");
    device->ota_port = (uint16_t)updraft_json_number(status, "ota_port");
    device->esphome_port = (uint16_t)updraft_json_number(status, "esphome_port");
    device->direct_port = (uint16_t)updraft_json_number(status, "direct_port");
    device->is_updating = !strcmp(updraft_json_text(status, "update.state"), "receiving");
    device->boot_id = (uint32_t)updraft_json_number(status, "boot_id");
    device->uptime_ms = (uint64_t)updraft_json_number(status, "uptime_ms");
    device->has_one_place = !strcmp(updraft_json_text(status, "layout"), "staged");
    device->wants_password = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(status, "password"));
    return true;
}

static bool read_info(const cJSON *info, struct updraft_push_device *device)
{
    if (!cJSON_IsString(cJSON_GetObjectItemCaseSensitive(info, "appVersion")))
        return false;
    device->kind = UPDRAFT_PUSH_IS_EVSE;
    copy_text(info, "chip", device->chip, sizeof device->chip);
    copy_text(info, "appVersion", device->version, sizeof device->version);
    return true;
}

static bool ask_json(const struct updraft_push *push, const char *path, uint32_t timeout_ms,
                     bool (*reads)(const cJSON *, struct updraft_push_device *),
                     struct updraft_push_device *device)
{
    struct updraft_http_response response;
    bool known = false;
    cJSON *json;

    if (get(push, path, timeout_ms, &response)) {
        device->answers_http = true;
        json = response.status == 200 ? updraft_http_json(&response) : NULL;
        known = json && reads(json, device);
        cJSON_Delete(json);
    }
    updraft_http_free(&response);
    return known;
}

void updraft_push_ask(const struct updraft_push *push, struct updraft_push_device *device,
                      uint32_t timeout_ms)
{
    struct updraft_http_response response;

    memset(device, 0, sizeof *device);
    device->asked_ms = updraft_progress_now_ms();
    if (ask_json(push, "/status", timeout_ms, read_status, device) || !device->answers_http)
        return;
    if (ask_json(push, "/api/v1/info", timeout_ms, read_info, device))
        return;
    if (get(push, "/update", timeout_ms, &response))
        device->has_update_page = response.status == 200 || response.status == 401;
    updraft_http_free(&response);
}

void updraft_push_choose(struct updraft_push *push)
{
    const struct updraft_push_device *device = &push->device;

    /* Asked for raw, an esp32-evse takes it at its own address. */
    if (push->way == UPDRAFT_PUSH_RAW && device->kind == UPDRAFT_PUSH_IS_EVSE)
        push->way = UPDRAFT_PUSH_EVSE;
    if (push->way != UPDRAFT_PUSH_AUTO)
        return;
    if (device->kind == UPDRAFT_PUSH_UPDRAFT && device->direct_port)
        push->way = UPDRAFT_PUSH_DIRECT;
    else if (device->kind == UPDRAFT_PUSH_UPDRAFT)
        push->way = UPDRAFT_PUSH_RAW;
    else if (device->kind == UPDRAFT_PUSH_IS_EVSE)
        push->way = UPDRAFT_PUSH_EVSE;
    else if (device->has_update_page)
        push->way = UPDRAFT_PUSH_FORM;
    else if (updraft_push_esphome_answers(push, ESPHOME_MS))
        push->way = UPDRAFT_PUSH_ESPHOME;
    else
        push->way = UPDRAFT_PUSH_ESPOTA;
}
