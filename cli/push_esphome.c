/* ESPHome's native protocol over a real socket: drives the engine of esphome_host.c and puts its
 * failures into words. */
#include "cli/esphome_host.h"
#include "cli/push.h"
#include "device/push/esphome_wire.h"
#include "format/chip.h"
#include "format/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define TICK_MS 50

static uint16_t port_of(const struct updraft_push *push)
{
    if (push->ota_port)
        return push->ota_port;
    if (push->device.esphome_port)
        return push->device.esphome_port;
    if (push->given_port)
        return push->given_port;
    return push->image.info.chip_id == UPDRAFT_CHIP_ESP8266 ? UPDRAFT_ESPHOME_PORT_ESP8266
                                                            : UPDRAFT_ESPHOME_PORT_ESP32;
}

/* ---- The connection ----------------------------------------------------------------------------
 */

/* 0 when connected, else why not. */
static int finish_connect(int fd, uint32_t timeout_ms)
{
    struct pollfd pfd = {.fd = fd, .events = POLLOUT};
    int error = ETIMEDOUT;
    socklen_t len = sizeof error;

    if (poll(&pfd, 1, (int)timeout_ms) <= 0)
        return ETIMEDOUT;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) ? errno : error;
}

/* The first of a name's addresses that takes the connection. -1, and *error says why the last one
 * did not. */
static int connect_any(const struct addrinfo *found, uint32_t timeout_ms, int *error)
{
    const int on = 1;

    for (; found; found = found->ai_next) {
        int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0) {
            *error = errno;
            continue;
        }
        *error = connect(fd, found->ai_addr, found->ai_addrlen) ? errno : 0;
        if (*error == EINPROGRESS)
            *error = finish_connect(fd, timeout_ms);
        if (*error == 0) {
            (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            return fd;
        }
        close(fd);
    }
    return -1;
}

static int open_connection(const struct updraft_push *push, uint32_t timeout_ms, int *resolved,
                           int *error)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found;
    char port[8];
    int fd;

    snprintf(port, sizeof port, "%u", port_of(push));
    *resolved = getaddrinfo(push->host, port, &hints, &found);
    if (*resolved)
        return -1;
    fd = connect_any(found, timeout_ms, error);
    freeaddrinfo(found);
    return fd;
}

bool updraft_push_esphome_answers(const struct updraft_push *push, uint32_t timeout_ms)
{
    static const uint8_t magic[] = UPDRAFT_ESPHOME_MAGIC;
    uint8_t answer[2] = {0xFF, 0xFF};
    int resolved;
    int error;
    int fd = open_connection(push, timeout_ms, &resolved, &error);
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    bool answers;

    if (fd < 0)
        return false;
    answers = send(fd, magic, sizeof magic, MSG_NOSIGNAL) == (ssize_t)sizeof magic &&
              poll(&pfd, 1, (int)timeout_ms) > 0 &&
              recv(fd, answer, sizeof answer, MSG_WAITALL) > 0 && answer[0] == UPDRAFT_ESPHOME_OK;
    close(fd);
    return answers;
}

struct link {
    int fd;
    const uint8_t *data; /* not yet written */
    size_t data_len;
};

static void write_stream(struct link *link, struct updraft_esphome_host *host)
{
    ssize_t len;

    if (link->data_len == 0)
        link->data_len = updraft_esphome_host_take(host, &link->data, updraft_progress_now_ms());
    if (link->data_len == 0)
        return;
    len = send(link->fd, link->data, link->data_len, MSG_NOSIGNAL);
    if (len > 0) {
        link->data += len;
        link->data_len -= (size_t)len;
    } else if (len < 0 && errno != EAGAIN && errno != EINTR) {
        /* The device may have said why before it closed: what it sent is still to be read. */
        link->data_len = 0;
    }
}

static void read_stream(struct link *link, struct updraft_esphome_host *host)
{
    uint8_t data[512];
    ssize_t len = recv(link->fd, data, sizeof data, 0);

    if (len > 0)
        updraft_esphome_host_feed(host, data, (size_t)len, updraft_progress_now_ms());
    else if (len == 0 || (errno != EAGAIN && errno != EINTR))
        updraft_esphome_host_closed(host);
}

