/* Who may pass: operators by token and role, and devices that do not ask without end.
 *
 * Owns: a table of fixed size of the addresses that sent wrong tokens; two that meet in it share a
 * place, and the later one takes it over. Does not own: tokens and devices (fleet/). */
#ifndef UPDRAFT_SERVER_HTTP_GATE_H
#define UPDRAFT_SERVER_HTTP_GATE_H

#include "server/exchange.h"

#define UPDRAFT_GATE_GUESSERS 256u /* power of two */

/* All zero: nobody has guessed yet. */
struct updraft_gate {
    struct {
        char address[UPDRAFT_ADDRESS_CAP];
        int64_t paid_ms;
    } guessers[UPDRAFT_GATE_GUESSERS];
};

/* operator_name is the token's name when the token is known, else left alone. When false, the response says why: 401, 403, or 429 when too
 * many wrong tokens came from the address. A right token passes whatever else came from there: tokens
 * are too long to be guessed, and behind a proxy all operators have one address. */
bool updraft_gate_admit(struct updraft_gate *gate, struct updraft_fleet *fleet,
                        enum updraft_role needed, const struct updraft_request *request,
                        char operator_name[UPDRAFT_NAME_CAP], struct updraft_response *response);

/* True when the device may be answered now. Otherwise the response is the refusal. One that is not known
 * yet may. The fleet is locked. */
bool updraft_gate_admit_device(struct updraft_fleet *fleet, const char *id, int64_t steady_now_ms,
                               struct updraft_response *response);

#endif
