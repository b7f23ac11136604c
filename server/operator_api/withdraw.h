/* What becomes of a release whose images were withdrawn (withdraw.c): it cannot be offered. */
#ifndef UPDRAFT_SERVER_OPERATOR_API_WITHDRAW_H
#define UPDRAFT_SERVER_OPERATOR_API_WITHDRAW_H

#include "format/chip.h"
#include "server/exchange.h"

/* False after a refusal: images are withdrawn, others than this one (NULL: any). */
bool updraft_release_let_offer(const struct updraft_release *release,
                               const struct updraft_image_row *but,
                               struct updraft_response *response);

#endif