static void say_state(struct updraft_push *push, const struct updraft_esphome_host *host,
                      enum updraft_esphome_host_state *said)
{
    if (host->state == *said)
        return;
    if (host->state == UPDRAFT_ESPHOME_HOST_PROVING)
        updraft_progress_step(&push->progress, "the device asks for the password");
    else if (host->state == UPDRAFT_ESPHOME_HOST_STREAMING)
        updraft_progress_begin(&push->progress, host->is_packed ? "sending, packed" : "sending",
                               host->sending_len);
    *said = host->state;
}

static void drive(struct updraft_push *push, struct link *link, struct updraft_esphome_host *host)
{
    enum updraft_esphome_host_state said = UPDRAFT_ESPHOME_HOST_GREETING;

    while (host->state < UPDRAFT_ESPHOME_HOST_DONE) {
        struct pollfd pfd = {.fd = link->fd, .events = POLLIN};

        write_stream(link, host);
        say_state(push, host, &said);
        if (host->state == UPDRAFT_ESPHOME_HOST_STREAMING ||
            host->state == UPDRAFT_ESPHOME_HOST_FINISHING)
            updraft_progress_update(&push->progress, host->acked_len);
        if (link->data_len)
            pfd.events |= POLLOUT;
        /* With version 1 the next block may go at once. */
        if (poll(&pfd, 1, host->version == 1 && host->may_send && !link->data_len ? 0 : TICK_MS) >
                0 &&
            pfd.revents & (POLLIN | POLLHUP | POLLERR))
            read_stream(link, host);
        updraft_esphome_host_tick(host, updraft_progress_now_ms());
    }
    write_stream(link, host); /* our last word */
    updraft_progress_end(&push->progress);
}

/* ---- Words -------------------------------------------------------------------------------------
 */

struct refusal {
    uint8_t byte;
    enum updraft_exit exit;
    const char *name;
    const char *sentence;
    const char *remedy;
};

static const struct refusal refusals[] = {
    {UPDRAFT_ESPHOME_E_MAGIC, UPDRAFT_EXIT_REFUSED, "not_an_image",
     "the device does not take it for an image",
     "Send the application .bin of your build, for this very chip."},
    {UPDRAFT_ESPHOME_E_PREPARE, UPDRAFT_EXIT_REFUSED, "not_prepared",
     "the device cannot prepare its flash for the update",
     "Restart the device and send again; if it repeats, the image is too large for it."},
    {UPDRAFT_ESPHOME_E_AUTH, UPDRAFT_EXIT_AUTH, "wrong_password",
     "the device does not take the password",
     "Check --password; it is the one under 'ota:' in the device's YAML."},
    {UPDRAFT_ESPHOME_E_WRITE, UPDRAFT_EXIT_REFUSED, "flash_program",
     "the device cannot write its flash", "Look at the device's log; check its power supply."},
    {UPDRAFT_ESPHOME_E_END, UPDRAFT_EXIT_REFUSED, "not_bootable",
     "the device has all bytes, but its check of the image failed",
     "Build for this very chip and send again; the device's log says more."},
    {UPDRAFT_ESPHOME_E_NEEDS_RESET, UPDRAFT_EXIT_REFUSED, "needs_reset",
     "the device must be reset by hand once after it was flashed over USB",
     "Press its reset button, or take its power away for a moment, then send again."},
    {UPDRAFT_ESPHOME_E_OLD_FLASH_SIZE, UPDRAFT_EXIT_REFUSED, "wrong_flash_size",
     "the running image was built for another flash size than the device has",
     "Build with the right board and flash that image over USB once."},
    {UPDRAFT_ESPHOME_E_NEW_FLASH_SIZE, UPDRAFT_EXIT_REFUSED, "wrong_flash_size",
     "the image is for another board: the device lacks its flash size",
     "Build with the board that this device is."},
    {UPDRAFT_ESPHOME_E_SPACE_ESP8266, UPDRAFT_EXIT_REFUSED, "too_large",
     "the image does not fit beside the running one",
     "Make the image smaller, or send a minimal one first."},
    {UPDRAFT_ESPHOME_E_SPACE_ESP32, UPDRAFT_EXIT_REFUSED, "too_large",
     "the image does not fit into the update partition",
     "Make the image smaller, or flash a table with larger slots over USB."},
    {UPDRAFT_ESPHOME_E_NO_PARTITION, UPDRAFT_EXIT_REFUSED, "no_slot",
     "the device has no partition to write the image to",
     "Flash a partition table with two OTA slots over USB."},
    {UPDRAFT_ESPHOME_E_MD5, UPDRAFT_EXIT_REFUSED, "digest_mismatch",
     "the device received other bytes than were sent", "Send it again."},
    {UPDRAFT_ESPHOME_E_SPACE_RP2040, UPDRAFT_EXIT_REFUSED, "too_large",
     "the image does not fit into the device's file system",
     "Build with a larger file system and flash that over USB."},
    {UPDRAFT_ESPHOME_E_SIGNATURE, UPDRAFT_EXIT_REFUSED, "bad_signature",
     "the image is not signed with a key that the device trusts",
     "Sign it with the key that the running image was built with."},
    {UPDRAFT_ESPHOME_E_KIND, UPDRAFT_EXIT_REFUSED, "unsupported",
     "the device does not take that kind of update", "Send an application image."},
    {UPDRAFT_ESPHOME_E_DOWNGRADE, UPDRAFT_EXIT_REFUSED, "downgrade",
     "the image is older than the one that runs", "Send a newer one."},
    {UPDRAFT_ESPHOME_E_ENCRYPTION, UPDRAFT_EXIT_REFUSED, "unsupported",
     "the device takes encrypted updates only, which this tool does not send",
     "Update it with ESPHome, or allow plain updates in its YAML."},
};

