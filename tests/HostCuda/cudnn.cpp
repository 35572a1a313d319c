// A library with the calls of cuDNN that are used, which checks what it is told and convolves by plain loops in the host's memory.
typedef int Status;
enum { Success = 0, BadParameter = 3, Most = 5 };
enum { Single = 0, Double = 1, Half = 2, Brain = 9 };
static int handle, refusing, failing, passes[3], lastMath;
static const size_t Needed = 512;

struct Tensor { int type, axes, size[Most], step[Most]; };
struct Kernel { int type, axes, size[Most]; };
struct Convolution { int axes, padding[Most], stride[Most], dilation[Most], compute, groups, math; };

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

static bool isRight(const Tensor *x, const Kernel *w, const Convolution *c, const Tensor *y) {
    if (x->axes < 4 || x->axes > Most || w->axes != x->axes || y->axes != x->axes || c->axes != x->axes - 2) return false;
    if (x->type != w->type || x->type != y->type || c->compute != (x->type == Double ? Double : Single)) return false;
    if (x->size[0] != y->size[0] || x->size[1] != w->size[1] * c->groups || y->size[1] != w->size[0] || w->size[0] % c->groups) return false;
    for (int a = 0; a < c->axes; a++) {
        if (c->padding[a] < 0 || c->stride[a] < 1 || c->dilation[a] < 1) return false;
        const int span = (w->size[a + 2] - 1) * c->dilation[a] + 1;
        if (y->size[a + 2] != 1 + (x->size[a + 2] + 2 * c->padding[a] - span) / c->stride[a]) return false;
    }
    for (int a = 0; a < x->axes; a++)
        if (x->step[a] < 1 || y->step[a] < 1 || x->size[a] < 1) return false;
    return true;
}

// Visits every product of the convolution: which element of the image, of the kernel and of the result take part.
template <class F> static void visit(const Tensor *x, const Kernel *w, const Convolution *c, const Tensor *y, F f) {
    int64_t outputs = 1, taps = 1;
    for (int a = 0; a < c->axes; a++) {
        outputs *= y->size[a + 2];
        taps *= w->size[a + 2];
    }
    const int rows = w->size[0] / c->groups;
    for (int n = 0; n < x->size[0]; n++)
        for (int o = 0; o < w->size[0]; o++)
            for (int64_t p = 0; p < outputs; p++)
                for (int i = 0; i < w->size[1]; i++)
                    for (int64_t q = 0; q < taps; q++) {
                        int64_t from = (int64_t)n * x->step[0] + (int64_t)(o / rows * w->size[1] + i) * x->step[1], to = (int64_t)n * y->step[0] + (int64_t)o * y->step[1];
                        int64_t restP = p, restQ = q;
                        bool inside = true;
                        for (int a = c->axes - 1; a >= 0; a--) {
                            const int64_t out = restP % y->size[a + 2], tap = restQ % w->size[a + 2], at = out * c->stride[a] + tap * c->dilation[a] - c->padding[a];
                            restP /= y->size[a + 2];
                            restQ /= w->size[a + 2];
                            inside = inside && at >= 0 && at < x->size[a + 2];
                            from += at * x->step[a + 2];
                            to += out * y->step[a + 2];
                        }
                        if (inside) f(from, ((int64_t)o * w->size[1] + i) * taps + q, to);
                    }
}

static Status pass(
    int which, void *h, const void *alpha, const void *beta, const Tensor *x, const void *px, const Kernel *w, const void *pw, const Tensor *y, const void *py, void *made, int64_t elements,
    const Convolution *c, int algorithm, void *workspace, size_t bytes) {
    const bool isDouble = x->type == Double;
    if (failing) return failing;
    if (h != &handle || !isRight(x, w, c, y) || algorithm != 1 || bytes != Needed || !workspace || (uint64_t)workspace % 256) return BadParameter;
    if ((isDouble ? *(const double *)alpha : *(const float *)alpha) != 1 || (isDouble ? *(const double *)beta : *(const float *)beta) != 0) return BadParameter;
    memset(workspace, 0x5a, bytes);
    passes[which]++;
    lastMath = c->math;
    double *sums = new double[elements]();
    bool *touched = new bool[elements]();
    visit(x, w, c, y, [&](int64_t i, int64_t k, int64_t o) {
        const int64_t at = which == 0 ? o : which == 1 ? i : k;
        sums[at] += (which == 0 ? read(px, x->type, i) : read(py, y->type, o)) * (which == 2 ? read(px, x->type, i) : read(pw, w->type, k));
    });
    // Elements between those of a tensor with steps are not its own.
    const Tensor *of = which == 0 ? y : which == 1 ? x : nullptr;
    if (of) {
        int64_t count = 1;
        for (int a = 0; a < of->axes; a++) count *= of->size[a];
        for (int64_t e = 0; e < count; e++) {
            int64_t rest = e, at = 0;
            for (int a = of->axes - 1; a >= 0; a--) {
                at += rest % of->size[a] * of->step[a];
                rest /= of->size[a];
            }
            touched[at] = true;
        }
    } else
        for (int64_t e = 0; e < elements; e++) touched[e] = true;
    for (int64_t e = 0; e < elements; e++)
        if (touched[e]) write(made, x->type, e, sums[e]);
    delete[] sums;
    delete[] touched;
    return Success;
}
static int64_t reach(const Tensor *t) {
    int64_t last = 0;
    for (int a = 0; a < t->axes; a++) last += (int64_t)(t->size[a] - 1) * t->step[a];
    return last + 1;
}
static int64_t reach(const Kernel *w) {
    int64_t count = 1;
    for (int a = 0; a < w->axes; a++) count *= w->size[a];
    return count;
}
static Status room(void *h, const Tensor *x, const Kernel *w, const Convolution *c, const Tensor *y, int algorithm, size_t *bytes) {
    *bytes = Needed;
    return refusing ? refusing : h == &handle && isRight(x, w, c, y) && algorithm == 1 ? Success : BadParameter;
}

