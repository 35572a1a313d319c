"""Writes published.tsv: what PyTorch's operations and their derivatives come to on the samples that its own tests are made of (OpInfo: shapes, arguments and
ranges), in double. A row has the operation, its arguments by name, the arguments that are differentiated, the shapes of the results, and three numbers of the
sum s of all results, element i of result k times cos(1 + 0.7 i + 1.9 k): s itself; its derivative along u, element i of argument j being
sin(2 + 1.3 i + 0.9 j); the derivative of that along v, element i of argument j being cos(0.3 + 2.1 i + 1.1 j). It is nan where there is nothing to compare:
what is not differentiable, and what PyTorch has infinite or NaN.

    python3 published.py > published.tsv
"""

import itertools
import math
import sys
import types
import unittest
import warnings

import torch

# The samples' module needs a package for text comparisons that none of the samples use.
expecttest = types.ModuleType("expecttest")
expecttest.ACCEPT, expecttest.TestCase = False, type("TestCase", (unittest.TestCase,), {})
sys.modules.setdefault("expecttest", expecttest)
warnings.filterwarnings("ignore")
from torch.testing._internal.common_methods_invocations import op_db  # noqa: E402

SAMPLES, ELEMENTS, LARGE = 5, 150, 500

UNARY = """abs acos acosh asin asinh atan atanh ceil cos cosh digamma erf exp expm1 floor lgamma log log10 log1p log2 neg reciprocal round rsqrt sigmoid sign sin
 sinh sqrt square tan tanh trunc nan_to_num logit isnan isinf isfinite ravel trace linalg.det linalg.det.singular linalg.slogdet linalg.inv linalg.pinv matrix_exp linalg.eigvalsh
 linalg.svdvals linalg.svd linalg.qr linalg.cholesky linalg.multi_dot cov corrcoef meshgrid.list_of_tensors"""
BINARY = """hypot xlogy linalg.cross add sub mul true_divide fmod atan2 maximum minimum pow logaddexp eq ne lt le gt ge dot mv mm matmul outer kron inner linalg.solve
 linalg.solve_triangular"""
ALONG = "cumsum cumprod cummax cummin logcumsumexp softmax log_softmax unsqueeze unbind fft.fft fft.ifft fft.rfft stack cat"
OVER = "sum mean prod amax amin logsumexp argmax argmin all any count_nonzero"
OTHERS = {
    "lerp": "end weight", "masked_fill": "mask value", "where": "cond other", "linalg.vector_norm": "ord dim keepdim", 
    "var": "dim unbiased keepdim", "std": "dim unbiased keepdim", "std_mean": "dim unbiased keepdim", "topk": "k dim", "sort": "dim descending", "argsort": "dim descending", "broadcast_to": "shape",
    "reshape": "shape", "flip": "dims", "permute": "dims", "transpose": "dim0 dim1", "movedim": "source destination", "repeat": "reps", "tile": "reps",
    "roll": "shifts dims", "split_with_sizes": "sizes dim", "triu": "k", "tril": "k", "diagonal": "offset dim1 dim2", "gather": "dim index",
    "take_along_dim": "index dim", "index_select": "dim index", "index_add": "dim index source", "masked_select": "mask", "searchsorted": "values",
    "constant_pad_nd": "pad value", "addmm": "a b", "addmv": "a b", "addr": "a b", "einsum": "formula", "linalg.matrix_power": "n",
}
for order in range(5):
    OTHERS[f"polygamma.polygamma_n_{order}"] = "n"
