namespace Ad.Functional

open Ad.Tensors

/// Norms, spreads and running sums of exponentials.
[<RequireQualifiedAccess>]
module Stats =
    /// <summary>
    /// The p-norm over axes, (sum |x|^p)^(1/p): the largest |x| for p = infinity, the smallest for -infinity, the number of elements that are not 0
    /// for p = 0. Its derivative where all elements are 0 is 0. Elements are measured by the largest, so that powers neither overflow nor vanish.
    /// </summary>
    let norm (p: float) (axes: int seq) (t: Tensor) : Tensor =
        let size = abs t

        if System.Double.IsNaN p then
            Shapes.refuse "norm" "NaN is not an order."
        elif p = infinity then
            Tensor.maxOver axes size
        elif p = -infinity then
            Tensor.minOver axes size
        elif p = 0.0 then
            Tensor.sumOver axes (Tensor.cast t.DType (Tensor.notEqual t (Tensor.zerosLike t)))
        elif p = 1.0 then
            Tensor.sumOver axes size
        else
            let largest = Tensor.stopGradient (Tensor.maxKeep axes size)

            let isUsable =
                Tensor.logicalAnd
                    (Tensor.isFinite largest)
                    (Tensor.greater largest (Tensor.zerosLike largest))

            let unit = Tensor.where isUsable largest (Tensor.onesLike largest)
            let parts = size / unit

            let root =
                if p = 2.0 then
                    sqrt (Tensor.sumKeep axes (Tensor.square parts))
                else
                    Tensor.pow
                        (Tensor.sumKeep axes (Tensor.pow parts (Tensor.scalar p |> Tensor.cast t.DType)))
                        (Tensor.scalar (1.0 / p) |> Tensor.cast t.DType)

            Tensor.squeeze (Shapes.axes "norm" t.Rank axes) (unit * root)

    /// The mean squared distance from the mean over axes, divided by n - 1.
    let varianceOver (axes: int seq) (t: Tensor) : Tensor =
        let n =
            Shapes.axes "variance" t.Rank axes
            |> Array.fold (fun n a -> n * float t.Shape[a]) 1.0

        Tensor.varianceOver axes t * (n / (n - 1.0))

    /// The root of the variance over axes, divided by n - 1.
    let deviationOver (axes: int seq) (t: Tensor) : Tensor = sqrt (varianceOver axes t)

    /// x less its mean over axes, divided by its deviation there; 0 where all elements are equal.
    let standardize (axes: int seq) (t: Tensor) : Tensor =
        let axes = Shapes.axes "standardize" t.Rank axes
        let centred = t - Tensor.meanKeep axes t
        let n = axes |> Array.fold (fun n a -> n * float t.Shape[a]) 1.0
        let squares = Tensor.sumKeep axes (Tensor.square centred)
        let isConstant = Tensor.equal squares (Tensor.zerosLike squares)
        let safe = Tensor.where isConstant (Tensor.onesLike squares) (squares / (n - 1.0))
        centred * Tensor.rsqrt safe

    /// The covariance matrix of observations in rows: the products of distances from the mean, summed over rows and divided by n - 1.
    let covariance (t: Tensor) : Tensor =
        if t.Rank <> 2 then
            Shapes.refuse "covariance" $"takes observations in rows, but was given {t.Signature}."

        let centred = t - Tensor.meanKeep [ 0 ] t
        Tensor.matmul (Tensor.transpose centred) centred / float (t.Shape[0] - 1)

    /// <summary>
    /// The covariance matrix of observations in rows that weigh differently: sum w d' d / (sum w - correction sum w a / sum w) with w = f a and distances d from the mean sum w x / sum w. The
    /// frequencies f say how often an observation came, the importances a how much it counts; a tensor of one number is that for all. With ones, and a correction of 1, it is covariance.
    /// </summary>
    /// <exception cref="T:System.ArgumentException">The observations are not in rows, or there is not one weight for each.</exception>
    let covarianceWith (correction: float) (frequencies: Tensor) (importances: Tensor) (t: Tensor) : Tensor =
        let column name (weights: Tensor) =
            if
                t.Rank <> 2
                || weights.Rank > 1
                || weights.Rank = 1 && weights.Shape[0] <> t.Shape[0]
            then
                Shapes.refuse
                    "covarianceWith"
                    $"takes observations in rows and {name} for each or one for all, but was given {t.Signature} and {weights.Signature}."

            Tensor.broadcastTo [ t.Shape[0] ] (Tensor.cast t.DType weights)
            |> Tensor.expandDims 1

        let importances = column "an importance" importances
        let weights = column "a frequency" frequencies * importances
        let total = Tensor.sum weights
        let centred = t - Tensor.sumKeep [ 0 ] (weights * t) / total

        Tensor.matmul (Tensor.transpose (weights * centred)) centred
        / (total - correction * Tensor.sum (weights * importances) / total)

    /// The correlation matrix that belongs to a covariance matrix: each covariance divided by both deviations.
    let correlationOf (covariance: Tensor) : Tensor =
        let scale = Tensor.rsqrt (Linalg.diagonal covariance)
        covariance * Tensor.outer scale scale

    /// The correlation matrix of observations in rows: the covariances divided by both deviations.
    let correlation (t: Tensor) : Tensor = correlationOf (covariance t)

    /// log(e^a + e^b), without overflow or loss, with derivatives of every order at a = b too; -infinity, with derivatives 0, of two such. Of +infinity and less,
    /// the derivative is all that of the infinite one.
    let logAddExp (a: Tensor) (b: Tensor) : Tensor =
        let isFirst = Tensor.greaterEqual a b
        let high, low = Tensor.where isFirst a b, Tensor.where isFirst b a
        // Infinite numbers are not subtracted from each other, but what is NaN stays.
        let isUsable = Tensor.logicalOr (Tensor.isFinite high) (Tensor.isNaN low)
        let never = Tensor.fullLike high System.Double.NegativeInfinity
        let distance = Tensor.where isUsable (low - high) never

        let isNothing = Tensor.logicalAnd (Tensor.equal high never) (Tensor.logicalNot (Tensor.isNaN low))
        Tensor.where isNothing never (high + Tensor.log1p (exp distance))

    /// <summary>log of the running sums of e^x along an axis, without overflow; -infinity where all so far are.</summary>
    let logCumSumExp (axis: int) (t: Tensor) : Tensor = Tensor.running "logCumSumExp" logAddExp axis t
