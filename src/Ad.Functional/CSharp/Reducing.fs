namespace Ad.Functional.CSharp

open System
open System.Runtime.CompilerServices
open Ad.Functional

/// Elements combined along axes, as methods. Without axes all are; those kept stay with size 1.
[<AbstractClass; Sealed; Extension>]
type ReducingMethods =
    static member private OrAll(x: Tensor, axes: int[]) =
        if axes.Length = 0 then Array.init x.Rank id else axes

    /// The mean squared distance from the mean (divided by n).
    [<Extension>]
    static member Variance(x: Tensor, [<ParamArray>] axes: int[]) =
        if axes.Length = 0 then
            Tensor.variance x
        else
            Tensor.varianceOver axes x

    /// Whether any element is true, of Bool.
    [<Extension>]
    static member Any(x: Tensor, [<ParamArray>] axes: int[]) =
        if axes.Length = 0 then
            Tensor.any x
        else
            Tensor.anyOver axes x

    /// Whether all elements are true, of Bool.
    [<Extension>]
    static member All(x: Tensor, [<ParamArray>] axes: int[]) =
        if axes.Length = 0 then
            Tensor.all x
        else
            Tensor.allOver axes x

    /// The sum over axes, kept at size 1.
    [<Extension>]
    static member SumKeep(x: Tensor, [<ParamArray>] axes: int[]) =
        Tensor.sumKeep (ReducingMethods.OrAll(x, axes)) x

    /// The mean over axes, kept at size 1.
    [<Extension>]
    static member MeanKeep(x: Tensor, [<ParamArray>] axes: int[]) =
        Tensor.meanKeep (ReducingMethods.OrAll(x, axes)) x

    /// The largest over axes, kept at size 1.
    [<Extension>]
    static member MaxKeep(x: Tensor, [<ParamArray>] axes: int[]) =
        Tensor.maxKeep (ReducingMethods.OrAll(x, axes)) x

    /// The smallest over axes, kept at size 1.
    [<Extension>]
    static member MinKeep(x: Tensor, [<ParamArray>] axes: int[]) =
        Tensor.minKeep (ReducingMethods.OrAll(x, axes)) x

    /// The product over axes, kept at size 1.
    [<Extension>]
    static member ProdKeep(x: Tensor, [<ParamArray>] axes: int[]) =
        Tensor.prodKeep (ReducingMethods.OrAll(x, axes)) x

    /// log sum exp over axes, kept at size 1; each slice subtracts its own largest.
    [<Extension>]
    static member LogSumExpKeep(x: Tensor, [<ParamArray>] axes: int[]) =
        Tensor.logSumExpKeep (ReducingMethods.OrAll(x, axes)) x

    /// Summed over the axes along which a shape would have to be repeated to give this one: the transpose of broadcastTo.
    [<Extension>]
    static member SumTo(x: Tensor, [<ParamArray>] shape: int[]) = Tensor.sumTo shape x

    /// Running sums along an axis.
    [<Extension>]
    static member CumSum(x: Tensor, axis: int) = Tensor.cumsum axis x

    /// Running sums along an axis, from its end.
    [<Extension>]
    static member CumSumReverse(x: Tensor, axis: int) = Tensor.cumsumReverse axis x

    /// Running products along an axis, whose derivatives of every order are exact where factors are 0.
    [<Extension>]
    static member CumProd(x: Tensor, axis: int) = Tensor.cumprod axis x

    /// The largest so far along an axis; at ties the derivative is shared.
    [<Extension>]
    static member CumMax(x: Tensor, axis: int) = Tensor.cummax axis x

    /// The smallest so far along an axis; at ties the derivative is shared.
    [<Extension>]
    static member CumMin(x: Tensor, axis: int) = Tensor.cummin axis x

    /// log of the running sums of e^x along an axis, without overflow; -infinity where all so far are.
    [<Extension>]
    static member LogCumSumExp(x: Tensor, axis: int) = Stats.logCumSumExp axis x

    /// The p-norm over axes, (sum |x|^p)^(1/p): the largest |x| for p = infinity, the smallest for -infinity, the number of elements that are not 0 for p = 0.
    [<Extension>]
    static member Norm(x: Tensor, p: float, [<ParamArray>] axes: int[]) =
        Stats.norm p (ReducingMethods.OrAll(x, axes)) x

    /// The root of the variance over axes, divided by n - 1.
    [<Extension>]
    static member Deviation(x: Tensor, [<ParamArray>] axes: int[]) =
        Stats.deviationOver (ReducingMethods.OrAll(x, axes)) x

    /// The mean squared distance from the mean over axes, divided by n - 1.
    [<Extension>]
    static member UnbiasedVariance(x: Tensor, [<ParamArray>] axes: int[]) =
        Stats.varianceOver (ReducingMethods.OrAll(x, axes)) x

    /// x less its mean over axes, divided by its deviation there.
    [<Extension>]
    static member Standardize(x: Tensor, [<ParamArray>] axes: int[]) =
        Stats.standardize (ReducingMethods.OrAll(x, axes)) x

    /// The covariance matrix of observations in rows: the products of distances from the mean, summed over rows and divided by n - 1.
    [<Extension>]
    static member Covariance(x: Tensor) = Stats.covariance x

    /// The covariance matrix of observations in rows, each with a frequency and an importance: sum w d' d / (sum w - correction sum w a / sum w) with w = f a.
    [<Extension>]
    static member CovarianceWith(x: Tensor, correction: float, frequencies: Tensor, importances: Tensor) =
        Stats.covarianceWith correction frequencies importances x

    /// The correlation matrix that belongs to a covariance matrix.
    [<Extension>]
    static member CorrelationOf(covariance: Tensor) = Stats.correlationOf covariance

    /// The correlation matrix of observations in rows: the covariances divided by both deviations.
    [<Extension>]
    static member Correlation(x: Tensor) = Stats.correlation x
