// A library with the calls of cuBLASLt that are used, which checks what it is told and multiplies by plain loops in the host's memory.
typedef int Status;
enum { Success = 0, InvalidValue = 7, NotSupported = 15 };
enum { Single = 0, Double = 1, Half = 2, Brain = 14, ComputeSingle = 68, ComputeDouble = 70, ComputeTf32 = 77 };

struct Operation {
    int32_t compute, scale, turnedA, turnedB, epilogue;
    const void *bias;
};
struct Layout {
    int type;
    uint64_t rows, columns;
    int64_t step, apart;
    int32_t batches;
};
struct Preference {
    uint64_t workspace;
    uint32_t alignment[4];
};
struct Algorithm { uint64_t words[8]; };
struct Heuristic {
    Algorithm algorithm;
    size_t workspace;
    Status state;
    float waves;
    int reserved[4];
};

static const uint64_t Sign = 0x61d0a190b1a5e5ull;
static const size_t Needed = 4096;
static int heuristics, refuses, compute, failing;

static size_t sizeOf(int type) { return type == Double ? 8 : type == Single ? 4 : 2; }
static double read(const void *p, int type, int64_t at) {
    return type == Double ? ((const double *)p)[at] : type == Single ? ((const float *)p)[at]
        : type == Half ? ofHalf(((const uint16_t *)p)[at]) : ofBrain(((const uint16_t *)p)[at]);
}
static void write(void *p, int type, int64_t at, double x) {
    if (type == Double) ((double *)p)[at] = x;
    else if (type == Single) ((float *)p)[at] = (float)x;
    else ((uint16_t *)p)[at] = type == Half ? toHalf((float)x) : toBrain((float)x);
}

static bool isRight(const Operation *o, const Layout *a, const Layout *b, const Layout *c, const Layout *d) {
    const uint64_t m = o->turnedA ? a->columns : a->rows, k = o->turnedA ? a->rows : a->columns;
    const uint64_t n = o->turnedB ? b->rows : b->columns, k2 = o->turnedB ? b->columns : b->rows;
    const Layout *all[] = { a, b, c, d };
    for (const Layout *l : all)
        if (l->step < (int64_t)l->rows || l->rows == 0 || l->columns == 0 || l->batches != d->batches || l->apart < 0) return false;
    const bool types = a->type == b->type && c->type == d->type
        && (a->type == Double ? d->type == Double && o->compute == ComputeDouble && o->scale == Double
            : (d->type == Single || d->type == a->type) && o->scale == Single
                && (o->compute == ComputeSingle || (o->compute == ComputeTf32 && a->type == Single)));
    return types && k == k2 && d->rows == m && d->columns == n && (d->batches == 1 || d->apart >= d->step * (int64_t)(n - 1) + (int64_t)m)
        && (o->epilogue == 1 || o->epilogue == 4);
}

