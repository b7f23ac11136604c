/* Can the device connect to this computer? espota depends on it. */
#include "cli/address.h"
#include "cli/doctor.h"
#include "cli/espota_call_back.h"
#include "cli/espota_host.h"
#include "cli/file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TICK_MS     50
#define INVITATIONS 3u
#define CALL_MS     10000u
#define TRIAL_LEN   4096u /* when there is no image: nothing of it is ever sent */

static const char step[] = "call back";

struct line {
    int udp;
    int listener;
    uint16_t port;     /* of this computer */
    bool was_stranger; /* someone else connected */
};

static bool open_line(struct updraft_doctor *doctor, struct line *line)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(doctor->push.host_port)};
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(doctor->espota_port), .sin_addr = doctor->address};
    socklen_t any_len = sizeof any;
    const int on = 1;

    line->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    line->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (line->listener < 0 || line->udp < 0)
        return false;
    (void)setsockopt(line->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(line->listener, (struct sockaddr *)&any, sizeof any) || listen(line->listener, 1) ||
        getsockname(line->listener, (struct sockaddr *)&any, &any_len) ||
        connect(line->udp, (const struct sockaddr *)&to, sizeof to))
        return false;
    line->port = ntohs(any.sin_port);
    return true;
}

static void close_line(struct line *line)
{
    if (line->listener >= 0)
        close(line->listener);
    if (line->udp >= 0)
        close(line->udp);
}

/* True when the device itself connected; it is hung up on. */
static bool take_call(const struct updraft_doctor *doctor, struct line *line)
{
    struct sockaddr_in from;
    socklen_t from_len = sizeof from;
    int fd = accept4(line->listener, (struct sockaddr *)&from, &from_len, SOCK_CLOEXEC);

    if (fd < 0)
        return false;
    close(fd);
    if (from.sin_addr.s_addr == doctor->address.s_addr)
        return true;
    line->was_stranger = true;
    return false;
}

/* Drives the protocol up to the call, and no further. */
static bool is_called(const struct updraft_doctor *doctor, struct line *line,
                      struct updraft_espota_host *host)
{
    while (host->state < UPDRAFT_ESPOTA_HOST_DONE) {
        struct pollfd fds[] = {
            {.fd = line->udp, .events = POLLIN},
            {.fd = line->listener, .events = POLLIN},
        };
        uint8_t data[512];
        size_t len = updraft_espota_host_take_datagram(host, data, sizeof data);

        if (len > 0 && send(line->udp, data, len, 0) < 0 && errno == ECONNREFUSED)
            (void)send(line->udp, data, len, 0); /* that was the answer to an earlier one */
        if (poll(fds, 2, TICK_MS) > 0) {
            ssize_t got = fds[0].revents ? recv(line->udp, data, sizeof data, 0) : -1;

            if (got >= 0)
                updraft_espota_host_datagram(host, data, (size_t)got, updraft_progress_now_ms());
            if (fds[1].revents && take_call(doctor, line))
                return true;
        }
        updraft_espota_host_tick(host, updraft_progress_now_ms());
    }
    return false;
}

static void find_no_call(struct updraft_doctor *doctor, const struct line *line)
{
    struct updraft_fail *fail = &doctor->push.cli->fail;
    char device[INET_ADDRSTRLEN];
    char remedy[300];
    enum updraft_exit exit;
    const struct updraft_call_back call_back = {
        .device = device,
        .local = doctor->local,
        .port = line->port,
        .is_fixed = doctor->push.host_port != 0,
        .root = "",
    };

    updraft_address_text(ntohl(doctor->address.s_addr), device);
    if (line->was_stranger)
        snprintf(remedy, sizeof remedy,
                 "Something between translates addresses (NAT, a container, a VPN): espota cannot "
                 "pass it. Push from the device's own network.");
    else
        updraft_call_back_remedy(&call_back, remedy, sizeof remedy);
    if (updraft_doctor_has_other_way(doctor)) {
        updraft_doctor_find(doctor, step, UPDRAFT_DOCTOR_NOTE,
                            line->was_stranger
                                ? "a connection to TCP port %u came from another address"
                                : "the device did not connect to TCP port %u of this computer",
                            line->port);
        updraft_doctor_advise(doctor, remedy);
        return;
    }
    exit = updraft_fail_set(fail, UPDRAFT_EXIT_NETWORK, "no_call_back", remedy,
                            line->was_stranger
                                ? "a connection to TCP port %u came from another address"
                                : "the device took the invitation, but did not connect to TCP port "
                                  "%u of this computer",
                            line->port);
    updraft_doctor_fail(doctor, step, exit);
}

