namespace Ad.Functional

open Ad.Tensors

/// Losses with margins, of classes that weigh differently, and of counts and spreads. Predictions come first, targets last.
[<RequireQualifiedAccess>]
module MarginLosses =
    /// The mean of log(1 + e^(-t y)) for targets of -1 and 1: the hinge without a corner.
    [<CompiledName("SoftMargin")>]
    let softMargin (y: Tensor) (t: Tensor) : Tensor =
        Losses.sameShape "softMargin" y t
        Tensor.mean (Tensor.softplus (-(t * y)))

    /// The mean over rows of the sum over all other classes of max(0, margin - own score + theirs), over the number of classes (Weston and Watkins 1999).
    [<CompiledName("MultiMargin")>]
    let multiMargin (margin: float) (scores: Tensor) (classes: Tensor) : Tensor =
        let own = Losses.rowsAndClasses "multiMargin" scores classes
        let ownScore = Tensor.sumKeep [ -1 ] (scores * own)
        let short = Tensor.relu (margin - ownScore + scores) * (1.0 - own)
        Tensor.mean (Tensor.meanOver [ -1 ] short)

    /// The mean of max(0, margin - t (a - b)): a above b by the margin where t is 1, below where it is -1.
    [<CompiledName("MarginRanking")>]
    let marginRanking (margin: float) (a: Tensor) (b: Tensor) (t: Tensor) : Tensor =
        Losses.sameShape "marginRanking" a b
        Losses.sameShape "marginRanking" a t
        Tensor.mean (Tensor.relu (margin - t * (a - b)))

    /// The mean over rows of 1 - cos where t is 1, of max(0, cos - margin) where it is -1, with the cosine of the angle between rows of a and b; 0 for rows of zeros.
    [<CompiledName("CosineEmbedding")>]
    let cosineEmbedding (margin: float) (a: Tensor) (b: Tensor) (t: Tensor) : Tensor =
        Losses.sameShape "cosineEmbedding" a b
        let over = Tensor.sumOver [ -1 ]
        let norms = over (Tensor.square a) * over (Tensor.square b)
        let isZero = Tensor.equal norms (Tensor.zerosLike norms)
        let safe = Tensor.where isZero (Tensor.onesLike norms) norms
        let cosine = Tensor.where isZero (Tensor.zerosLike norms) (over (a * b) * Tensor.rsqrt safe)
        Losses.sameShape "cosineEmbedding" cosine t
        let isAlike = Tensor.greater t (Tensor.zerosLike t)
        Tensor.mean (Tensor.where isAlike (1.0 - cosine) (Tensor.relu (cosine - margin)))

    /// Cross-entropy in which each class has a weight: the sum over rows of -w log p[class] over the sum of the rows' weights.
    [<CompiledName("WeightedCrossEntropy")>]
    let weightedCrossEntropy (weights: Tensor) (logits: Tensor) (classes: Tensor) : Tensor =
        let own = Losses.rowsAndClasses "weightedCrossEntropy" logits classes

        if weights.Rank <> 1 || weights.Shape[0] <> logits.Shape[logits.Rank - 1] then
            Shapes.refuse
                "weightedCrossEntropy"
                $"takes a weight for each class, but was given {weights.Signature} for {logits.Signature}."

        let weight = Tensor.sumOver [ -1 ] (own * weights)
        let logP = Tensor.logSoftmax -1 logits
        let zero = Tensor.zerosLike logP
        let ofOwn = Tensor.sumOver [ -1 ] (Tensor.where (Tensor.greater own zero) logP zero)
        -(Tensor.sum (weight * ofOwn)) / Tensor.sum weight

    /// The mean of -w t log s - (1 - t) log(1 - s) with s = sigmoid(z): binary cross-entropy in which what is there weighs w times what is not.
    [<CompiledName("WeightedBinaryCrossEntropy")>]
    let weightedBinaryCrossEntropy (weight: float) (logits: Tensor) (targets: Tensor) : Tensor =
        Losses.sameShape "weightedBinaryCrossEntropy" logits targets
        // log s = -softplus(-z) and log(1 - s) = -softplus z.
        Tensor.mean (
            weight * targets * Tensor.softplus (-logits)
            + (1.0 - targets) * Tensor.softplus logits
        )

    /// The mean of e^y - t y: counts t with the logarithm y of their rate, less what does not depend on y (log t!).
    [<CompiledName("PoissonLikelihood")>]
    let poissonLikelihood (y: Tensor) (t: Tensor) : Tensor =
        Losses.sameShape "poissonLikelihood" y t
        Tensor.mean (exp y - t * y)

    /// The mean of (log v + (y - t)^2 / v) / 2: targets t that are normal around y with variances v (Nix and Weigend 1994), which count as at least 1e-6.
    [<CompiledName("GaussianLikelihood")>]
    let gaussianLikelihood (y: Tensor) (variances: Tensor) (t: Tensor) : Tensor =
        Losses.sameShape "gaussianLikelihood" y t
        let v = Tensor.maximum variances (Tensor.fullLike variances 1e-6)
        Tensor.mean (0.5 * (log v + Tensor.square (y - t) / v))
