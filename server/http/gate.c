#include "server/http/gate.h"

#include "server/clock.h"
#include "server/decide/quota.h"
#include "server/operator_api/tokens.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A tool with an old token in a loop of its own is told; who only mistyped never notices. */
static const struct updraft_quota guesses = {.every_ms = 2000, .burst = 60};
/* A device that reports each percent of a fast download stays below. */
static const struct updraft_quota questions = {.every_ms = 500, .burst = 300};

static void add_wait(struct updraft_response *response, uint32_t wait_s)
{
    char text[12];

    snprintf(text, sizeof text, "%" PRIu32, wait_s);
    updraft_response_header(response, "Retry-After", text);
}

/* Seconds until another wrong token may come from the address; 0: this one may. */
static uint32_t note_guess(struct updraft_gate *gate, const char *address)
{
    uint32_t at = 2166136261u; /* FNV-1a */

    for (const char *c = address; *c != '\0'; c++)
        at = (at ^ (unsigned char)*c) * 16777619u;
    at = (at ^ at >> 16) & (UPDRAFT_GATE_GUESSERS - 1);
    if (strcmp(gate->guessers[at].address, address) != 0) {
        updraft_name_set(gate->guessers[at].address, sizeof gate->guessers[at].address, address);
        gate->guessers[at].paid_ms = 0;
    }
    return updraft_quota_take(&guesses, &gate->guessers[at].paid_ms, updraft_clock_steady_ms());
}

static void refuse_stranger(struct updraft_gate *gate, const struct updraft_request *request,
                            struct updraft_response *response)
{
    static const struct updraft_refusal unknown = {
        401, "unauthorized",
        "Send 'Authorization: Bearer TOKEN'; the first token is in the file 'token' of the "
        "server's data "
        "directory."};
    static const struct updraft_refusal too_many = {
        429, "too_many_guesses",
        "Wait as long as Retry-After says, and send a token that is right."};
    bool guessed = updraft_request_header(request, "Authorization") != NULL;
    uint32_t wait_s = guessed ? note_guess(gate, request->address) : 0;

    if (wait_s != 0) {
        updraft_response_refuse(response, &too_many, "too many wrong tokens came from %s",
                                request->address);
        add_wait(response, wait_s);
        return;
    }
    updraft_response_refuse(response, &unknown, "the token is missing, wrong or expired");
    updraft_response_header_constant(response, "WWW-Authenticate", "Bearer");
}

bool updraft_gate_admit(struct updraft_gate *gate, struct updraft_fleet *fleet,
                        enum updraft_role needed, const struct updraft_request *request,
                        char operator_name[UPDRAFT_NAME_CAP], struct updraft_response *response)
{
    static const struct updraft_refusal forbidden = {
        403, "forbidden", "An admin makes another with 'updraft token add NAME --role ROLE'."};
    enum updraft_role role = UPDRAFT_ROLE_NONE;

    pthread_mutex_lock(&fleet->lock);
    const struct updraft_token_row *token = updraft_token_find(
        fleet, updraft_request_header(request, "Authorization"), updraft_clock_wall_ms());
    if (token != NULL) {
        role = token->role;
        updraft_name_set(operator_name, UPDRAFT_NAME_CAP, token->name);
    }
    pthread_mutex_unlock(&fleet->lock);
    if (role == UPDRAFT_ROLE_NONE)
        refuse_stranger(gate, request, response);
    else if (role < needed)
        updraft_response_refuse(response, &forbidden,
                                "this token has the role %s, and this needs %s",
                                updraft_role_name(role), updraft_role_name(needed));
    return role >= needed;
}

bool updraft_gate_admit_device(struct updraft_fleet *fleet, const char *id, int64_t steady_now_ms,
                               struct updraft_response *response)
{
    static const struct updraft_refusal too_often = {
        429, "asked_too_often",
        "Wait as long as Retry-After says; ask every few minutes, not at once."};
    struct updraft_device *device = updraft_fleet_find_device(fleet, id);
    uint32_t wait_s =
        device == NULL ? 0 : updraft_quota_take(&questions, &device->paid_ms, steady_now_ms);

    if (wait_s == 0)
        return true;
    updraft_response_refuse(response, &too_often, "this device asks too often");
    add_wait(response, wait_s);
    return false;
}
