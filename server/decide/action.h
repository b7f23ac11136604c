/* What a device is told that asks by hawkBit's interface whether there is work for it. Pure.
 *
 * There, an update is an action with a number that the device carries out and closes; our attempt is
 * that action. It is open while offered or downloading. What the device says at the end is that the
 * installer is done, which is `written`; `confirmed` takes the new version told by the device.
 *
 * Owns: the rule. Does not own: whether the target is one for the device (offer.h), the attempts. */
#ifndef UPDRAFT_SERVER_DECIDE_ACTION_H
#define UPDRAFT_SERVER_DECIDE_ACTION_H

#include "server/decide/offer.h"

enum updraft_action {
    UPDRAFT_ACTION_IDENTIFY, /* nothing to do but to say what runs there */
    UPDRAFT_ACTION_OFFER,    /* a new action, or the open offer for another target */
    UPDRAFT_ACTION_CONTINUE, /* the open one is still to be done */
    UPDRAFT_ACTION_CANCEL,   /* the open one is to be given up */
};

struct updraft_action_facts {
    bool known;                       /* the device was here before */
    bool version_told;                /* it has said what it runs */
    enum updraft_attempt_state state; /* of its newest attempt, if that is an action */
    bool same_target;                 /* that attempt leads to what the channel names */
    enum updraft_verdict verdict;     /* on the channel's target */
    enum updraft_attempt_state last_for_target;
};

enum updraft_action updraft_action_decide(const struct updraft_action_facts *facts);

#endif
