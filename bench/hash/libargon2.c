/* Argon2id by the reference implementation, as the system has it: reads how many hashes are wanted, makes them, and prints
 * the last one's tag; again and again. The arguments are the password and the salt. */
#include <argon2.h>
#include <stdio.h>
#include <string.h>

int main(int count, char **words) {
    unsigned char tag[32] = {0};
    int wanted;
    if (count != 3) return 2;
    while (scanf("%d", &wanted) == 1) {
        while (wanted-- > 0) {
            int failed = argon2id_hash_raw(2, 19456, 1, words[1], strlen(words[1]), words[2], strlen(words[2]), tag, sizeof tag);
            if (failed) {
                fprintf(stderr, "%s\n", argon2_error_message(failed));
                return 1;
            }
        }
        for (unsigned i = 0; i < sizeof tag; i++) printf("%02x", tag[i]);
        printf("\n");
        fflush(stdout);
    }
    return 0;
}
