#include "cli/push_crew.h"

#include "cli/out.h"
#include "cli/push_board.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLL_MS        100
#define BACKOFF_MS     1000u
#define BACKOFF_CAP_MS 30000u
#define QUARTER        25u
#define INPUT_CAP      (1024u * 1024u) /* a result is a few hundred bytes */
#define READ_LEN       4096u

enum phase {
    PHASE_WAITING, /* its turn, or its next try, comes at due_ms */
    PHASE_ASKING,
    PHASE_SENDING,
    PHASE_SENT, /* all bytes are out */
    PHASE_ENDED,
};

struct job {
    const struct updraft_push_target *target;
    enum phase phase;
    pid_t pid; /* 0: none runs */
    int fd;    /* what its process says */
    char *in;  /* the part that is no whole line yet */
    size_t in_len;
    uint64_t due_ms;
    uint32_t tries;
    char step[256];
    char label[64]; /* of the long work */
    uint64_t total;
    uint64_t done;
    uint64_t start_ms;
    unsigned said_pct;
    enum updraft_exit exit;
    struct updraft_fail fail;
    cJSON *result; /* of the last try */
};

struct crew {
    const struct updraft_push_crew *config;
    struct updraft_push_board board;
    struct job *jobs;
    size_t count;
    int signal_fd;
    sigset_t old_mask;
    bool is_stopped;
};

/* ---- the process of one push ---- */

static void write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t wrote = write(fd, text, len);

        if (wrote <= 0)
            return;
        text += wrote;
        len -= (size_t)wrote;
    }
}

static void report_result(int fd, const struct updraft_cli *cli, enum updraft_exit exit,
                          cJSON *result)
{
    cJSON *report = cJSON_CreateObject();
    char *text;

    cJSON_AddNumberToObject(report, "exit", (double)exit);
    cJSON_AddStringToObject(report, "code", cli->fail.code);
    cJSON_AddStringToObject(report, "message", cli->fail.message);
    cJSON_AddStringToObject(report, "remedy", cli->fail.remedy);
    cJSON_AddItemToObject(report, "result", result);
    text = cJSON_PrintUnformatted(report);
    if (text) {
        write_all(fd, "r ", 2);
        write_all(fd, text, strlen(text));
        write_all(fd, "\n", 1);
    }
}

/* Its memory is a copy, so nothing here reaches the others. Signals of the terminal stay blocked: the
 * parent ends it, and its own end does. */
static void work(const struct updraft_push *model, const struct updraft_push_target *target, int fd)
{
    struct updraft_push push = *model;
    cJSON *result = cJSON_CreateObject();
    enum updraft_exit exit;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == 1)
        _exit(1);
    memcpy(push.host, target->host, sizeof push.host);
    if (target->given_port) {
        push.given_port = target->given_port;
        if (!updraft_args_has(&push.cli->args, "http-port"))
            push.http_port = target->given_port;
    }
    if (target->http_port)
        push.http_port = target->http_port;
    if (target->ota_port)
        push.ota_port = target->ota_port;
    if (target->password[0])
        push.password = target->password;
    updraft_progress_report_to(&push.progress, fd);
    exit = updraft_push_one(&push, result);
    report_result(fd, push.cli, exit, result);
    _exit(0);
}

static void fail_to_start(struct job *job, const char *what)
{
    job->phase = PHASE_ENDED;
    job->exit = updraft_fail_set(&job->fail, UPDRAFT_EXIT_FAILED, "cannot_start",
                                 "Push to fewer devices at a time: --jobs.",
                                 "%s fails: this computer has no room for another process", what);
}

static void start(struct crew *crew, struct job *job)
{
    int fds[2];

    if (pipe(fds)) {
        fail_to_start(job, "pipe");
        return;
    }
    fflush(NULL);
    job->pid = fork();
    if (job->pid == 0) {
        close(fds[0]);
        work(crew->config->model, job->target, fds[1]);
    }
    close(fds[1]);
    job->fd = fds[0];
    if (job->pid < 0) {
        job->pid = 0;
        close(job->fd);
        fail_to_start(job, "fork");
        return;
    }
    job->phase = PHASE_ASKING;
    job->tries++;
    job->in_len = 0;
    job->step[0] = '\0';
    cJSON_Delete(job->result);
    job->result = NULL;
}

