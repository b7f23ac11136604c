/* What came of the newest attempt at the password: the ways in tell it, so that a platform can log
 * and slow down those who guess. */
#ifndef UPDRAFT_DEVICE_PUSH_SIGN_IN_H
#define UPDRAFT_DEVICE_PUSH_SIGN_IN_H

enum updraft_sign_in {
    UPDRAFT_SIGN_IN_NONE, /* none since last asked; one without any password is no attempt */
    UPDRAFT_SIGN_IN_WRONG,
    UPDRAFT_SIGN_IN_RIGHT,
};

#endif