NETWORKS = {
    "relu": "", "relu6": "", "hardswish": "", "hardsigmoid": "", "logsigmoid": "", "mish": "", "softsign": "", "tanhshrink": "", "selu": "", "silu": "",
    "leaky_relu": "negative_slope", "elu": "alpha", "celu": "alpha", "softshrink": "lambd", "hardshrink": "lambd",
    "hardtanh": "min_val max_val", "gelu": "", "glu": "dim", "cross_entropy": "target", "nll_loss": "target", "binary_cross_entropy_with_logits": "target",
    "mse_loss": "target", "l1_loss": "target", "soft_margin_loss": "target", "poisson_nll_loss": "target", "huber_loss": "target", 
    "multi_margin_loss": "target", "cosine_embedding_loss": "other target", "conv1d": "weight bias", "conv2d": "weight bias",
    "conv_transpose1d": "weight bias", "conv_transpose2d": "weight bias", "conv_transpose3d": "weight bias",
    "avg_pool1d": "kernel_size stride padding ceil_mode count_include_pad", "avg_pool2d": "kernel_size stride padding ceil_mode count_include_pad",
    "avg_pool3d": "kernel_size stride padding ceil_mode count_include_pad", "max_pool1d": "kernel_size stride padding",
    "max_pool2d": "kernel_size stride padding", "max_pool3d": "kernel_size stride padding", "adaptive_avg_pool1d": "size",
    "interpolate.linear": "size scale_factor mode align_corners", "interpolate.bilinear": "size scale_factor mode align_corners",
    "interpolate.bicubic": "size scale_factor mode align_corners",
}
NAMES = {name: [] for name in UNARY.split()}
NAMES.update({name: ["other"] for name in BINARY.split()})
NAMES.update({name: ["dim"] for name in ALONG.split()})
NAMES.update({name: ["dim", "keepdim"] for name in OVER.split()})
NAMES.update({name: names.split() for name, names in OTHERS.items()})
NAMES.update({"nn.functional." + name: names.split() for name, names in NETWORKS.items()})

# Arguments whose forms are known to the test; what a default says need not be.
KNOWN = """input other dim keepdim alpha beta end weight mask value cond ord unbiased shape dims dim0 dim1 source destination reps shifts sizes k offset index
 values right pad a b formula n negative_slope lambd min_val max_val approximate target delta margin bias stride padding dilation groups output_padding
 kernel_size ceil_mode count_include_pad size align_corners upper""".split()
DEFAULTS = dict(left=True, unitriangular=False, hermitian=False, UPLO="L", full_matrices=False, mode=None, indexing="ij", keepdim=False, reduction="mean",
                descending=False, largest=True, sorted=True, side="left", out_int32=False, norm="backward", log_input=True,
                full=False, return_indices=False, scale_factor=None, value=0.0, dtype=torch.float64, stable=False, correction=1)

# What is compared of results that are only determined up to a sign, or that are not differentiated.
CHOSEN = {
    "linalg.svd": lambda r: [r[0].square(), r[1], r[2].square()],
    "linalg.qr": lambda r: [r[0].square(), r[1].square()],
}
FIRST = "cummax cummin sort topk".split()


class Unlike(Exception):
    """A sample of a form that the test does not have."""


def weights(n, k):
    return torch.tensor([math.cos(1 + 0.7 * i + 1.9 * k) for i in range(n)], dtype=torch.float64)


def along_u(n, j):
    return torch.tensor([math.sin(2 + 1.3 * i + 0.9 * j) for i in range(n)], dtype=torch.float64)


def along_v(n, j):
    return torch.tensor([math.cos(0.3 + 2.1 * i + 1.1 * j) for i in range(n)], dtype=torch.float64)


def leaves(value):
    if torch.is_tensor(value):
        return [value]
    return [t for part in value for t in leaves(part)] if isinstance(value, (list, tuple)) else []


def fresh(value):
    """The same numbers to five digits, in tensors of their own."""
    if torch.is_tensor(value):
        copy = value.detach().clone(memory_format=torch.contiguous_format)
        if copy.dtype == torch.float64 and copy.numel():
            copy = torch.tensor([float("%.5g" % v) for v in copy.reshape(-1).tolist()], dtype=torch.float64).reshape(copy.shape)
        return copy.requires_grad_() if value.requires_grad else copy
    if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
        return type(value)(fresh(part) for part in value)
    return value


def number(v):
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, int) or math.isfinite(v) and v == int(v) and abs(v) < 1e15:
        return "-0" if v == 0 and math.copysign(1, v) < 0 else str(int(v))
    return "%.16g" % v if math.isfinite(v) else repr(v)


def text(value):
    if torch.is_tensor(value):
        kinds = {torch.float64: "f8", torch.int64: "i4", torch.bool: "b1"}
        if value.dtype not in kinds:
            raise Unlike
        elements = [int(v) if value.dtype == torch.bool else v for v in value.detach().reshape(-1).tolist()]
        return kinds[value.dtype] + "[" + ",".join(map(str, value.shape)) + "]:" + ",".join(map(number, elements))
    if isinstance(value, str):
        return value.replace(" ", "")
    if isinstance(value, (bool, int, float)):
        return number(value)
    if all(torch.is_tensor(part) for part in value) and len(value):
        return "|".join(map(text, value))
    if all(isinstance(part, int) for part in value):
        return "(" + ",".join(map(number, value)) + ")"
    raise Unlike