/* ---- what it says ---- */

static void take_result(struct job *job, const char *json)
{
    cJSON *report = cJSON_Parse(json);

    if (!report)
        return;
    job->exit = (enum updraft_exit)updraft_json_number(report, "exit");
    snprintf(job->fail.code, sizeof job->fail.code, "%s", updraft_json_text(report, "code"));
    snprintf(job->fail.message, sizeof job->fail.message, "%s",
             updraft_json_text(report, "message"));
    snprintf(job->fail.remedy, sizeof job->fail.remedy, "%s", updraft_json_text(report, "remedy"));
    job->result = cJSON_DetachItemFromObjectCaseSensitive(report, "result");
    cJSON_Delete(report);
}

static void take_step(struct crew *crew, struct job *job, const char *text)
{
    snprintf(job->step, sizeof job->step, "%s", text);
    /* On a terminal the line of a device shows its step; several devices would flood it. */
    if (!crew->board.on_tty || !crew->board.names_devices)
        updraft_push_board_say(&crew->board, job->target->label, text);
}

static void take_begin(struct job *job, const char *text)
{
    char *label;

    job->total = strtoull(text, &label, 10);
    snprintf(job->label, sizeof job->label, "%s", label + (*label == ' '));
    job->start_ms = updraft_progress_now_ms();
    job->done = 0;
    job->said_pct = 0;
    job->step[0] = '\0';
    job->phase = PHASE_SENDING;
}

static void take_done(struct crew *crew, struct job *job, const char *text)
{
    unsigned pct;
    char line[160];

    job->done = strtoull(text, NULL, 10);
    pct = job->total ? (unsigned)(job->done * 100 / job->total) : 100;
    if (job->done >= job->total)
        job->phase = PHASE_SENT;
    if (crew->board.on_tty || pct < job->said_pct + QUARTER)
        return;
    job->said_pct = pct - pct % QUARTER;
    snprintf(line, sizeof line, "%s: %u %%, %llu bytes", job->label, job->said_pct,
             (unsigned long long)job->done);
    updraft_push_board_say(&crew->board, job->target->label, line);
}

static void take_line(struct crew *crew, struct job *job, const char *line)
{
    const char *text = line[0] && line[1] ? line + 2 : "";

    if (line[0] == 's')
        take_step(crew, job, text);
    else if (line[0] == 'b')
        take_begin(job, text);
    else if (line[0] == 'a')
        take_done(crew, job, text);
    else if (line[0] == 'r')
        take_result(job, text);
}

static void take_lines(struct crew *crew, struct job *job)
{
    char *line = job->in;
    char *end;

    while ((end = memchr(line, '\n', job->in_len - (size_t)(line - job->in)))) {
        *end = '\0';
        take_line(crew, job, line);
        line = end + 1;
    }
    job->in_len -= (size_t)(line - job->in);
    memmove(job->in, line, job->in_len);
}

/* ---- its end ---- */

/* What may be gone in a moment. Not a password, a chip, a size; not a firewall; and not the silence
 * after the last byte: the device may be restarting with the new image. */
static bool may_pass(const struct updraft_fail *fail)
{
    static const char *const codes[] = {
        "no_answer",     "cannot_connect", "disconnected",    "busy", "not_now", "timeout",
        "trial_running", "wrong_length",   "restart_pending",
    };

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (!strcmp(fail->code, codes[i]))
            return true;
    return false;
}

static void try_again(struct crew *crew, struct job *job)
{
    uint32_t doublings = job->tries - 1 < 5 ? job->tries - 1 : 5;
    uint64_t wait_ms = (uint64_t)BACKOFF_MS << doublings;
    char line[340];

    if (wait_ms > BACKOFF_CAP_MS)
        wait_ms = BACKOFF_CAP_MS;
    job->phase = PHASE_WAITING;
    job->due_ms = updraft_progress_now_ms() + wait_ms;
    snprintf(line, sizeof line, "%.240s; again in %u s (%u of %u)", job->fail.message,
             (unsigned)(wait_ms / 1000), job->tries, crew->config->retries);
    updraft_push_board_say(&crew->board, job->target->label, line);
    snprintf(job->step, sizeof job->step, "waits to try again");
}

