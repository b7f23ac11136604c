/* What a refusal in a stock device's words means: "ERROR[4]: Not Enough Space".
 *
 * Owns: the list of words with what helps. Updraft's devices put their own number there where the stock ones
 * have none (device/push/stock.h); then name and remedy are those of the error table. No state. */
#ifndef UPDRAFT_CLI_PUSH_WORDS_H
#define UPDRAFT_CLI_PUSH_WORDS_H

struct updraft_push_words {
    const char *name; /* as in format/error.h; "refused" where no more is known */
    const char *remedy;
};

struct updraft_push_words updraft_push_words(const char *text);

#endif
