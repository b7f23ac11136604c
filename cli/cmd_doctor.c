/* updraft doctor HOST */
#include "cli/address.h"
#include "cli/doctor.h"
#include "cli/out.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HTTP_PORT         80u
#define DEFAULT_TIMEOUT_S 3u

static const struct updraft_option options[] = {
    {"password", 'p', "TEXT", "the device's password (else UPDRAFT_PASSWORD); it is tried"},
    {"user", 0, "NAME", "user name for HTTP (default updraft; most devices take any)"},
    {"image", 0, "FILE", "would the device take this one? chip, project, size"},
    {"http-port", 0, "PORT", "its HTTP port (default 80, or that of HOST:PORT)"},
    {"ota-port", 0, "PORT", "its espota port (default: as it says, else 3232 and 8266)"},
    {"direct-port", 0, "PORT", "its port of Updraft's own way in (default: as it says, else 3233)"},
    {"host-port", 0, "PORT", "the port of this computer that the device is to call back"},
    {"no-call-back", 0, NULL, "do not invite the device by espota"},
    {"no-chip-check", 0, NULL, "an image for another chip is meant"},
    {"timeout", 0, "S", "how long to wait for each answer (default 3)"},
    {0},
};

/* ---- findings ---- */

static const char *state_name(enum updraft_doctor_state state)
{
    switch (state) {
    case UPDRAFT_DOCTOR_OK:
        break;
    case UPDRAFT_DOCTOR_NOTE:
        return "note";
    case UPDRAFT_DOCTOR_FAILED:
        return "failed";
    case UPDRAFT_DOCTOR_SKIPPED:
        return "skipped";
    }
    return "ok";
}

void updraft_doctor_begin(struct updraft_doctor *doctor, const char *step)
{
    char text[80];

    snprintf(text, sizeof text, "looking at: %s", step);
    updraft_push_board_begin(&doctor->board);
    updraft_push_board_line(&doctor->board, "", text);
    updraft_push_board_end(&doctor->board);
}

static void add(struct updraft_doctor *doctor, const char *step, enum updraft_doctor_state state,
                const char *text)
{
    cJSON *finding = cJSON_CreateObject();

    cJSON_AddStringToObject(finding, "step", step);
    cJSON_AddStringToObject(finding, "state", state_name(state));
    cJSON_AddStringToObject(finding, "found", text);
    cJSON_AddItemToArray(doctor->findings, finding);
}

void updraft_doctor_find(struct updraft_doctor *doctor, const char *step,
                         enum updraft_doctor_state state, const char *format, ...)
{
    char text[400];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    add(doctor, step, state, text);
}

void updraft_doctor_advise(struct updraft_doctor *doctor, const char *remedy)
{
    int last = cJSON_GetArraySize(doctor->findings) - 1;

    if (remedy[0])
        cJSON_AddStringToObject(cJSON_GetArrayItem(doctor->findings, last), "remedy", remedy);
}

/* The failure of the command is the first one; that of a later step is only a finding. */
void updraft_doctor_fail(struct updraft_doctor *doctor, const char *step, enum updraft_exit exit)
{
    const struct updraft_fail *fail = &doctor->push.cli->fail;

    add(doctor, step, UPDRAFT_DOCTOR_FAILED, fail->message);
    updraft_doctor_advise(doctor, fail->remedy);
    if (doctor->exit == UPDRAFT_EXIT_OK) {
        doctor->exit = exit;
        doctor->first = *fail;
    }
}

bool updraft_doctor_has_other_way(const struct updraft_doctor *doctor)
{
    return doctor->takes_http || doctor->takes_direct || doctor->takes_esphome;
}

/* ---- the steps ---- */

