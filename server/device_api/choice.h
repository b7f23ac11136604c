/* What the device of a draft is to run, whether it is offered that now, and the offer: the same for every
 * device protocol. The draft has seen what the request says before it is asked here. */
#ifndef UPDRAFT_SERVER_DEVICE_API_CHOICE_H
#define UPDRAFT_SERVER_DEVICE_API_CHOICE_H

#include "server/decide/offer.h"
#include "server/device_api/sighting.h"
#include "server/rollouts/target.h"

/* For a chip (UNKNOWN: not told), on the draft's product and channel. */
struct updraft_target updraft_draft_target(const struct updraft_draft *draft, uint16_t chip,
                                           updraft_image_pick pick);
/* State of the newest attempt that led to the target and still counts. */
enum updraft_attempt_state updraft_draft_last_for(const struct updraft_draft *draft,
                                                  const struct updraft_target *target);
/* running: the version there, "" when not told; digest: of what runs there, against the target's. */
enum updraft_verdict updraft_draft_verdict(const struct updraft_draft *draft,
                                           const struct updraft_target *target, const char *running,
                                           enum updraft_digest_match digest);
/* What that verdict is made of, to explain it by. */
void updraft_draft_facts(const struct updraft_draft *draft, const struct updraft_target *target,
                         const char *running, enum updraft_digest_match digest,
                         struct updraft_offer_facts *facts);
/* The device is told to take the target. */
void updraft_draft_offer(struct updraft_draft *draft, const struct updraft_target *target,
                         enum updraft_via via);

#endif