extern "C" {
int fake_passes(int which) { return passes[which]; }
int fake_math() { return lastMath; }
void fake_refuse(int status) { refusing = status; }
void fake_fail(int status) { failing = status; }

size_t cudnnGetVersion() { return 90100; }
Status cudnnCreate(void **h) { *h = &handle; return Success; }
Status cudnnSetStream(void *h, void *) { return h == &handle ? Success : BadParameter; }
Status cudnnCreateTensorDescriptor(Tensor **t) { *t = new Tensor(); return Success; }
Status cudnnSetTensorNdDescriptor(Tensor *t, int type, int axes, const int *sizes, const int *steps) {
    if (axes > Most) return BadParameter;
    t->type = type;
    t->axes = axes;
    memcpy(t->size, sizes, axes * 4);
    memcpy(t->step, steps, axes * 4);
    return Success;
}
Status cudnnCreateFilterDescriptor(Kernel **w) { *w = new Kernel(); return Success; }
Status cudnnSetFilterNdDescriptor(Kernel *w, int type, int format, int axes, const int *sizes) {
    if (axes > Most || format != 0) return BadParameter;
    w->type = type;
    w->axes = axes;
    memcpy(w->size, sizes, axes * 4);
    return Success;
}
Status cudnnCreateConvolutionDescriptor(Convolution **c) { *c = new Convolution(); return Success; }
Status cudnnSetConvolutionNdDescriptor(Convolution *c, int axes, const int *padding, const int *strides, const int *dilation, int mode, int compute) {
    if (axes > Most - 2 || mode != 1) return BadParameter;
    c->axes = axes;
    c->compute = compute;
    c->groups = 1;
    memcpy(c->padding, padding, axes * 4);
    memcpy(c->stride, strides, axes * 4);
    memcpy(c->dilation, dilation, axes * 4);
    return Success;
}
Status cudnnSetConvolutionGroupCount(Convolution *c, int groups) { c->groups = groups; return groups > 0 ? Success : BadParameter; }
Status cudnnSetConvolutionMathType(Convolution *c, int math) { c->math = math; return math == 1 || math == 3 ? Success : BadParameter; }

Status cudnnGetConvolutionForwardWorkspaceSize(void *h, Tensor *x, Kernel *w, Convolution *c, Tensor *y, int algorithm, size_t *bytes) { return room(h, x, w, c, y, algorithm, bytes); }
Status cudnnGetConvolutionBackwardDataWorkspaceSize(void *h, Kernel *w, Tensor *y, Convolution *c, Tensor *x, int algorithm, size_t *bytes) { return room(h, x, w, c, y, algorithm, bytes); }
Status cudnnGetConvolutionBackwardFilterWorkspaceSize(void *h, Tensor *x, Tensor *y, Convolution *c, Kernel *w, int algorithm, size_t *bytes) { return room(h, x, w, c, y, algorithm, bytes); }
Status cudnnConvolutionForward(
    void *h, const void *alpha, Tensor *x, const void *px, Kernel *w, const void *pw, Convolution *c, int algorithm, void *workspace, size_t bytes, const void *beta, Tensor *y, void *py) {
    return pass(0, h, alpha, beta, x, px, w, pw, y, py, py, reach(y), c, algorithm, workspace, bytes);
}
Status cudnnConvolutionBackwardData(
    void *h, const void *alpha, Kernel *w, const void *pw, Tensor *y, const void *py, Convolution *c, int algorithm, void *workspace, size_t bytes, const void *beta, Tensor *x, void *px) {
    return pass(1, h, alpha, beta, x, px, w, pw, y, py, px, reach(x), c, algorithm, workspace, bytes);
}
Status cudnnConvolutionBackwardFilter(
    void *h, const void *alpha, Tensor *x, const void *px, Tensor *y, const void *py, Convolution *c, int algorithm, void *workspace, size_t bytes, const void *beta, Kernel *w, void *pw) {
    return pass(2, h, alpha, beta, x, px, w, pw, y, py, pw, reach(w), c, algorithm, workspace, bytes);
}
}