static void check_image(struct updraft_doctor *doctor)
{
    static const char step[] = "image";
    struct updraft_push *push = &doctor->push;
    const struct updraft_push_device *device = &push->device;
    struct updraft_push_device as_idle = *device;
    enum updraft_exit exit;

    if (!doctor->has_image)
        return;
    as_idle.is_updating = false;    /* is a finding of its own */
    as_idle.wants_password = false; /* likewise */
    exit = updraft_push_check(push, &as_idle);
    if (exit != UPDRAFT_EXIT_OK) {
        updraft_doctor_fail(doctor, step, exit);
        return;
    }
    if (device->kind == UPDRAFT_PUSH_UNKNOWN)
        updraft_doctor_find(doctor, step, UPDRAFT_DOCTOR_NOTE,
                            "the device does not say what it is, so this cannot be told");
    else if (device->capacity)
        updraft_doctor_find(doctor, step, UPDRAFT_DOCTOR_OK,
                            "for this chip and project; %u of %u bytes", push->image.info.image_len,
                            device->capacity);
    else
        updraft_doctor_find(doctor, step, UPDRAFT_DOCTOR_OK,
                            "for this chip; the device does not say how much it holds");
}

static void add_way(cJSON *ways, bool is_open, const char *name)
{
    if (is_open)
        cJSON_AddItemToArray(ways, cJSON_CreateString(name));
}

static void list_ways(const struct updraft_doctor *doctor, cJSON *result)
{
    const struct updraft_push_device *device = &doctor->push.device;
    cJSON *ways = cJSON_AddArrayToObject(result, "ways");

    add_way(ways, doctor->takes_direct, "direct");
    add_way(ways, device->kind != UPDRAFT_PUSH_UNKNOWN, "raw");
    add_way(ways, device->kind == UPDRAFT_PUSH_UPDRAFT || device->has_update_page, "form");
    add_way(ways, doctor->takes_esphome, "esphome");
    add_way(ways, doctor->takes_espota, "espota");
}

static void judge_reach(struct updraft_doctor *doctor)
{
    struct updraft_fail *fail = &doctor->push.cli->fail;
    enum updraft_exit exit;

    if (doctor->takes_espota || updraft_doctor_has_other_way(doctor))
        return;
    if (doctor->is_there)
        exit = updraft_fail_set(fail, UPDRAFT_EXIT_NETWORK, "no_way_in",
                                "Check that it is the device, that updates are enabled on it, and "
                                "its ports: --http-port, --ota-port, --direct-port.",
                                "%s is there, but has no way in for updates on these ports",
                                doctor->push.host);
    else
        exit =
            updraft_fail_set(fail, UPDRAFT_EXIT_NETWORK, "no_answer",
                             "Check that the device is on, its address ('updraft discover'), and "
                             "that no firewall or guest network keeps it from this computer.",
                             "%s does not answer at all", doctor->push.host);
    updraft_doctor_fail(doctor, "ways in", exit);
}

static void examine(struct updraft_doctor *doctor)
{
    if (!updraft_doctor_address(doctor) || !updraft_doctor_route(doctor))
        return;
    updraft_doctor_http(doctor);
    updraft_doctor_direct(doctor);
    updraft_doctor_espota(doctor);
    updraft_doctor_esphome(doctor);
    judge_reach(doctor);
    if (doctor->exit != UPDRAFT_EXIT_OK)
        return;
    updraft_doctor_password(doctor);
    check_image(doctor);
    updraft_doctor_call_back(doctor);
}

static enum updraft_exit port_option(struct updraft_cli *cli, const char *name, uint16_t *port)
{
    uint32_t value = *port;
    enum updraft_exit exit = updraft_args_u32(cli, name, 1, 65535, &value);

    *port = (uint16_t)value;
    return exit;
}

static enum updraft_exit read_options(struct updraft_doctor *doctor)
{
    struct updraft_push *push = &doctor->push;
    struct updraft_cli *cli = push->cli;
    const char *user = updraft_args_value(&cli->args, "user");
    uint32_t timeout_s = DEFAULT_TIMEOUT_S;
    enum updraft_exit exit =
        updraft_address_read(cli->args.positional[0], push->host, &push->given_port, &cli->fail);

