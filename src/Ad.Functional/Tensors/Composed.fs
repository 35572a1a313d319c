namespace Ad.Functional

open System
open Ad.Tensors

/// <summary>Functions composed of others, within the module of functions on tensors.</summary>
[<AutoOpen>]
module TensorComposed =
    /// <summary>Functions of elements, activations, softmax and pooling.</summary>
    [<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
    module Tensor =
        /// The whole part: x rounded toward 0; derivative 0.
        let trunc (x: Tensor) = Tensor.sign x * Tensor.floor (Tensor.abs x)

        /// sqrt(x^2 + y^2), without overflow or loss; the derivative at (0, 0) is 0. NaN if either is.
        let hypot (x: Tensor) (y: Tensor) =
            let largest = Tensor.stopGradient (Tensor.maximum (Tensor.abs x) (Tensor.abs y))

            let isUsable =
                Tensor.logicalAnd
                    (Tensor.isFinite largest)
                    (Tensor.greater largest (Tensor.zerosLike largest))

            // The result is the same whatever the scale, and so are its derivatives.
            let scale = Tensor.where isUsable largest (Tensor.onesLike largest)
            scale * Tensor.sqrt (Tensor.square (x / scale) + Tensor.square (y / scale))

        /// x log y, which is 0 where x is, but for y = NaN; its derivative in x there is log y where that is finite, else 0.
        let xlogy (x: Tensor) (y: Tensor) =
            let isNothing =
                Tensor.logicalAnd
                    (Tensor.equal x (Tensor.zerosLike x))
                    (Tensor.logicalOr (Tensor.lessEqual y (Tensor.zerosLike y)) (Tensor.isInfinite y))

            x * Tensor.log (Tensor.where isNothing (Tensor.onesLike y) y)

        /// log(p / (1 - p)), the inverse of the sigmoid: -infinity at 0, infinity at 1, NaN outside.
        let logit (p: Tensor) = Tensor.log p - Tensor.log1p (-p)

        /// x with 0 for NaN and the largest finite numbers of its type for infinities; the derivative is 0 there, else 1.
        let nanToNum (x: Tensor) =
            let largest =
                match x.DType with
                | DType.Float16 -> 65504.0
                | DType.BFloat16 -> 3.3895313892515355e38
                | DType.Float32 -> float Single.MaxValue
                | _ -> Double.MaxValue

            if x.DType.IsFloat() then
                let bound = Tensor.where (Tensor.isNaN x) (Tensor.zerosLike x) (Tensor.sign x * largest)
                Tensor.where (Tensor.isFinite x) x (Tensor.stopGradient bound)
            else
                x

        /// The differences of neighbours along an axis, one fewer than there are elements; none of none.
        let diff (axis: int) (t: Tensor) =
            let n = t.Shape[Shapes.axis "diff" t.Rank axis]
            let last = max 0 (n - 1)
            Tensor.sliceAxis axis (n - last) n 1 t - Tensor.sliceAxis axis 0 last 1 t

        /// <summary>The cross products of vectors that lie along an axis; the other axes broadcast, which takes an axis counted from the end where ranks differ.</summary>
        /// <exception cref="T:System.ArgumentException">A vector has other than three components.</exception>
        let cross (axis: int) (a: Tensor) (b: Tensor) =
            for t in [ a; b ] do
                if t.Shape[Shapes.axis "cross" t.Rank axis] <> 3 then
                    Shapes.refuse
                        "cross"
                        $"takes vectors of three components along axis {axis}, but was given {t.Signature}."

            let turned by t = Tensor.roll axis -by t
            turned 1 a * turned 2 b - turned 2 a * turned 1 b

        /// max(x, 0), whose derivative at 0 is 0; NaN of NaN.
        let relu (x: Tensor) = Tensor.where (Tensor.lessEqual x (Tensor.zerosLike x)) (Tensor.zerosLike x) x

        /// x where positive, else slope x.
        let leakyRelu (slope: float) (x: Tensor) =
            Tensor.where (Tensor.greater x (Tensor.zerosLike x)) x (x * slope)

        /// log(1 + e^x), without overflow.
        let softplus (x: Tensor) =
            Tensor.log1p (Tensor.exp (Tensor.negate (Tensor.abs x))) + relu x
            |> fun y -> Tensor.where (Tensor.equal x (Tensor.zerosLike x)) (Tensor.log1p (Tensor.exp x)) y

        /// x sigmoid(x) (Elfwing et al. 2017).
        let silu (x: Tensor) = x * Tensor.sigmoid x

        /// x Phi(x) with the normal distribution function (Hendrycks and Gimpel 2016), exact.
        let gelu (x: Tensor) = x * (0.5 * (1.0 + Tensor.erf (x * (1.0 / Math.Sqrt 2.0))))

        // The largest of each slice, through which no derivative needs to flow: the functions below do not depend on it.
        // An infinite one is replaced by 0, so that no infinity is subtracted from itself.
        let private shift name axes (x: Tensor) =
            let largest = Tensor.stopGradient (Tensor.maxKeep (Shapes.axes name x.Rank axes) x)
            Tensor.where (Tensor.isFinite largest) largest (Tensor.zerosLike largest)

        /// log sum exp over axes, kept at size 1; each slice subtracts its own largest.
        let logSumExpKeep axes (x: Tensor) =
            x
            |> Tensor.inSingle (fun x ->
                let m = shift "logSumExp" axes x
                Tensor.log (Tensor.sumKeep axes (Tensor.exp (x - m))) + m)

        /// log sum exp over axes; each slice subtracts its own largest. -infinity of none.
        let logSumExpOver axes (x: Tensor) =
            Tensor.squeeze (Shapes.axes "logSumExp" x.Rank axes) (logSumExpKeep axes x)

        /// log sum exp of all elements.
        let logSumExp (x: Tensor) = logSumExpOver (Seq.init x.Rank id) x

        /// exp(x) / sum exp(x) along an axis; each slice subtracts its own largest.
        let softmax (axis: int) (x: Tensor) =
            x
            |> Tensor.inSingle (fun x ->
                let e = Tensor.exp (x - shift "softmax" [ axis ] x)
                e / Tensor.sumKeep [ axis ] e)

        /// log(softmax(x)) along an axis, without overflow or loss.
        let logSoftmax (axis: int) (x: Tensor) =
            x
            |> Tensor.inSingle (fun x -> x - logSumExpKeep [ Shapes.axis "logSoftmax" x.Rank axis ] x)

        let private windows name (window: int list) (strides: int list) (x: Tensor) kind =
            let spatial = window.Length
            let leading = x.Rank - spatial

            if
                leading < 0
                || strides.Length <> spatial
                || List.exists (fun n -> n < 1) (window @ strides)
            then
                Shapes.refuse
                    name
                    $"a window {axesOf window} with strides {axesOf strides} does not fit {x.Signature}."

            let positions =
                List.mapi2
                    (fun i (w: int) stride ->
                        let n = x.Shape[leading + i]

                        if w > n then
                            Shapes.refuse name $"the window {axesOf window} is larger than {x.Signature}."

                        (n - w) / stride + 1)
                    window
                    strides

            let each (n: int) = axesOf (List.replicate spatial n)

            Tensor.Create(
                Window(kind, axesOf positions, Windows(axesOf window, axesOf strides, each 0, each 1, each 1)),
                x
            )

        /// The largest in each window of the last axes, NaN if one is; ties share the derivative evenly. <c>Pool</c> has padding and dilation.
        let maxPool (window: int list) (strides: int list) (x: Tensor) =
            windows "maxPool" window strides x Reduction.Max

        /// The mean of each window of the last axes. <c>Pool</c> has padding and dilation.
        let avgPool (window: int list) (strides: int list) (x: Tensor) =
            windows "avgPool" window strides x Reduction.Sum
            / float (List.fold (*) 1 window)
