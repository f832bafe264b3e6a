/* Makes libargon2.txt, the answers of the reference implementation. Debian 12, libargon2-dev 0~20171227-0.3+deb12u1:
 *   cc -O2 libargon2.c -o make -largon2 && ./make > libargon2.txt
 * A line is: type version KiB passes lanes password salt secret data output; hexadecimal, "-" for nothing. */
#include <argon2.h>
#include <stdint.h>
#include <stdio.h>

static uint64_t state = 1;

/* splitmix64 */
static uint32_t below(uint32_t limit) {
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ z >> 31) >> 32) % limit;
}

static void print(const uint8_t *bytes, uint32_t length) {
    printf(" ");
    if (length == 0) printf("-");
    for (uint32_t i = 0; i < length; i++) printf("%02x", bytes[i]);
}

static int line(argon2_type type, uint32_t version, uint32_t kib, uint32_t passes, uint32_t lanes, uint32_t out) {
    uint8_t bytes[4][256], output[256];
    uint32_t lengths[4] = {below(140), 8 + below(57), below(2) * below(40), below(2) * below(33)};
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 256; j++) bytes[i][j] = (uint8_t)below(256);
    argon2_context context = {
        .out = output, .outlen = out, .pwd = bytes[0], .pwdlen = lengths[0], .salt = bytes[1], .saltlen = lengths[1],
        .secret = bytes[2], .secretlen = lengths[2], .ad = bytes[3], .adlen = lengths[3], .t_cost = passes,
        .m_cost = kib, .lanes = lanes, .threads = 1, .version = version, .flags = ARGON2_DEFAULT_FLAGS,
    };
    printf("%s %u %u %u %u", argon2_type2string(type, 0), version, kib, passes, lanes);
    for (int i = 0; i < 4; i++) print(bytes[i], lengths[i]);
    int result = argon2_ctx(&context, type);
    print(output, out);
    printf("\n");
    return result;
}

int main(void) {
    int failed = line(Argon2_id, 0x13, 19456, 2, 1, 32) | line(Argon2_id, 0x13, 65536, 3, 4, 32);
    for (int i = 0; i < 60; i++) {
        uint32_t lanes = 1 + below(5);
        failed |= line(i % 3, i / 3 % 2 ? 0x10 : 0x13, lanes * 8 + below(700), 1 + below(4), lanes, 4 + below(140));
    }
    return failed;
}