extern "C" {
int fake_heuristics() { return heuristics; }
int fake_compute() { return compute; }
void fake_refuse(int refuse) { refuses = refuse; }
void fake_fail(int status) { failing = status; }

size_t cublasLtGetVersion() { return 120402; }
Status cublasLtCreate(void **handle) { *handle = &heuristics; return Success; }
Status cublasLtMatmulDescCreate(Operation **o, int compute, int scale) {
    *o = new Operation{ compute, scale, 0, 0, 1, nullptr };
    return Success;
}
Status cublasLtMatmulDescSetAttribute(Operation *o, int attribute, const void *value, size_t size) {
    if (attribute == 8) {
        if (size != sizeof(void *)) return InvalidValue;
        memcpy(&o->bias, value, size);
        return Success;
    }
    if (size != 4 || (attribute != 3 && attribute != 4 && attribute != 7)) return InvalidValue;
    memcpy(attribute == 3 ? &o->turnedA : attribute == 4 ? &o->turnedB : &o->epilogue, value, 4);
    return Success;
}
Status cublasLtMatrixLayoutCreate(Layout **l, int type, uint64_t rows, uint64_t columns, int64_t step) {
    *l = new Layout{ type, rows, columns, step, 0, 1 };
    return Success;
}
Status cublasLtMatrixLayoutSetAttribute(Layout *l, int attribute, const void *value, size_t size) {
    if (attribute == 5 && size == 4) memcpy(&l->batches, value, 4);
    else if (attribute == 6 && size == 8) memcpy(&l->apart, value, 8);
    else return InvalidValue;
    return Success;
}
Status cublasLtMatmulPreferenceCreate(Preference **p) { *p = new Preference{ 0, { 256, 256, 256, 256 } }; return Success; }
Status cublasLtMatmulPreferenceDestroy(Preference *p) { delete p; return Success; }
Status cublasLtMatmulPreferenceSetAttribute(Preference *p, int attribute, const void *value, size_t size) {
    if (attribute == 1 && size == 8) memcpy(&p->workspace, value, 8);
    else if (attribute >= 5 && attribute <= 8 && size == 4) memcpy(&p->alignment[attribute - 5], value, 4);
    else return InvalidValue;
    return Success;
}
Status cublasLtMatmulAlgoGetHeuristic(
    void *handle, Operation *o, Layout *a, Layout *b, Layout *c, Layout *d, Preference *p, int asked, Heuristic *results, int *found) {
    heuristics++;
    *found = 0;
    if (handle != &heuristics || asked < 1 || !isRight(o, a, b, c, d) || (o->epilogue == 4) != (o->bias != nullptr)) return InvalidValue;
    if (refuses) return refuses == 1 ? NotSupported : Success;
    memset(results, 0, sizeof(Heuristic));
    results->algorithm.words[0] = Sign;
    results->algorithm.words[7] = p->alignment[0];
    results->workspace = p->workspace < Needed ? 0 : Needed;
    *found = 1;
    return Success;
}
Status cublasLtMatmul(
    void *handle, Operation *o, const void *alpha, const void *pa, Layout *a, const void *pb, Layout *b, const void *beta, const void *pc, Layout *c,
    void *pd, Layout *d, const Algorithm *algorithm, void *workspace, size_t bytes, void *) {
    const bool isDouble = o->scale == Double;
    const double one = isDouble ? *(const double *)alpha : *(const float *)alpha, zero = isDouble ? *(const double *)beta : *(const float *)beta;
    const uint64_t alignment = algorithm->words[7];
    if (failing) return failing;
    if (handle != &heuristics || !isRight(o, a, b, c, d) || one != 1 || zero != 0 || algorithm->words[0] != Sign || pc != pd) return InvalidValue;
    if ((uint64_t)pa % alignment || (uint64_t)pb % alignment || (uint64_t)pd % alignment) return InvalidValue;
    if (bytes != Needed || (uint64_t)workspace % 256) return InvalidValue;
    memset(workspace, 0x5a, bytes);
    compute = o->compute;
    const int64_t m = d->rows, n = d->columns, k = o->turnedA ? a->rows : a->columns;
    for (int64_t batch = 0; batch < d->batches; batch++)
        for (int64_t j = 0; j < n; j++)
            for (int64_t i = 0; i < m; i++) {
                double wide = 0;
                float sum = 0;
                for (int64_t p = 0; p < k; p++) {
                    const double x = read(pa, a->type, batch * a->apart + (o->turnedA ? p + i * a->step : i + p * a->step));
                    const double y = read(pb, b->type, batch * b->apart + (o->turnedB ? j + p * b->step : p + j * b->step));
                    if (isDouble) wide = fma(x, y, wide);
                    else sum = fmaf((float)x, (float)y, sum);
                }
                double result = isDouble ? wide : sum;
                if (o->epilogue == 4) {
                    const double bias = read(o->bias, d->type, i);
                    result = isDouble ? result + bias : (float)result + (float)bias;
                }
                write(pd, d->type, batch * d->apart + i + j * d->step, result);
            }
    return Success;
}
}