/* Devices of ours send their number and their sentence behind the byte. */
static bool own_words(const struct updraft_esphome_host *host, const char **sentence,
                      const struct updraft_error_entry **entry)
{
    uint32_t number;
    size_t used;

    if (!updraft_text_parse_u32(host->words, strlen(host->words), &number, &used) ||
        host->words[used] != ' ')
        return false;
    *entry = updraft_error_entry(number);
    *sentence = host->words + used + 1;
    return true;
}

static const char *step_of(const struct updraft_esphome_host *host)
{
    if (host->refused_in <= UPDRAFT_ESPHOME_HOST_OFFERING)
        return "greeting";
    if (host->refused_in <= UPDRAFT_ESPHOME_HOST_PROVING)
        return "password";
    if (host->refused_in <= UPDRAFT_ESPHOME_HOST_ANNOUNCING)
        return "size";
    return host->refused_in == UPDRAFT_ESPHOME_HOST_STREAMING ? "transfer" : "result";
}

static enum updraft_exit refused(struct updraft_push *push, const struct updraft_esphome_host *host)
{
    static const struct refusal unknown = {0, UPDRAFT_EXIT_REFUSED, "refused",
                                           "the device refused it for a reason of its own",
                                           "The device runs its old image; its log says more."};
    const struct refusal *row = &unknown;
    const struct updraft_error_entry *entry;
    const char *sentence;

    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        if (refusals[i].byte == host->byte)
            row = &refusals[i];
    if (own_words(host, &sentence, &entry))
        return updraft_fail_set(&push->cli->fail, row->exit, entry->name, entry->remedy, "%s: %s",
                                step_of(host), sentence);
    return updraft_fail_set(&push->cli->fail, row->exit, row->name, row->remedy,
                            "%s: %s (ESPHome's error 0x%02X)", step_of(host), row->sentence,
                            host->byte);
}

static enum updraft_exit broke_off(struct updraft_push *push,
                                   const struct updraft_esphome_host *host, const char *how)
{
    static const char remedy[] = "The device runs its old image. Send again; if it repeats, look "
                                 "at its power supply and at the signal.";

    if (host->sent_len == 0)
        return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_NETWORK, "disconnected", remedy,
                                "greeting: the device %s before the transfer", how);
    return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_NETWORK, "disconnected", remedy,
                            "transfer: the device %s after %u of %u bytes", how, host->acked_len,
                            host->sending_len);
}

static enum updraft_exit protocol(struct updraft_push *push, const char *what, unsigned byte)
{
    return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_NETWORK, "protocol",
                            "Check the port: something else may listen there. ESPHome uses 3232 "
                            "on ESP32 and 8266 on ESP8266 (--ota-port).",
                            "greeting: %s (0x%02X)", what, byte);
}

