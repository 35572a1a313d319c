namespace Ad.Functional

open Ad.Tensors

/// <summary>Updates scaled by a norm of each tensor: of the gradient, the parameter or both.</summary>
/// <remarks><c>Updates.descend</c> follows in a chain.</remarks>
[<RequireQualifiedAccess>]
module Layerwise =
    let private within = Updates.within

    let private checkDecays name decay1 decay2 =
        within name "the first decay" 0.0 1.0 decay1
        within name "the second decay" 0.0 1.0 decay2

    let private norm (x: Tensor) = sqrt (Tensor.sum (Tensor.square x))

    /// NovoGrad (Ginsburg et al. 2019): momentum of g / (sqrt v + epsilon) + weightDecay p, where v averages the squared norm of each tensor and begins
    /// with the first one.
    [<CompiledName("NovoGrad")>]
    let novoGrad
        (decay1: float)
        (decay2: float)
        (epsilon: float)
        (weightDecay: float)
        : Optimizer<'P, Moments<'P>> =
        checkDecays "novoGrad" decay1 decay2

        { Init =
            fun p ->
                { Count = Updates.zeroCount ()
                  First = Leaves.zeros p
                  Second = Tree.map (fun t -> Tensor.zeros t.DType []) p }
          Update =
            fun g state p ->
                let isFirst = Tensor.equal state.Count (Tensor.zerosLike state.Count)
                let norms = Leaves.map (Tensor.square >> Tensor.sum) g

                let v = Leaves.choose isFirst norms (Leaves.average decay2 norms state.Second)

                let m =
                    Leaves.map4
                        (fun g v m p -> decay1 * m + (g / (sqrt v + epsilon) + weightDecay * p))
                        g
                        v
                        state.First
                        p

                m,
                { Count = state.Count + 1
                  First = m
                  Second = v } }

    /// Each tensor's update times coefficient |p| / (|u| + epsilon), the trust ratio of LARS (You, Gitman and Ginsburg 2017) and LAMB (You et al. 2020); as it is where
    /// either norm is 0.
    [<CompiledName("TrustRatio")>]
    let trustRatio (coefficient: float) (epsilon: float) : Optimizer<'P, unit> =
        Updates.stateless (fun u p ->
            Leaves.map2
                (fun u p ->
                    let lengthU, lengthP = norm u, norm p
                    let zero = Tensor.zerosLike lengthU
                    let isZero = Tensor.logicalOr (Tensor.equal lengthU zero) (Tensor.equal lengthP zero)
                    let one = Tensor.onesLike lengthU

                    u
                    * Tensor.where
                        isZero
                        one
                        (coefficient * lengthP / (Tensor.where isZero one lengthU + epsilon)))
                u
                p)

    /// Each tensor's update times the root mean square of the parameter, at least a value (Shazeer and Stern 2018, relative step sizes).
    [<CompiledName("ParameterRms")>]
    let parameterRms (least: float) : Optimizer<'P, unit> =
        Updates.stateless (fun u p ->
            Leaves.map2
                (fun u p ->
                    let rms = sqrt (Tensor.mean (Tensor.square p))
                    u * Tensor.maximum rms (Tensor.fullLike rms least))
                u
                p)

    /// Each tensor's update times the norm of the parameter, at least a value.
    [<CompiledName("ParameterNorm")>]
    let parameterNorm (least: float) : Optimizer<'P, unit> =
        Updates.stateless (fun u p ->
            Leaves.map2 (fun u p -> u * Tensor.maximum (norm p) (Tensor.fullLike (norm p) least)) u p)
