/* What people say of a release besides its images: notes, whether it closes a security hole and which,
 * and from which version on a device may come. Said while publishing, or changed later. */
#ifndef UPDRAFT_SERVER_OPERATOR_API_RELEASE_WORDS_H
#define UPDRAFT_SERVER_OPERATOR_API_RELEASE_WORDS_H

#include "server/exchange.h"

struct updraft_release_words {
    bool has_notes, has_security, has_cves, has_min_from; /* the others stay as they are */
    char notes[UPDRAFT_NOTES_CAP];
    bool security;
    char cves[UPDRAFT_CVES_CAP];
    char min_from[UPDRAFT_VERSION_CAP];
};

/* From the parameters security, cve and min_from of a publication. False after a refusal. */
bool updraft_release_words_query(const struct updraft_request *request,
                                 struct updraft_release_words *words,
                                 struct updraft_response *response);
bool updraft_release_words_any(const struct updraft_release_words *words);
void updraft_release_words_apply(const struct updraft_release_words *words,
                                 struct updraft_release_row *row);

#endif
