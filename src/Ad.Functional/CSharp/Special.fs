namespace Ad.Functional.CSharp

open System.Runtime.CompilerServices
open Ad.Functional

/// Special functions as methods.
[<AbstractClass; Sealed; Extension>]
type SpecialMethods =
    /// 1 - erf x, which keeps its digits where that is small.
    [<Extension>]
    static member Erfc(x: Tensor) = Tensor.erfc x

    /// The inverse of the error function: infinite at -1 and 1, NaN outside.
    [<Extension>]
    static member Erfinv(x: Tensor) = Tensor.erfinv x

    /// The inverse of erfc: infinity at 0, -infinity at 2, NaN outside.
    [<Extension>]
    static member Erfcinv(x: Tensor) = Tensor.erfcinv x

    /// e^(x^2) erfc x.
    [<Extension>]
    static member Erfcx(x: Tensor) = Tensor.erfcx x

    /// The normal distribution function, erfc(-x / sqrt 2) / 2.
    [<Extension>]
    static member Ndtr(x: Tensor) = Tensor.ndtr x

    /// The inverse of the normal distribution function.
    [<Extension>]
    static member Ndtri(x: Tensor) = Tensor.ndtri x

    /// The logarithm of the normal distribution function, in its far tail too.
    [<Extension>]
    static member LogNdtr(x: Tensor) = Tensor.logNdtr x

    /// sin(pi x) / (pi x), 1 at 0.
    [<Extension>]
    static member Sinc(x: Tensor) = Tensor.sinc x

    /// -x log x: 0 at 0, -infinity below.
    [<Extension>]
    static member Entr(x: Tensor) = Tensor.entr x

    /// The modified Bessel function I of whole order n.
    [<Extension>]
    static member BesselI(x: Tensor, order: int) = Tensor.besselI order x

    /// e^-|x| I_n(x).
    [<Extension>]
    static member BesselIe(x: Tensor, order: int) = Tensor.besselIe order x

    /// The Bessel function J of whole order n.
    [<Extension>]
    static member BesselJ(x: Tensor, order: int) = Tensor.besselJ order x

    /// log of the multivariate gamma function of a dimension.
    [<Extension>]
    static member Multigammaln(x: Tensor, dimension: int) = Tensor.multigammaln dimension x

    /// The regularized lower incomplete gamma function P(a, x), with derivatives in both.
    [<Extension>]
    static member Gammainc(a: Tensor, x: Tensor) = Tensor.gammainc a x

    /// The regularized upper incomplete gamma function Q(a, x), with derivatives in both.
    [<Extension>]
    static member Gammaincc(a: Tensor, x: Tensor) = Tensor.gammaincc a x

    /// log B(a, b).
    [<Extension>]
    static member Lbeta(a: Tensor, b: Tensor) = Tensor.lbeta a b

    /// Gamma(a) Gamma(b) / Gamma(a + b).
    [<Extension>]
    static member Beta(a: Tensor, b: Tensor) = Tensor.beta a b

    /// Hurwitz's zeta function, the sum of (q + k)^-s over k = 0, 1, ..., with derivatives in both.
    [<Extension>]
    static member Zeta(s: Tensor, q: Tensor) = Tensor.zeta s q

    /// x log(x / y).
    [<Extension>]
    static member RelEntr(x: Tensor, y: Tensor) = Tensor.relEntr x y

    /// x log(x / y) - x + y.
    [<Extension>]
    static member KlDiv(x: Tensor, y: Tensor) = Tensor.klDiv x y

    /// The regularized incomplete beta function I_x(a, b), with derivatives in all three.
    [<Extension>]
    static member Betainc(x: Tensor, a: Tensor, b: Tensor) = Tensor.betainc a b x
