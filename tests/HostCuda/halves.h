// Numbers of 16 bits, for the libraries that tests bring.
#include <cmath>
#include <cstdint>
#include <cstring>

static float ofHalf(uint16_t bits) {
    const int sign = bits >> 15, exponent = bits >> 10 & 31, fraction = bits & 1023;
    const float size = exponent == 31 ? (fraction ? NAN : INFINITY)
        : exponent == 0 ? ldexpf((float)fraction, -24) : ldexpf((float)(fraction + 1024), exponent - 25);
    return sign ? -size : size;
}
static uint16_t toHalf(float x) {
    const uint16_t sign = std::signbit(x) ? 0x8000 : 0;
    const float size = fabsf(x);
    if (x != x) return 0x7e00;
    if (size >= 65520.0f) return sign | 0x7c00;
    if (size < 6.103515625e-5f) return sign | (uint16_t)nearbyintf(ldexpf(size, 24));
    int exponent;
    const float part = frexpf(size, &exponent);
    return sign | (uint16_t)(((exponent + 13) << 10) + (int)nearbyintf(ldexpf(part, 11)));
}
static float ofBrain(uint16_t bits) {
    const uint32_t wide = (uint32_t)bits << 16;
    float x;
    memcpy(&x, &wide, 4);
    return x;
}
static uint16_t toBrain(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return x != x ? 0x7fc0 : (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
