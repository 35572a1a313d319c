/// What PyTorch's matrix functions, convolutions, windows and transforms are here.
module Properties.PublishedMatrices

open Ad.Functional
open Properties.PublishedRows

let private x (a: Arguments) = a.Tensor "input"
let private unary f (a: Arguments) : Tensor list = [ f (x a) ]
let private binary f (a: Arguments) : Tensor list = [ f (x a) (a.Tensor "other") ]
let private pair (p: Tensor, q: Tensor) = [ p; q ]

let private weighted product (a: Arguments) =
    let both: Tensor = product (a.Tensor "a") (a.Tensor "b")
    [ a.Float("beta", 1.0) * x a + a.Float("alpha", 1.0) * both ]

let private padding (a: Arguments) =
    match a.Word("padding", "valid") with
    | "valid" -> Padding.Valid
    | "same" -> Padding.Same
    | _ -> Padding.Explicit [ for n in a.Ints "padding" -> n, n ]

let private convolved isTransposed (a: Arguments) =
    let options =
        { Conv.defaults with
            Strides = a.Ints "stride"
            Padding = padding a
            Dilation = a.Ints "dilation"
            Groups = a.Int("groups", 1) }

    let y =
        if isTransposed then
            Conv.convTranspose options (a.Ints "output_padding") (a.Tensor "weight") (x a)
        else
            Conv.conv options (a.Tensor "weight") (x a)

    match a.Optional "bias" with
    | Some bias -> [ y + Tensor.reshape ([ 1; -1 ] @ List.replicate (y.Rank - 2) 1) bias ]
    | None -> [ y ]

let private pooled spatial pool (a: Arguments) : Tensor list =
    let options =
        { Pool.defaults with
            Strides = a.Ints "stride"
            Padding = padding a
            Dilation = a.Ints "dilation"
            Ceil = a.Is "ceil_mode"
            CountPadding = a.Float("count_include_pad", 1.0) <> 0.0 }

    let window =
        match a.Ints "kernel_size" with
        | [ one ] -> List.replicate spatial one
        | several -> several

    [ pool options window (x a) ]

let private resized kind (a: Arguments) =
    let resize =
        if a.Is "align_corners" then
            Resize.endToEnd
        else
            Resize.into

    let sizes =
        match a.Ints "size" with
        | [ one ] -> List.replicate ((x a).Rank - 2) one
        | several -> several

    [ resize kind sizes (x a) ]

let private complex (t: Tensor) = t, Tensor.zerosLike t

/// By the published name.
let table: (string * (Arguments -> Tensor list)) list =
    [ "dot", binary Tensor.dot
      "mv", binary Tensor.matmul
      "mm", binary Tensor.matmul
      "matmul", binary Tensor.matmul
      "outer", binary Tensor.outer
      "kron", binary Linalg.kron
      "inner", binary (Linalg.tensordot [ -1 ] [ -1 ])
      "trace", unary Tensor.trace
      "addmm", weighted Tensor.matmul
      "addmv", weighted Tensor.matmul
      "addr", weighted Tensor.outer
      "einsum", (fun a -> [ Linalg.einsum (a.Word("formula", "")) (a.All "input") ])
      "linalg.multi_dot", (fun a -> [ List.reduce Tensor.matmul (a.All "input") ])
      "linalg.cholesky", unary Linalg.cholesky
      "linalg.det", unary Linalg.det
      "linalg.det.singular", unary Linalg.det
      "linalg.slogdet", (fun a -> pair (Linalg.slogdet (x a)))
      "linalg.inv", unary Linalg.inverse
      "linalg.pinv", unary Linalg.pseudoInverse
      "linalg.matrix_power", (fun a -> [ Linalg.matrixPower (a.Int("n", 1)) (x a) ])
      "matrix_exp", unary Linalg.expm
      "linalg.eigvalsh", unary (Linalg.eigh >> fst)
      "linalg.svdvals", unary Linalg.singularValues
      "linalg.svd",
      (fun a ->
          let u, s, v = Linalg.svd (x a)
          [ Tensor.square u; s; Tensor.square v ])
      "linalg.qr",
      (fun a ->
          let q, r = Linalg.qr (x a)
          [ Tensor.square q; Tensor.square r ])
      "linalg.solve", binary Linalg.solve
      "linalg.solve_triangular",
      (fun a ->
          binary
              (if a.Is "upper" then
                   Linalg.solveUpper
               else
                   Linalg.solveLower)
              a)
      "cov", unary (Tensor.transpose >> Stats.covariance)
      "corrcoef", unary (Tensor.transpose >> Stats.correlation)
      "conv1d", convolved false
      "conv2d", convolved false
      "conv_transpose1d", convolved true
      "conv_transpose2d", convolved true
      "conv_transpose3d", convolved true
      "avg_pool1d", pooled 1 Pool.average
      "avg_pool2d", pooled 2 Pool.average
      "avg_pool3d", pooled 3 Pool.average
      "max_pool1d", pooled 1 Pool.max
      "max_pool2d", pooled 2 Pool.max
      "max_pool3d", pooled 3 Pool.max
      "adaptive_avg_pool1d", (fun a -> [ Pool.adaptiveAverage (a.Ints "size") (x a) ])
      "interpolate.linear", resized Interpolation.Linear
      "interpolate.bilinear", resized Interpolation.Linear
      "interpolate.bicubic", resized (Interpolation.Cubic -0.75)
      "glu", unary Activations.glu
      "fft.fft", (fun a -> pair (Fourier.fft (a.Int("dim", -1)) (complex (x a))))
      "fft.ifft", (fun a -> pair (Fourier.ifft (a.Int("dim", -1)) (complex (x a))))
      "fft.rfft", (fun a -> pair (Fourier.rfft (a.Int("dim", -1)) (x a))) ]