static void say_end(struct crew *crew, const struct job *job)
{
    const char *state = job->result ? updraft_json_text(job->result, "state") : "-";
    char line[300];

    if (!crew->board.names_devices)
        return; /* the command's own words follow */
    if (job->exit != UPDRAFT_EXIT_OK)
        snprintf(line, sizeof line, "failed: %.280s", job->fail.message);
    else if (!strcmp(state, "confirmed") || !strcmp(state, "running"))
        snprintf(line, sizeof line, "runs %s (%s)", updraft_json_text(job->result, "running"),
                 state);
    else
        snprintf(line, sizeof line, "%s", state);
    updraft_push_board_say(&crew->board, job->target->label, line);
}

static void end_process(struct job *job, bool kills)
{
    int status = 0;

    if (kills)
        (void)kill(job->pid, SIGKILL);
    while (waitpid(job->pid, &status, 0) < 0)
        ;
    close(job->fd);
    job->pid = 0;
    if (!job->result && !kills)
        job->exit = updraft_fail_set(&job->fail, UPDRAFT_EXIT_FAILED, "broken",
                                     "Ask the device which version it runs; then send again.",
                                     "the process of this push ended without a result (%s %d)",
                                     WIFSIGNALED(status) ? "signal" : "status",
                                     WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static void ended(struct crew *crew, struct job *job)
{
    bool was_sent = job->phase == PHASE_SENT;
    bool may_have_it;

    end_process(job, false);
    /* All bytes left, and then the network failed; unless it is known that the device lacks some. */
    may_have_it = was_sent && job->exit == UPDRAFT_EXIT_NETWORK &&
                  strcmp(job->fail.code, "disconnected") != 0;
    if (job->exit != UPDRAFT_EXIT_OK && job->tries <= crew->config->retries &&
        may_pass(&job->fail) && !may_have_it) {
        try_again(crew, job);
        return;
    }
    job->phase = PHASE_ENDED;
    say_end(crew, job);
}

static void listen_to(struct crew *crew, struct job *job)
{
    char *grown = job->in_len < INPUT_CAP ? realloc(job->in, job->in_len + READ_LEN) : NULL;
    ssize_t len = 0;

    if (grown) {
        job->in = grown;
        len = read(job->fd, job->in + job->in_len, READ_LEN);
    }
    if (len <= 0) {
        ended(crew, job);
        return;
    }
    job->in_len += (size_t)len;
    take_lines(crew, job);
}

/* ---- interruption ---- */

static void interrupt(struct job *job)
{
    static const char code[] = "interrupted";
    enum phase phase = job->phase;

    if (job->pid)
        end_process(job, true);
    job->phase = PHASE_ENDED;
    job->exit = UPDRAFT_EXIT_FAILED;
    switch (phase) {
    case PHASE_WAITING:
    case PHASE_ASKING:
    case PHASE_ENDED:
        (void)updraft_fail_set(&job->fail, job->exit, code, "Nothing was changed; push again.",
                               "interrupted before a byte was sent");
        break;
    case PHASE_SENDING:
        (void)updraft_fail_set(&job->fail, job->exit, code,
                               "The device runs its old image; push again.",
                               "interrupted after %llu of %llu bytes",
                               (unsigned long long)job->done, (unsigned long long)job->total);
        break;
    case PHASE_SENT:
        (void)updraft_fail_set(&job->fail, job->exit, code,
                               "Ask the device which version it runs: it may restart with the new "
                               "one.",
                               "interrupted after all %llu bytes were sent",
                               (unsigned long long)job->total);
        break;
    }
}

static void stop(struct crew *crew)
{
    crew->is_stopped = true;
    for (size_t i = 0; i < crew->count; i++) {
        if (crew->jobs[i].phase == PHASE_ENDED)
            continue;
        interrupt(&crew->jobs[i]);
        say_end(crew, &crew->jobs[i]);
    }
}

/* ---- all of them ---- */

static size_t start_due(struct crew *crew)
{
    uint64_t now_ms = updraft_progress_now_ms();
    size_t running = 0;
    size_t left = 0;

    for (size_t i = 0; i < crew->count; i++)
        running += crew->jobs[i].pid != 0;
    for (size_t i = 0; i < crew->count; i++) {
        struct job *job = &crew->jobs[i];

        if (job->phase == PHASE_WAITING && job->due_ms <= now_ms && running < crew->config->jobs) {
            start(crew, job);
            running += job->pid != 0;
        }
        left += job->phase != PHASE_ENDED;
    }
    return left;
}

static void draw(struct crew *crew)
{
    updraft_push_board_begin(&crew->board);
    for (size_t i = 0; i < crew->count; i++) {
        const struct job *job = &crew->jobs[i];
        char bar[200];

        if (!job->pid)
            continue;
        if (job->phase == PHASE_SENDING || (job->phase == PHASE_SENT && !job->step[0])) {
            updraft_progress_bar(job->done, job->total, updraft_progress_now_ms() - job->start_ms,
                                 bar, sizeof bar);
            updraft_push_board_line(&crew->board, job->target->label, bar);
        } else if (crew->board.names_devices) {
            updraft_push_board_line(&crew->board, job->target->label, job->step);
        }
    }
    updraft_push_board_end(&crew->board);
}

static void wait_for_news(struct crew *crew, struct pollfd *fds)
{
    fds[0] = (struct pollfd){.fd = crew->signal_fd, .events = POLLIN};
    for (size_t i = 0; i < crew->count; i++)
        fds[i + 1] = (struct pollfd){
            .fd = crew->jobs[i].pid ? crew->jobs[i].fd : -1,
            .events = POLLIN,
        };
    if (poll(fds, crew->count + 1, POLL_MS) <= 0)
        return;
    if (fds[0].revents) {
        stop(crew);
        return;
    }
    for (size_t i = 0; i < crew->count; i++)
        if (fds[i + 1].revents)
            listen_to(crew, &crew->jobs[i]);
}

static void hold_signals(struct crew *crew)
{
    sigset_t mask;

    sigemptyset(&mask);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGTERM);
    sigprocmask(SIG_BLOCK, &mask, &crew->old_mask);
    crew->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* What was asked for and has been done is not to come again. */
static void release_signals(struct crew *crew)
{
    struct signalfd_siginfo info;

    while (read(crew->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        ;
    close(crew->signal_fd);
    sigprocmask(SIG_SETMASK, &crew->old_mask, NULL);
}

static void add_result(cJSON *devices, struct job *job)
{
    cJSON *device = cJSON_CreateObject();
    cJSON *error;

    cJSON_AddStringToObject(device, "label", job->target->label);
    cJSON_AddStringToObject(device, "host", job->target->host);
    if (job->result)
        updraft_json_move(job->result, device);
    cJSON_AddNumberToObject(device, "tries", job->tries);
    cJSON_AddNumberToObject(device, "exit", (double)job->exit);
    if (job->exit != UPDRAFT_EXIT_OK) {
        error = cJSON_AddObjectToObject(device, "error");
        cJSON_AddStringToObject(error, "code", job->fail.code);
        cJSON_AddStringToObject(error, "message", job->fail.message);
        cJSON_AddStringToObject(error, "remedy", job->fail.remedy);
    }
    cJSON_AddItemToArray(devices, device);
    cJSON_Delete(job->result);
    free(job->in);
}

void updraft_push_crew_run(const struct updraft_push_crew *config, cJSON *devices)
{
    struct crew crew = {.config = config, .count = config->targets->count};
    struct pollfd *fds = calloc(crew.count + 1, sizeof *fds);

    crew.jobs = calloc(crew.count, sizeof *crew.jobs);
    updraft_push_board_init(&crew.board, config->model->progress.quiet, crew.count > 1);
    if (fds && crew.jobs) {
        for (size_t i = 0; i < crew.count; i++)
            crew.jobs[i].target = &config->targets->items[i];
        hold_signals(&crew);
        while (start_due(&crew) > 0 && !crew.is_stopped) {
            draw(&crew);
            wait_for_news(&crew, fds);
        }
        updraft_push_board_begin(&crew.board);
        release_signals(&crew);
        for (size_t i = 0; i < crew.count; i++)
            add_result(devices, &crew.jobs[i]);
    }
    free(crew.jobs);
    free(fds);
}
