/* Which ways in answer, and whether the password is right. */
#include "cli/doctor.h"
#include "cli/espota_ask.h"
#include "cli/http.h"
#include "format/chip.h"
#include "format/direct.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A port that no one listens on is no fault while another way in is open. */
static void find_no_listener(struct updraft_doctor *doctor, const char *step, uint16_t port,
                             enum updraft_doctor_port state)
{
    if (state == UPDRAFT_DOCTOR_PORT_CLOSED)
        updraft_doctor_find(doctor, step, UPDRAFT_DOCTOR_NOTE, "nothing listens on TCP port %u",
                            port);
    else
        updraft_doctor_find(doctor, step, UPDRAFT_DOCTOR_NOTE, "no answer from TCP port %u", port);
}

static void find_updraft(struct updraft_doctor *doctor)
{
    const struct updraft_push_device *device = &doctor->push.device;
    const struct updraft_chip *chip = updraft_chip_by_name(device->chip);

    updraft_doctor_find(doctor, "http", UPDRAFT_DOCTOR_OK,
                        "port %u: %s, %s, runs %s in %s (%s), %u bytes free for an update",
                        doctor->push.http_port, device->name[0] ? device->name : "a device",
                        chip ? chip->name : "unknown chip", device->version, device->slot,
                        device->state, device->capacity);
    if (device->is_updating) {
        updraft_doctor_find(doctor, "state", UPDRAFT_DOCTOR_NOTE, "another update is running");
        updraft_doctor_advise(doctor,
                              "Wait until it ends; a broken connection is given up after 30 s.");
    } else if (!strcmp(device->last_result, "failed") ||
               !strcmp(device->last_result, "rolled_back")) {
        updraft_doctor_find(doctor, "state", UPDRAFT_DOCTOR_NOTE, "its last update %s: %s",
                            strcmp(device->last_result, "failed") ? "was rolled back" : "failed",
                            device->last_error);
        updraft_doctor_advise(doctor, device->last_remedy);
    }
}

void updraft_doctor_http(struct updraft_doctor *doctor)
{
    static const char step[] = "http";
    struct updraft_push *push = &doctor->push;
    struct updraft_push_device *device = &push->device;
    enum updraft_doctor_port state;

    updraft_doctor_begin(doctor, step);
    state = updraft_doctor_dial(doctor, push->http_port, NULL);
    if (state != UPDRAFT_DOCTOR_PORT_OPEN) {
        find_no_listener(doctor, step, push->http_port, state);
        return;
    }
    updraft_push_ask(push, device, doctor->timeout_ms);
    doctor->takes_http = device->kind != UPDRAFT_PUSH_UNKNOWN || device->has_update_page;
    doctor->wants_password = device->wants_password;
    if (device->kind == UPDRAFT_PUSH_UPDRAFT) {
        find_updraft(doctor);
    } else if (device->kind == UPDRAFT_PUSH_IS_EVSE) {
        updraft_doctor_find(doctor, step, UPDRAFT_DOCTOR_OK, "port %u: esp32-evse %s",
                            push->http_port, device->version);
    } else if (device->has_update_page) {
        updraft_doctor_find(doctor, step, UPDRAFT_DOCTOR_OK, "port %u: an update page at /update",
                            push->http_port);
    } else {
        updraft_doctor_find(doctor, step, UPDRAFT_DOCTOR_NOTE,
                            device->answers_http
                                ? "port %u: a web server, but not one that takes updates"
                                : "port %u is open, but does not speak HTTP",
                            push->http_port);
        updraft_doctor_advise(doctor, "Check that this is the device's address and port "
                                      "(--http-port); its update page may be switched off.");
    }
}

