#include "ports/posix/console.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BACKLOG 4

static void take_seat(struct updraft_console *console, int in_fd, int out_fd, bool is_stdin)
{
    int session = updraft_ovms_open(&console->ovms, is_stdin);
    if (session < 0) {
        if (!is_stdin)
            close(in_fd);
        return;
    }
    struct updraft_console_seat *seat = &console->seats[session];
    *seat = (struct updraft_console_seat){.in_fd = in_fd, .out_fd = out_fd, .is_stdin = is_stdin};
}

bool updraft_console_open(struct updraft_console *console,
                          const struct updraft_console_config *config)
{
    memset(console, 0, sizeof *console);
    console->listen_fd = -1;
    for (int i = 0; i < UPDRAFT_OVMS_SESSION_CAP; i++)
        console->seats[i].in_fd = -1;
    if (config->listen_fd < 0 && !config->on_stdin)
        return true;
    if (config->listen_fd >= 0 && listen(config->listen_fd, BACKLOG) != 0) {
        updraft_log_warn("the console cannot listen: %s", strerror(errno));
        return false;
    }
    struct updraft_ovms_config ovms = *config->ovms;
    snprintf(console->version, sizeof console->version, "%s", ovms.version);
    snprintf(console->user_agent, sizeof console->user_agent, "ovms/%s (%s %s)", ovms.product,
             config->name, console->version);
    snprintf(console->server, sizeof console->server, "%s", config->server);
    ovms.version = console->version;
    ovms.server = console->server;
    ovms.buf = console->sector;
    if (!updraft_console_source_open(&console->source, &console->ovms, console->user_agent,
                                     config->stall_s)) {
        updraft_log_warn("not enough memory for the console's HTTP client");
        return false;
    }
    updraft_ovms_init(&console->ovms, &ovms);
    updraft_ovms_set_network(&console->ovms, config->network);
    console->ovms.settings.auto_ota = config->may_look;
    console->brake = config->brake;
    console->log = config->log;
    console->listen_fd = config->listen_fd;
    console->is_running = true;
    if (config->on_stdin)
        take_seat(console, STDIN_FILENO, STDOUT_FILENO, true);
    return true;
}

static void leave_seat(struct updraft_console *console, int session)
{
    struct updraft_console_seat *seat = &console->seats[session];
    if (seat->in_fd < 0)
        return;
    if (!seat->is_stdin)
        close(seat->in_fd);
    seat->in_fd = -1;
    updraft_ovms_close(&console->ovms, session);
}

void updraft_console_close(struct updraft_console *console)
{
    if (!console->is_running)
        return;
    for (int i = 0; i < UPDRAFT_OVMS_SESSION_CAP; i++)
        leave_seat(console, i);
    updraft_console_source_close(&console->source);
    if (console->listen_fd >= 0)
        close(console->listen_fd);
    console->is_running = false;
}

unsigned updraft_console_poll(const struct updraft_console *console, struct pollfd *fds)
{
    unsigned count = 0;
    bool has_place = false;
    if (!console->is_running)
        return 0;
    for (int i = 0; i < UPDRAFT_OVMS_SESSION_CAP; i++) {
        const struct updraft_console_seat *seat = &console->seats[i];
        has_place = has_place || seat->in_fd < 0;
        if (seat->in_fd < 0 || seat->held_until_ms)
            continue;
        if (seat->out_len)
            fds[count++] = (struct pollfd){.fd = seat->out_fd, .events = POLLOUT};
        else if (seat->in_off == seat->in_len)
            fds[count++] = (struct pollfd){.fd = seat->in_fd, .events = POLLIN};
    }
    if (has_place && console->listen_fd >= 0)
        fds[count++] = (struct pollfd){.fd = console->listen_fd, .events = POLLIN};
    return count + updraft_console_source_poll(&console->source, fds + count);
}

bool updraft_console_is_ready(const struct updraft_console *console)
{
    return console->is_running && updraft_console_source_is_ready(&console->source);
}

