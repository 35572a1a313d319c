namespace Ad.Functional

open System
open Ad.Tensors

/// <summary>Discrete Fourier transforms along an axis, of complex numbers as pairs of real and imaginary parts.</summary>
/// <remarks>
/// Forward transforms are sums of x[j] e^(-2 pi i j k / n); inverse ones have a plus in the exponent and are divided by n, as in NumPy. Linear, with derivatives of every order.
/// A length is taken apart into its factors (Cooley and Tukey 1965); a prime factor above 64 becomes a convolution (Bluestein 1970). Any length, n log n work for all but the small factors.
/// </remarks>
[<RequireQualifiedAccess>]
module Fourier =
    /// cos and sin of 2 pi (j k mod n) / n with a sign: the angle is reduced before it is rounded.
    let private wheel (dtype: DType) sign (n: int) (rows: int) (columns: int) =
        let angle j k = 2.0 * Math.PI * float (int64 j * int64 k % int64 n) / float n
        let table f = Array.init (rows * columns) (fun i -> f (angle (i / columns) (i % columns)))
        let made data = Tensor.ofArray [ rows; columns ] data |> Tensor.cast dtype
        made (table cos), made (table (fun a -> sign * sin a))

    let private times (ar: Tensor, ai: Tensor) (br: Tensor, bi: Tensor) = ar * br - ai * bi, ar * bi + ai * br

    /// A factor of the length to take it apart by: the largest of at most 32, or the smallest there is.
    let private factor n =
        let divides k = n % k = 0

        match Seq.tryFind divides (seq { Math.Min(32, n - 1) .. -1 .. 2 }) with
        | Some k -> Some k
        | None -> seq { 33 .. int (sqrt (float n)) } |> Seq.tryFind divides

    /// The next power of 2.
    let private room (n: int) =
        let mutable size = 1

        while size < n do
            size <- size * 2

        size

    /// The transform along the last axis, not divided; the sign is that of the exponent.
    let rec private along (sign: float) (re: Tensor, im: Tensor) : Tensor * Tensor =
        let n = re.Shape[re.Rank - 1]
        let dtype = re.DType
        let leading = Seq.take (re.Rank - 1) re.Shape |> Seq.toList

        if n <= 1 then
            re, im
        elif n <= 64 then
            let c, s = wheel dtype sign n n n
            Tensor.matmul re c - Tensor.matmul im s, Tensor.matmul re s + Tensor.matmul im c
        else
            match factor n with
            | Some a ->
                // j = j1 b + j2 and k = k1 + a k2: transforms of a, a turn of each, transforms of b.
                let b = n / a
                let both f (re, im) = f re, f im
                let columns = both (Tensor.reshape (leading @ [ a; b ]) >> Tensor.swapAxes -1 -2)
                let turned = times (along sign (columns (re, im))) (wheel dtype sign n b a)
                let rows = both (Tensor.swapAxes -1 -2) turned |> along sign
                both (Tensor.swapAxes -1 -2 >> Tensor.reshape (leading @ [ n ])) rows
            | None ->
                // j k = (j^2 + k^2 - (k - j)^2) / 2 makes a convolution of it.
                let half k = int64 k * int64 k % (2L * int64 n)
                let angle k = Math.PI * float (half k) / float n
                let size = room (2 * n - 1)
                let made f = Tensor.ofArray [ n ] (Array.init n (angle >> f)) |> Tensor.cast dtype
                let chirp = made cos, made (fun a -> sign * sin a)

                let around f =
                    Array.init size (fun i ->
                        if i < n then f (angle i)
                        elif i > size - n then f (angle (size - i))
                        else 0.0)
                    |> Tensor.ofArray [ size ]
                    |> Tensor.cast dtype

                let kernel = along sign (around cos, around (fun a -> -sign * sin a))
                let none = List.map (fun _ -> 0, 0) leading
                let filled t = Tensor.pad (none @ [ 0, size - n ]) t
                let xr, xi = times (re, im) chirp
                let yr, yi = times (along sign (filled xr, filled xi)) kernel
                let zr, zi = along -sign (yr, yi)
                let cut (t: Tensor) = Tensor.sliceAxis -1 0 n 1 t / float size
                times (cut zr, cut zi) chirp

    let private ensure name (re: Tensor) (im: Tensor) =
        if not (re.DType.IsFloat()) || re.Signature <> im.Signature || re.Rank = 0 then
            Shapes.refuse
                name
                $"takes real and imaginary parts, floats of one type and shape with an axis, but was given {re.Signature} and {im.Signature}."

    let private onAxis name axis f (re: Tensor, im: Tensor) : Tensor * Tensor =
        ensure name re im
        let axis = Shapes.axis name re.Rank axis

        if re.Shape[axis] = 0 then
            Shapes.refuse name $"axis {axis} of {re.Signature} is empty."

        let there (t: Tensor) = Tensor.moveAxis axis -1 t
        let re, im = f (there re, there im)
        Tensor.moveAxis -1 axis re, Tensor.moveAxis -1 axis im

    /// X[k] = sum_j x[j] e^(-2 pi i j k / n) along an axis, of pairs of real and imaginary parts.
    let fft (axis: int) (x: Tensor * Tensor) : Tensor * Tensor = onAxis "fft" axis (along -1.0) x

    /// The inverse of fft: x[j] = 1/n sum_k X[k] e^(2 pi i j k / n).
    let ifft (axis: int) (x: Tensor * Tensor) : Tensor * Tensor =
        let divided (re: Tensor, im: Tensor) =
            let n = float re.Shape[re.Rank - 1]
            let yr, yi = along 1.0 (re, im)
            yr / n, yi / n

        onAxis "ifft" axis divided x

    /// fft along several axes, one after another.
    let fftOver (axes: int seq) (x: Tensor * Tensor) : Tensor * Tensor =
        Seq.fold (fun x axis -> fft axis x) x axes

    /// The inverse of fftOver.
    let ifftOver (axes: int seq) (x: Tensor * Tensor) : Tensor * Tensor =
        Seq.fold (fun x axis -> ifft axis x) x axes

    /// The first n / 2 + 1 of a real tensor's transform along an axis of n; the rest are their conjugates.
    let rfft (axis: int) (x: Tensor) : Tensor * Tensor =
        let kept (re: Tensor, im: Tensor) =
            let n = re.Shape[re.Rank - 1]
            let part = Tensor.sliceAxis -1 0 (n / 2 + 1) 1
            let yr, yi = along -1.0 (re, im)
            part yr, part yi

        onAxis "rfft" axis kept (x, Tensor.zerosLike x)

    /// <summary>The real tensor of a length along an axis whose rfft this is: the inverse of rfft. The imaginary parts at 0 and, for even lengths, at the end count as 0.</summary>
    /// <exception cref="T:System.ArgumentException">The axis does not have length / 2 + 1 elements.</exception>
    let irfft (length: int) (axis: int) (x: Tensor * Tensor) : Tensor =
        let whole (re: Tensor, im: Tensor) =
            let m = re.Shape[re.Rank - 1]

            if length < 1 || m <> length / 2 + 1 then
                Shapes.refuse
                    "irfft"
                    $"a length of {length} has {length / 2 + 1} elements, but {re.Signature} has {m}."

            let last = m - 1 + length % 2
            let back = Tensor.sliceAxis -1 1 last 1 >> Tensor.flip [ -1 ]
            let place = Tensor.arange DType.Int32 m

            let isReal =
                Tensor.logicalOr
                    (Tensor.equal place (Tensor.scalar 0))
                    (Tensor.equal (2 * place) (Tensor.scalar length))

            let im = Tensor.where isReal (Tensor.zerosLike im) im
            let yr, yi = along 1.0 (Tensor.concat -1 [ re; back re ], Tensor.concat -1 [ im; -(back im) ])
            yr / float length, yi

        onAxis "irfft" axis whole x |> fst

    /// The frequencies of fft's results, in cycles for samples so far apart: 0, 1, ..., then the negative ones, over n times the distance.
    let frequencies (dtype: DType) (n: int) (distance: float) : Tensor =
        let cycles k = if k < (n + 1) / 2 then float k else float (k - n)

        Tensor.vector [ for k in 0 .. n - 1 -> cycles k / (float n * distance) ]
        |> Tensor.cast dtype

    /// The frequencies of rfft's results: 0, 1, ..., n / 2, over n times the distance.
    let realFrequencies (dtype: DType) (n: int) (distance: float) : Tensor =
        Tensor.vector [ for k in 0 .. n / 2 -> float k / (float n * distance) ]
        |> Tensor.cast dtype

    /// The full convolution along an axis, y[k] = sum_j a[j] b[k - j], of length m + n - 1, by way of transforms; the other axes broadcast.
    let convolve (axis: int) (a: Tensor) (b: Tensor) : Tensor =
        if a.Rank = 0 || b.Rank = 0 then
            Shapes.refuse
                "convolve"
                $"takes tensors with an axis, but was given {a.Signature} and {b.Signature}."

        let there (t: Tensor) = Tensor.moveAxis axis -1 t
        let a, b = there a, there b
        let full = a.Shape[a.Rank - 1] + b.Shape[b.Rank - 1] - 1
        let size = room full

        let filled (t: Tensor) =
            Tensor.pad (List.replicate (t.Rank - 1) (0, 0) @ [ 0, size - t.Shape[t.Rank - 1] ]) t

        times (rfft -1 (filled a)) (rfft -1 (filled b))
        |> irfft size -1
        |> Tensor.sliceAxis -1 0 full 1
        |> Tensor.moveAxis -1 axis