/* The HELLO of a device comes by itself, and says what the device is. */
static bool hear_hello(struct updraft_doctor *doctor, int fd, struct updraft_direct_hello *hello)
{
    struct updraft_direct_reader reader;
    struct updraft_direct_message message;
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    uint64_t deadline_ms = updraft_progress_now_ms() + doctor->timeout_ms;
    bool complete = false;

    updraft_direct_reader_init(&reader);
    while (!complete && updraft_progress_now_ms() < deadline_ms) {
        uint8_t data[UPDRAFT_DIRECT_MESSAGE_CAP];
        size_t used;
        ssize_t len;

        if (poll(&polled, 1, 100) <= 0)
            continue;
        len = recv(fd, data, sizeof data, 0);
        if (len <= 0 || updraft_direct_reader_feed(&reader, data, (size_t)len, &used, &message,
                                                   &complete) != UPDRAFT_OK)
            return false;
    }
    if (!complete || message.type != UPDRAFT_DIRECT_HELLO)
        return false;
    *hello = message.as.hello;
    return true;
}

void updraft_doctor_direct(struct updraft_doctor *doctor)
{
    static const char step[] = "direct";
    const struct updraft_push *push = &doctor->push;
    uint16_t port = push->direct_port          ? push->direct_port
                    : push->device.direct_port ? push->device.direct_port
                                               : (uint16_t)UPDRAFT_DIRECT_PORT;
    struct updraft_direct_hello hello;
    enum updraft_doctor_port state;
    int fd = -1;

    updraft_doctor_begin(doctor, step);
    state = updraft_doctor_dial(doctor, port, &fd);
    if (state != UPDRAFT_DOCTOR_PORT_OPEN) {
        find_no_listener(doctor, step, port, state);
        return;
    }
    if (hear_hello(doctor, fd, &hello)) {
        doctor->takes_direct = true;
        doctor->wants_password |= hello.wants_password;
        updraft_doctor_find(doctor, step, UPDRAFT_DOCTOR_OK, "port %u: %s, runs %s", port,
                            hello.name, hello.version);
    } else {
        updraft_doctor_find(doctor, step, UPDRAFT_DOCTOR_NOTE,
                            "port %u is open, but does not speak Updraft's own way in", port);
    }
    close(fd);
}

/* True when it settles the question. */
static bool find_espota(struct updraft_doctor *doctor, uint16_t port)
{
    static const char step[] = "espota";

    switch (updraft_espota_ask(doctor->address, port, doctor->timeout_ms)) {
    case UPDRAFT_ESPOTA_SAYS_NOTHING:
        return false;
    case UPDRAFT_ESPOTA_SAYS_CLOSED:
        doctor->is_there = true;
        return false;
    case UPDRAFT_ESPOTA_SAYS_OPEN:
        updraft_doctor_find(doctor, step, UPDRAFT_DOCTOR_OK, "UDP port %u answers, no password",
                            port);
        break;
    case UPDRAFT_ESPOTA_SAYS_PASSWORD:
        doctor->wants_password = true;
        updraft_doctor_find(doctor, step, UPDRAFT_DOCTOR_OK,
                            "UDP port %u answers, and wants a password", port);
        break;
    case UPDRAFT_ESPOTA_SAYS_ODD:
        doctor->is_there = true;
        updraft_doctor_find(doctor, step, UPDRAFT_DOCTOR_NOTE,
                            "UDP port %u answers, but not as espota does", port);
        return true;
    }
    doctor->is_there = true;
    doctor->takes_espota = true;
    doctor->espota_port = port;
    return true;
}

void updraft_doctor_espota(struct updraft_doctor *doctor)
{
    static const char step[] = "espota";
    const struct updraft_push *push = &doctor->push;
    uint16_t port = push->ota_port          ? push->ota_port
                    : push->device.ota_port ? push->device.ota_port
                                            : push->given_port;

    updraft_doctor_begin(doctor, step);
    if (port) {
        if (!find_espota(doctor, port))
            updraft_doctor_find(doctor, step, UPDRAFT_DOCTOR_NOTE, "no answer from UDP port %u",
                                port);
        return;
    }
    if (!find_espota(doctor, UPDRAFT_ESPOTA_PORT_OF_ESP32) &&
        !find_espota(doctor, UPDRAFT_ESPOTA_PORT_OF_ESP8266))
        updraft_doctor_find(doctor, step, UPDRAFT_DOCTOR_NOTE,
                            "no answer from UDP ports %u (ESP32) and %u (ESP8266)",
                            UPDRAFT_ESPOTA_PORT_OF_ESP32, UPDRAFT_ESPOTA_PORT_OF_ESP8266);
}