    push->user = user ? user : "updraft";
    push->password = updraft_args_value(&cli->args, "password");
    if (!push->password)
        push->password = getenv("UPDRAFT_PASSWORD");
    if (push->password && !push->password[0])
        push->password = NULL;
    push->http_port = push->given_port ? push->given_port : HTTP_PORT;
    doctor->calls_back = !updraft_args_has(&cli->args, "no-call-back");
    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_args_u32(cli, "timeout", 1, 60, &timeout_s);
    doctor->timeout_ms = timeout_s * 1000;
    if (exit == UPDRAFT_EXIT_OK)
        exit = port_option(cli, "http-port", &push->http_port);
    if (exit == UPDRAFT_EXIT_OK)
        exit = port_option(cli, "ota-port", &push->ota_port);
    if (exit == UPDRAFT_EXIT_OK)
        exit = port_option(cli, "direct-port", &push->direct_port);
    if (exit == UPDRAFT_EXIT_OK)
        exit = port_option(cli, "host-port", &push->host_port);
    return exit;
}

static enum updraft_exit run(struct updraft_cli *cli, cJSON *result)
{
    struct updraft_doctor doctor = {.push = {.cli = cli}};
    const char *image = updraft_args_value(&cli->args, "image");
    enum updraft_exit exit = read_options(&doctor);

    updraft_progress_init(&doctor.push.progress, true);
    updraft_push_board_init(&doctor.board, cli->quiet, false);
    if (exit == UPDRAFT_EXIT_OK && image) {
        exit = updraft_inspect_file(image, &doctor.push.wire, &doctor.push.image, &cli->fail);
        doctor.push.path = image;
        doctor.has_image = true;
    }
    if (exit == UPDRAFT_EXIT_OK) {
        cJSON_AddStringToObject(result, "host", doctor.push.host);
        doctor.findings = cJSON_AddArrayToObject(result, "findings");
        examine(&doctor);
        updraft_push_board_begin(&doctor.board);
        list_ways(&doctor, result);
        exit = doctor.exit;
        cli->fail = doctor.first;
    }
    updraft_file_free(&doctor.push.wire);
    return exit;
}

static void show(const struct updraft_cli *cli, const cJSON *result)
{
    const cJSON *findings = cJSON_GetObjectItemCaseSensitive(result, "findings");
    const cJSON *finding;

    (void)cli;
    cJSON_ArrayForEach(finding, findings)
    {
        const char *remedy = updraft_json_text(finding, "remedy");
        char label[40];

        snprintf(label, sizeof label, "%-8s%-10s", updraft_json_text(finding, "state"),
                 updraft_json_text(finding, "step"));
        updraft_out_field(label, updraft_json_text(finding, "found"));
        if (strcmp(remedy, "-"))
            updraft_out_field("                  ", remedy);
    }
    updraft_out_member("ways in           ", result, "ways", UPDRAFT_OUT_LIST);
}

const struct updraft_command updraft_command_doctor = {
    .name = "doctor",
    .summary = "find out why an update does not get through to a device",
    .usage = "HOST[:PORT] [--password TEXT] [--image FILE]",
    .about =
        "Looks, step by step, at what an update needs: the address, the way there, every way in\n"
        "(HTTP, Updraft's own, espota, ESPHome), the password, the room and the chip for an "
        "image,\n"
        "and espota's call back: the device must be able to connect to this computer. Each step\n"
        "says what it found, and what helps.\n"
        "\n"
        "Nothing on the device is changed: passwords are tried with an upload of no bytes, and "
        "the\n"
        "call back is hung up on before a byte is sent. A device notes that as an update that "
        "broke\n"
        "off, and stock firmware may call its start and error handlers; --no-call-back leaves it "
        "out.\n"
        "\n"
        "Exit code: that of the first failed step; 0 when an update should go through.\n"
        "\n"
        "JSON: host, findings (step, state: ok, note, failed, skipped; found, remedy), ways.\n",
    .examples = "  updraft doctor 192.168.1.50\n"
                "  updraft doctor garage.local --password secret --image build/garage.bin\n"
                "  updraft doctor 192.168.1.50 --ota-port 8266 --host-port 40000\n",
    .options = options,
    .positional_min = 1,
    .positional_max = 1,
    .run = run,
    .show = show,
};