static void take_in(struct updraft_console *console, uint64_t now_ms)
{
    for (int i = 0; i < UPDRAFT_OVMS_SESSION_CAP && console->listen_fd >= 0; i++) {
        struct sockaddr_storage from;
        socklen_t len = sizeof from;
        if (console->seats[i].in_fd >= 0)
            continue;
        int fd = accept4(console->listen_fd, (struct sockaddr *)&from, &len,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        take_seat(console, fd, fd, false);
        uint32_t wait_ms =
            updraft_brake_wait_ms(console->brake, (const struct sockaddr *)&from, now_ms);
        console->seats[i].from = from;
        console->seats[i].held_until_ms = wait_ms ? now_ms + wait_ms : 0;
    }
}

/* False when nobody is there any more. */
static bool speak(struct updraft_console *console, int session)
{
    struct updraft_console_seat *seat = &console->seats[session];
    for (;;) {
        if (seat->out_len == 0)
            seat->out_len =
                (uint16_t)updraft_ovms_drain(&console->ovms, session, seat->out, sizeof seat->out);
        if (seat->out_len == 0)
            return true;
        ssize_t sent = seat->is_stdin ? write(seat->out_fd, seat->out, seat->out_len)
                                      : send(seat->out_fd, seat->out, seat->out_len, MSG_NOSIGNAL);
        if (sent < 0)
            return errno == EAGAIN || errno == EINTR;
        seat->out_len = (uint16_t)(seat->out_len - sent);
        memmove(seat->out, seat->out + sent, seat->out_len);
    }
}

/* Standard input blocks: it is read only when there is something. */
static bool has_input(const struct updraft_console_seat *seat)
{
    struct pollfd fd = {.fd = seat->in_fd, .events = POLLIN};
    return poll(&fd, 1, 0) > 0 && fd.revents != 0;
}

/* False when nobody is there any more. What was typed behind a command waits until it is done. */
static bool listen_to(struct updraft_console *console, int session)
{
    struct updraft_console_seat *seat = &console->seats[session];
    if (seat->in_off == seat->in_len && has_input(seat)) {
        ssize_t len = read(seat->in_fd, seat->in, sizeof seat->in);
        if (len == 0 || (len < 0 && errno != EAGAIN && errno != EINTR))
            return false;
        seat->in_off = 0;
        seat->in_len = len > 0 ? (uint16_t)len : 0;
    }
    while (seat->in_off < seat->in_len && seat->out_len == 0) {
        size_t used = updraft_ovms_feed(&console->ovms, session, seat->in + seat->in_off,
                                        (size_t)(seat->in_len - seat->in_off));
        seat->in_off = (uint16_t)(seat->in_off + used);
        if (used == 0 || !speak(console, session))
            return used == 0;
    }
    return true;
}

static void run_seat(struct updraft_console *console, int session, uint64_t now_ms)
{
    struct updraft_console_seat *seat = &console->seats[session];
    const struct sockaddr *from = (const struct sockaddr *)&seat->from;
    if (seat->held_until_ms > now_ms)
        return;
    seat->held_until_ms = 0;
    bool is_there = speak(console, session) && listen_to(console, session);
    enum updraft_sign_in sign_in = updraft_ovms_take_sign_in(&console->ovms, session);
    if (!seat->is_stdin && sign_in != UPDRAFT_SIGN_IN_NONE) {
        updraft_brake_note(console->brake, from, sign_in, "console", now_ms);
        uint32_t wait_ms = updraft_brake_wait_ms(console->brake, from, now_ms);
        seat->held_until_ms = wait_ms ? now_ms + wait_ms : 0;
    }
    if (!is_there)
        leave_seat(console, session);
}

static void tell_notice(struct updraft_console *console)
{
    char notice[UPDRAFT_OVMS_NOTICE_CAP];
    if (updraft_ovms_take_notice(&console->ovms, notice))
        updraft_log_event(console->log, "notice ota.update text=\"%s\"", notice);
}

void updraft_console_run(struct updraft_console *console, uint64_t now_ms)
{
    time_t now = time(NULL);
    struct tm local;
    if (!console->is_running)
        return;
    localtime_r(&now, &local);
    struct updraft_ovms_clock clock = {.hour = (uint8_t)local.tm_hour,
                                       .day = (uint8_t)local.tm_mday};
    take_in(console, now_ms);
    for (int i = 0; i < UPDRAFT_OVMS_SESSION_CAP; i++)
        if (console->seats[i].in_fd >= 0)
            run_seat(console, i, now_ms);
    updraft_ovms_run(&console->ovms, &clock, now_ms);
    updraft_console_source_run(&console->source);
    tell_notice(console);
    /* What the job said now goes out now. */
    for (int i = 0; i < UPDRAFT_OVMS_SESSION_CAP; i++)
        if (console->seats[i].in_fd >= 0 && !speak(console, i))
            leave_seat(console, i);
}

bool updraft_console_is_writing(const struct updraft_console *console)
{
    return console->is_running && updraft_ovms_is_writing(&console->ovms);
}

bool updraft_console_take_restart(struct updraft_console *console)
{
    return console->is_running && updraft_ovms_take_restart(&console->ovms);
}
