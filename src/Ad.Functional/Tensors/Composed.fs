namespace Ad.Functional

open System
open Ad.Tensors

/// <summary>Functions composed of others, within the module of functions on tensors.</summary>
[<AutoOpen>]
module TensorComposed =
    /// <summary>Activations, softmax and pooling.</summary>
    [<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
    module Tensor =
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