def arguments(name, sample):
    given = dict(zip(["input"] + NAMES[name], [sample.input, *sample.args]))
    if len(sample.args) > len(NAMES[name]):
        raise Unlike
    given.update(sample.kwargs)
    kept = {key: fresh(value) for key, value in given.items() if not (key in DEFAULTS and (value is None or value == DEFAULTS[key]) or value is None)}
    modes = {"nn.functional.interpolate." + mode for mode in ["linear", "bilinear", "bicubic"]}
    if name in modes:
        kept.pop("mode", None)
    if any(key not in KNOWN for key in kept):
        raise Unlike
    return kept, {key: value for key, value in given.items() if key not in kept and value is not None}


def rank(g):
    return g["input"].dim() if torch.is_tensor(g["input"]) else 1


def has_axis(g):
    return rank(g) > 0


def over_axes(g):
    return has_axis(g) or "dim" not in g


def pairs(g):
    return "target" in g and "weight" not in g and g["target"].shape == g["input"].shape and rank(g) > 0


def classes(g):
    return "weight" not in g and rank(g) > 1 and g["target"].dtype == torch.int64


# The forms of which the library has the operation, where these are not all; the guide's page of names elsewhere says what it has instead of others.
FORMS = {name: has_axis for name in """softmax log_softmax sort argsort cumsum cumprod cummax cummin logcumsumexp gather index_select permute transpose
 fft.fft fft.ifft fft.rfft""".split()}
FORMS.update({"nn.functional." + name: pairs for name in "mse_loss l1_loss soft_margin_loss poisson_nll_loss huber_loss binary_cross_entropy_with_logits".split()})
FORMS.update({"nn.functional." + name: classes for name in "cross_entropy nll_loss multi_margin_loss".split()})
FORMS.update({name: over_axes for name in OVER.split()})
FORMS.update({
    "argmax": lambda g: has_axis(g) and ("dim" in g or not g.get("keepdim")), "argmin": lambda g: has_axis(g) and ("dim" in g or not g.get("keepdim")),
    "logit": lambda g: "eps" not in g, "nan_to_num": lambda g: set(g) == {"input"},
    "topk": has_axis, "searchsorted": lambda g: rank(g) == 1,
    "roll": lambda g: "dims" in g, "take_along_dim": lambda g: "dim" in g, "movedim": lambda g: isinstance(g["source"], int),
    "diagonal": lambda g: "dim1" not in g and rank(g) == 2, "masked_select": lambda g: g["mask"].shape == g["input"].shape and has_axis(g),
    "cov": lambda g: rank(g) == 2 and len(g["input"]) > 1, "corrcoef": lambda g: rank(g) == 2 and len(g["input"]) > 1,
    "constant_pad_nd": lambda g: "value" not in g, "nn.functional.hardtanh": lambda g: g.get("min_val", -1.0) < g.get("max_val", 1.0),
    "where": lambda g: g["cond"].dtype == torch.bool, "inner": lambda g: has_axis(g) and g["other"].dim() > 0, "linalg.solve": lambda g: g["other"].dim() == rank(g),
    "index_add": lambda g: has_axis(g) and g["index"].dim() == 1, "nn.functional.glu": lambda g: g.get("dim", -1) in (-1, rank(g) - 1),
    "einsum": lambda g: "..." not in g["formula"] or "..." in g["formula"].split("->")[-1],
    "linalg.cholesky": lambda g: not g.get("upper"), "linalg.eigvalsh": lambda g: torch.equal(g["input"], g["input"].mT), "meshgrid.list_of_tensors": lambda g: all(t.dim() == 1 for t in g["input"]), "split_with_sizes": lambda g: has_axis(g), "unbind": lambda g: has_axis(g),
    "nn.functional.conv1d": lambda g: rank(g) == 3, "nn.functional.conv2d": lambda g: rank(g) == 4, "nn.functional.conv_transpose1d": lambda g: rank(g) == 3,
    "nn.functional.conv_transpose2d": lambda g: rank(g) == 4, "nn.functional.conv_transpose3d": lambda g: rank(g) == 5,
})