void updraft_doctor_esphome(struct updraft_doctor *doctor)
{
    static const char step[] = "esphome";

    /* One of ours says where it speaks it; there is no need to try. */
    if (doctor->push.device.kind == UPDRAFT_PUSH_UPDRAFT && !doctor->push.device.esphome_port)
        return;
    updraft_doctor_begin(doctor, step);
    doctor->takes_esphome = updraft_push_esphome_answers(&doctor->push, doctor->timeout_ms);
    doctor->is_there |= doctor->takes_esphome;
    updraft_doctor_find(doctor, step,
                        doctor->takes_esphome ? UPDRAFT_DOCTOR_OK : UPDRAFT_DOCTOR_NOTE,
                        doctor->takes_esphome ? "ESPHome's protocol is spoken"
                                              : "ESPHome's protocol is not spoken");
}

/* The status of a request that changes nothing, but is only answered to those who may update: an
 * upload of no bytes, where /update is an upload's address; else the page itself. */
static long ask_with_password(struct updraft_doctor *doctor, const char *password)
{
    bool is_page = doctor->push.device.kind == UPDRAFT_PUSH_UNKNOWN;
    bool is_evse = doctor->push.device.kind == UPDRAFT_PUSH_IS_EVSE;
    char url[400];
    const struct updraft_http_request request = {
        .method = is_page ? "GET" : "POST",
        .url = url,
        .user = doctor->push.user,
        .password = password,
        .body = is_page ? NULL : (const uint8_t *)"",
        .content_type = is_page ? NULL : "application/octet-stream",
        .connect_ms = doctor->timeout_ms,
        .total_ms = 2 * doctor->timeout_ms,
    };
    struct updraft_http_response response;
    long status;

    updraft_push_url(&doctor->push, is_evse ? "/api/v1/firmware/upload" : "/update", url,
                     sizeof url);
    status = updraft_http_do(&request, &response) ? response.status : 0;
    updraft_http_free(&response);
    return status;
}

static void find_missing_password(struct updraft_doctor *doctor)
{
    doctor->wants_password = true;
    updraft_doctor_fail(doctor, "password",
                        updraft_fail_set(&doctor->push.cli->fail, UPDRAFT_EXIT_AUTH,
                                         "wrong_password",
                                         "Give it with --password, or in UPDRAFT_PASSWORD.",
                                         "the device wants a password, and none is given"));
}

void updraft_doctor_password(struct updraft_doctor *doctor)
{
    static const char step[] = "password";
    long status;

    updraft_doctor_begin(doctor, step);
    if (doctor->wants_password && !doctor->push.password) {
        find_missing_password(doctor);
        return;
    }
    if (!doctor->takes_http) {
        if (!doctor->wants_password)
            updraft_doctor_find(doctor, step, UPDRAFT_DOCTOR_OK, "none is wanted");
        return; /* espota's call back tries it */
    }
    status = ask_with_password(doctor, doctor->push.password);
    if (status == 401 && !doctor->push.password) {
        find_missing_password(doctor);
    } else if (status == 401) {
        updraft_doctor_fail(doctor, step,
                            updraft_fail_set(&doctor->push.cli->fail, UPDRAFT_EXIT_AUTH,
                                             "wrong_password",
                                             "It is the one in the device's firmware. Some devices "
                                             "want a user name, too: --user.",
                                             "the device does not take that password"));
    } else if (status == 429) {
        updraft_doctor_find(doctor, step, UPDRAFT_DOCTOR_NOTE,
                            "the device takes no password now: too many were wrong");
        updraft_doctor_advise(doctor, "Wait a minute.");
    } else if (status == 0) {
        updraft_doctor_find(doctor, step, UPDRAFT_DOCTOR_NOTE, "the device did not answer");
    } else if (doctor->push.password && doctor->wants_password) {
        doctor->password_is_right = true;
        updraft_doctor_find(doctor, step, UPDRAFT_DOCTOR_OK, "the device takes it");
    } else {
        updraft_doctor_find(doctor, step, UPDRAFT_DOCTOR_OK,
                            doctor->push.password ? "taken, or none is wanted" : "none is wanted");
    }
}
