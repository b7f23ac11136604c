/* What an operator asks for with a rollout: the body of POST /api/v1/rollouts and of its preview, checked. Pure
 * but for looking into the fleet.
 *
 *   {"product","version"} are needed; "channel" ("stable"), "filter" (""), "stages" ("1% 10% 50% 100%",
 *   or a list of these), "gates" {"confirmed_least","failed_most","rolled_back_most","silent_most",
 *   "soak_s","silent_after_s"}, "start" (ms, 0: now), "window" {"from":"22:00","to":"04:00"} in UTC,
 *   "rate_per_min" (0: any), "pause_on_success". Others are refused, so that a typing error is seen. */
#ifndef UPDRAFT_SERVER_OPERATOR_API_ROLLOUT_ORDER_H
#define UPDRAFT_SERVER_OPERATOR_API_ROLLOUT_ORDER_H

#include "server/exchange.h"

struct updraft_rollout_order {
    struct updraft_rollout_row row; /* id, state and times are not of it */
    struct updraft_channel *channel;
    struct updraft_release *release;
};

/* False after a refusal. *order is filled as far as it was read. */
bool updraft_rollout_order_read(const struct updraft_view *view,
                                const struct updraft_request *request,
                                struct updraft_rollout_order *order,
                                struct updraft_response *response);

#endif