def row(name, op, sample, elements):
    given, unsaid = arguments(name, sample)
    tensors = [t for value in given.values() for t in leaves(value)]
    if not FORMS.get(name, lambda g: True)(given) or sum(t.numel() for t in tensors) > elements or any(not torch.isfinite(t).all() for t in tensors):
        raise Unlike
    kinds = {t.dtype for t in leaves([given["input"]]) + leaves([given.get("other", [])]) if t.dtype != torch.bool}
    if len(kinds) > 1:
        raise Unlike
    words = text_of(given)
    names = [f"{key}.{j}" for key, value in given.items() for j, t in enumerate(leaves(value)) if t.requires_grad]
    inputs = [t for t in tensors if t.requires_grad]
    order = list(itertools.takewhile(lambda key: key in given, NAMES[name]))
    others = {key: value for key, value in given.items() if key != "input" and key not in order}
    result = op.op(given["input"], *[given[key] for key in order], **others, **unsaid)
    parts = CHOSEN[name](result) if name in CHOSEN else leaves(result)[:1] if name in FIRST else leaves(result)
    parts = [half for p in parts for half in ([p.real, p.imag] if p.is_complex() else [p])]
    shapes = "|".join("[" + ",".join(map(str, p.shape)) + "]" for p in parts)
    value = sum(float((weights(p.numel(), k) * p.detach().reshape(-1).to(torch.float64)).sum()) for k, p in enumerate(parts))
    if not math.isfinite(value):
        raise Unlike
    first, second = math.nan, math.nan
    smooth = [(k, p) for k, p in enumerate(parts) if p.is_floating_point() and p.requires_grad]
    if smooth and inputs:
        total = sum((weights(p.numel(), k) * p.reshape(-1)).sum() for k, p in smooth)
        gradient = torch.autograd.grad(total, inputs, create_graph=op.supports_gradgrad, allow_unused=True)
        step = sum((along_u(t.numel(), j) * g.reshape(-1)).sum() for j, (t, g) in enumerate(zip(inputs, gradient)) if g is not None) + torch.zeros(())
        first = float(step)
        if op.supports_gradgrad and math.isfinite(first):
            again = torch.autograd.grad(step, inputs, allow_unused=True) if step.requires_grad else [None] * len(inputs)
            second = sum(float((along_v(t.numel(), j) * h.reshape(-1)).sum()) for j, (t, h) in enumerate(zip(inputs, again)) if h is not None)
    if name == "nn.functional.hardsigmoid":
        # Its derivative there is 1/6 in single precision.
        first = second = math.nan
    short = name.replace("nn.functional.", "").split(".polygamma_n")[0].replace(".list_of_tensors", "")
    shown = [repr(float(v)) if math.isfinite(v) else "nan" for v in (value, first, second)]
    return "\t".join([short, words, ",".join(names), shapes, *shown])


def text_of(given):
    return " ".join(f"{key}={text(value)}" for key, value in given.items())


def samples(op):
    dtype = torch.float64 if torch.float64 in op.dtypes else torch.int64
    wanted = dtype == torch.float64 and op.supports_autograd
    yield from op.sample_inputs("cpu", dtype, requires_grad=wanted)
    if op.reference_inputs_func is not None:
        yield from op.reference_inputs("cpu", dtype, requires_grad=wanted)


def write(name, op, elements, count):
    """Rows of the first samples of each form: the same words and shapes, whatever the numbers. Whether there are any."""
    seen = set()
    try:
        for sample in samples(op):
            if len(seen) == count:
                break
            try:
                line = row(name, op, sample, elements)
            except (Unlike, RuntimeError, TypeError, ValueError, KeyError, IndexError):
                continue
            form = "".join(part.split(":")[0] for part in line.split("\t")[1].split(" ")) + line.split("\t")[3]
            if form not in seen:
                seen.add(form)
                print(line)
    except (RuntimeError, TypeError, ValueError):
        pass
    return bool(seen)


def main():
    torch.manual_seed(0)
    for op in op_db:
        name = op.name + ("." + op.variant_test_name if op.variant_test_name else "")
        if name not in NAMES:
            continue
        # Larger samples only of operations that have no others.
        if not write(name, op, ELEMENTS, SAMPLES):
            write(name, op, LARGE, 2)


if __name__ == "__main__":
    main()
