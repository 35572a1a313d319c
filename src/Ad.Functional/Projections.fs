namespace Ad.Functional

open Ad.Tensors

/// <summary>The nearest point of a set. <c>Updates.project</c> keeps parameters in one.</summary>
/// <remarks>What is said of a vector holds for each row along the last axis. Derivatives are those of the piece that a point is projected onto.</remarks>
[<RequireQualifiedAccess>]
module Projections =
    let private over (x: Tensor) = Tensor.sumKeep [ -1 ] x
    let private length (x: Tensor) = sqrt (over (Tensor.square x))

    let private positive name (what: string) (value: float) =
        if not (value > 0.0 && value < infinity) then
            Shapes.refuse name $"{what} is {value}; it must be a number above 0."

    let private vectors name (x: Tensor) =
        if x.Rank = 0 || x.Shape[x.Rank - 1] = 0 then
            Shapes.refuse name $"takes vectors along the last axis, but was given {x.Signature}."

    /// No element below 0.
    [<CompiledName("NonNegative")>]
    let nonNegative (x: Tensor) : Tensor = Tensor.relu x

    /// Every element from low to high.
    [<CompiledName("Box")>]
    let box (low: float) (high: float) (x: Tensor) : Tensor = Tensor.clip low high x

    /// The points x with normal.x = offset.
    [<CompiledName("Hyperplane")>]
    let hyperplane (normal: Tensor) (offset: float) (x: Tensor) : Tensor =
        x - (over (normal * x) - offset) / over (Tensor.square normal) * normal

    /// The points x with normal.x at most offset.
    [<CompiledName("Halfspace")>]
    let halfspace (normal: Tensor) (offset: float) (x: Tensor) : Tensor =
        x
        - Tensor.relu (over (normal * x) - offset) / over (Tensor.square normal) * normal

    /// Elements of at least 0 with a given sum: max(0, x - tau), where tau is found by sorting (Held, Wolfe and Crowder 1974).
    [<CompiledName("ScaledSimplex")>]
    let scaledSimplex (total: float) (x: Tensor) : Tensor =
        vectors "scaledSimplex" x
        positive "scaledSimplex" "the sum" total
        let n = x.Shape[x.Rank - 1]
        // Shifted rows have the same projection, and theirs has no large sums.
        let x = x - Tensor.stopGradient (Tensor.maxKeep [ -1 ] x)
        let sorted = Ordering.sortDescending -1 x
        let place = Tensor.arange x.DType n + 1.0
        let taus = (Tensor.cumsum -1 sorted - total) / place
        let isIn = Tensor.greater sorted taus
        let count = Tensor.sumKeep [ -1 ] (Tensor.cast DType.Int32 isIn)
        let tau = Tensor.takeAlong -1 (count - 1) taus
        Tensor.relu (x - tau)

    /// Probabilities: elements of at least 0 with the sum 1. This is sparsemax.
    [<CompiledName("Simplex")>]
    let simplex (x: Tensor) : Tensor = scaledSimplex 1.0 x

    /// Vectors of 1-norm at most a radius (Duchi et al. 2008): the magnitudes' simplex with the signs.
    [<CompiledName("L1Ball")>]
    let l1Ball (radius: float) (x: Tensor) : Tensor =
        positive "l1Ball" "the radius" radius
        let isInside = Tensor.lessEqual (over (abs x)) (Tensor.fullLike (over x) radius)
        Tensor.where (Tensor.broadcastTo x.Shape isInside) x (Tensor.sign x * scaledSimplex radius (abs x))

    /// Vectors of 1-norm equal to a radius; a zero counts as positive.
    [<CompiledName("L1Sphere")>]
    let l1Sphere (radius: float) (x: Tensor) : Tensor =
        let isNegative = Tensor.less x (Tensor.zerosLike x)
        let magnitude = scaledSimplex radius (abs x)
        Tensor.where isNegative -magnitude magnitude

    let private stretched (radius: float) (x: Tensor) =
        let norm = length x
        let isZero = Tensor.equal norm (Tensor.zerosLike norm)
        x * (radius / Tensor.where isZero (Tensor.onesLike norm) norm)

    /// Vectors of length at most a radius.
    [<CompiledName("L2Ball")>]
    let l2Ball (radius: float) (x: Tensor) : Tensor =
        positive "l2Ball" "the radius" radius
        let isInside = Tensor.lessEqual (length x) (Tensor.fullLike (over x) radius)
        Tensor.where (Tensor.broadcastTo x.Shape isInside) x (stretched radius x)

    /// Vectors of length equal to a radius; 0, which is as near to all of them, stays 0.
    [<CompiledName("L2Sphere")>]
    let l2Sphere (radius: float) (x: Tensor) : Tensor =
        positive "l2Sphere" "the radius" radius
        stretched radius x

    /// Vectors whose largest magnitude is at most a radius.
    [<CompiledName("LInfinityBall")>]
    let lInfinityBall (radius: float) (x: Tensor) : Tensor =
        positive "lInfinityBall" "the radius" radius
        box -radius radius x