static enum updraft_exit in_words(struct updraft_push *push,
                                  const struct updraft_esphome_host *host)
{
    switch (host->failure) {
    case UPDRAFT_ESPHOME_HOST_NO_FAILURE:
    case UPDRAFT_ESPHOME_HOST_SILENT:
        return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_NETWORK, "no_answer",
                                "Check the port (--ota-port); a device that is just being updated "
                                "lets others wait, too.",
                                "greeting: %s takes the connection on TCP port %u, but says "
                                "nothing",
                                push->host, port_of(push));
    case UPDRAFT_ESPHOME_HOST_ODD_ANSWER:
        return protocol(push, "the device's answer is not of this protocol", host->byte);
    case UPDRAFT_ESPHOME_HOST_ODD_VERSION:
        return protocol(push, "the device speaks a version of this protocol that is not known here",
                        host->byte);
    case UPDRAFT_ESPHOME_HOST_NEEDS_PASSWORD:
        return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_AUTH, "wrong_password",
                                "Give it with --password, or in UPDRAFT_PASSWORD.",
                                "password: the device wants one, and none is given");
    case UPDRAFT_ESPHOME_HOST_REFUSED:
        return refused(push, host);
    case UPDRAFT_ESPHOME_HOST_CLOSED:
        return broke_off(push, host, "closed the connection");
    case UPDRAFT_ESPHOME_HOST_STALLED:
        return broke_off(push, host, "stopped answering");
    case UPDRAFT_ESPHOME_HOST_NO_VERDICT:
        break;
    }
    return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_NETWORK, "no_verdict",
                            "Ask the device which version it runs before you send again.",
                            "result: all %u bytes went out, but the device did not say what came "
                            "of them",
                            host->sending_len);
}

static enum updraft_exit no_connection(struct updraft_push *push, int resolved, int error)
{
    if (resolved)
        return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_NETWORK, "cannot_connect",
                                "Check the name, or give the device's IP address.",
                                "the name %s is not known: %s", push->host, gai_strerror(resolved));
    if (error == ECONNREFUSED)
        return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_NETWORK, "cannot_connect",
                                "Check that the device's YAML has 'ota: platform: esphome', and "
                                "its port: 3232 for ESP32, 8266 for ESP8266 (--ota-port).",
                                "connection: %s is there, but nothing listens on TCP port %u",
                                push->host, port_of(push));
    return updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_NETWORK, "cannot_connect",
                            "Check that the device is on, its address, and firewalls on the way.",
                            "connection: %s, TCP port %u: %s", push->host, port_of(push),
                            strerror(error));
}

/* ---- The push ----------------------------------------------------------------------------------
 */

/* A file that is packed already goes as it is. */
static enum updraft_exit pack(struct updraft_push *push, struct updraft_file *packed)
{
    *packed = (struct updraft_file){0};
    if (updraft_file_is_gzip(&push->wire))
        return UPDRAFT_EXIT_OK;
    return updraft_file_gzip(&push->wire, packed, &push->cli->fail);
}

static enum updraft_exit push_over(struct updraft_push *push, int fd)
{
    struct link link = {.fd = fd};
    struct updraft_esphome_host host;
    struct updraft_file packed;
    uint8_t random[32];
    enum updraft_exit exit = pack(push, &packed);

    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        exit = updraft_fail_set(&push->cli->fail, UPDRAFT_EXIT_FAILED, "no_random", "Try again.",
                                "this computer has no random numbers: %s", strerror(errno));
    const struct updraft_esphome_host_config config = {
        .image = push->wire.data,
        .image_len = (uint32_t)push->wire.len,
        .packed = packed.data,
        .packed_len = (uint32_t)packed.len,
        .password = push->password,
        .random = random,
        .answer_ms = push->timeout_s * 2000,
        .stream_ms = push->timeout_s * 9000,
        .verdict_ms = push->timeout_s * 9000,
    };
    if (exit == UPDRAFT_EXIT_OK) {
        updraft_esphome_host_init(&host, &config, updraft_progress_now_ms());
        drive(push, &link, &host);
        push->sent_len = host.sent_len;
        if (host.state != UPDRAFT_ESPHOME_HOST_DONE)
            exit = in_words(push, &host);
    }
    updraft_file_free(&packed);
    return exit;
}

enum updraft_exit updraft_push_esphome(struct updraft_push *push)
{
    int resolved = 0;
    int error = 0;
    enum updraft_exit exit;
    int fd;

    updraft_progress_step(&push->progress, "connecting to %s, TCP port %u", push->host,
                          port_of(push));
    fd = open_connection(push, push->timeout_s * 1000, &resolved, &error);
    if (fd < 0)
        return no_connection(push, resolved, error);
    exit = push_over(push, fd);
    close(fd);
    return exit;
}