static void find_refused(struct updraft_doctor *doctor, const struct updraft_espota_host *host)
{
    struct updraft_fail *fail = &doctor->push.cli->fail;

    updraft_doctor_fail(doctor, step,
                        updraft_fail_set(fail, UPDRAFT_EXIT_REFUSED, "refused",
                                         "Its words say what to change.",
                                         "the device refuses an update: %s", host->text));
}

static void find_wrong_password(struct updraft_doctor *doctor)
{
    struct updraft_fail *fail = &doctor->push.cli->fail;

    updraft_doctor_fail(doctor, "password",
                        updraft_fail_set(fail, UPDRAFT_EXIT_AUTH, "wrong_password",
                                         "It is the one in the device's firmware.",
                                         "the device does not take that password"));
}

/* It answered a moment ago. */
static void find_silence(struct updraft_doctor *doctor)
{
    static const char found[] = "the device went silent after the invitation";
    static const char remedy[] =
        "Try again: datagrams get lost. Old devices also keep silent about a "
        "password they cannot use.";

    if (updraft_doctor_has_other_way(doctor)) {
        updraft_doctor_find(doctor, step, UPDRAFT_DOCTOR_NOTE, "%s", found);
        updraft_doctor_advise(doctor, remedy);
        return;
    }
    updraft_doctor_fail(doctor, step,
                        updraft_fail_set(&doctor->push.cli->fail, UPDRAFT_EXIT_NETWORK, "no_answer",
                                         remedy, "%s", found));
}

static void find_failure(struct updraft_doctor *doctor, const struct line *line,
                         const struct updraft_espota_host *host)
{
    switch (host->failure) {
    case UPDRAFT_ESPOTA_HOST_NO_CALL_BACK:
        find_no_call(doctor, line);
        return;
    case UPDRAFT_ESPOTA_HOST_WRONG_PASSWORD:
    case UPDRAFT_ESPOTA_HOST_NEEDS_PASSWORD:
        find_wrong_password(doctor);
        return;
    case UPDRAFT_ESPOTA_HOST_REFUSED:
        find_refused(doctor, host);
        return;
    case UPDRAFT_ESPOTA_HOST_NO_PROOF_ANSWER:
    case UPDRAFT_ESPOTA_HOST_NO_FAILURE:
    case UPDRAFT_ESPOTA_HOST_NO_ANSWER:
    case UPDRAFT_ESPOTA_HOST_ODD_ANSWER:
    case UPDRAFT_ESPOTA_HOST_CLOSED:
    case UPDRAFT_ESPOTA_HOST_STALLED:
    case UPDRAFT_ESPOTA_HOST_ERROR_TEXT:
    case UPDRAFT_ESPOTA_HOST_NO_VERDICT:
        break;
    }
    find_silence(doctor);
}

static void call(struct updraft_doctor *doctor, struct line *line)
{
    static const uint8_t nothing[TRIAL_LEN];
    const struct updraft_push *push = &doctor->push;
    struct updraft_espota_host host;
    const struct updraft_espota_host_config config = {
        .image = doctor->has_image ? push->wire.data : nothing,
        .image_len = doctor->has_image ? (uint32_t)push->wire.len : TRIAL_LEN,
        .tcp_port = line->port,
        .password = push->password,
        .name = "firmware.bin",
        .address = push->host,
        .invitations = INVITATIONS,
        .answer_ms = CALL_MS,
    };

    updraft_espota_host_init(&host, &config, updraft_progress_now_ms());
    if (!is_called(doctor, line, &host)) {
        find_failure(doctor, line, &host);
        return;
    }
    if (doctor->wants_password && !doctor->password_is_right)
        updraft_doctor_find(doctor, "password", UPDRAFT_DOCTOR_OK, "the device takes it");
    updraft_doctor_find(doctor, step, UPDRAFT_DOCTOR_OK,
                        "the device connected to TCP port %u of this computer", line->port);
}

void updraft_doctor_call_back(struct updraft_doctor *doctor)
{
    struct line line = {.udp = -1, .listener = -1};

    if (!doctor->takes_espota)
        return;
    updraft_doctor_begin(doctor, step);
    if (!doctor->calls_back) {
        updraft_doctor_find(doctor, step, UPDRAFT_DOCTOR_SKIPPED, "not tried");
    } else if (doctor->exit != UPDRAFT_EXIT_OK) {
        updraft_doctor_find(doctor, step, UPDRAFT_DOCTOR_SKIPPED,
                            "not tried before the rest is in order");
    } else if (open_line(doctor, &line)) {
        call(doctor, &line);
    } else {
        updraft_doctor_fail(doctor, step,
                            updraft_fail_set(&doctor->push.cli->fail, UPDRAFT_EXIT_NETWORK,
                                             "cannot_listen", "Choose another with --host-port.",
                                             "port %u of this computer cannot be opened: %s",
                                             doctor->push.host_port, strerror(errno)));
    }
    close_line(&line);
}
