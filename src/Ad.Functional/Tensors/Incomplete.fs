namespace Ad.Functional

open System
open Ad.Tensors

/// <summary>The incomplete gamma and beta functions, within the module of functions on tensors.</summary>
[<AutoOpen>]
module TensorIncomplete =
    open Wide

    // What powers and logarithms are taken of at 0, so that derivatives there are those just above it.
    let private fromZero (x: Tensor) = Tensor.where (Tensor.equal x (zero x)) (x + 2.2250738585072014e-308) x

    let private finite (x: Tensor) = Tensor.where (Tensor.isInfinite x) (number x 1e300) x

    // Numbers s and weights of the integral from 0 to infinity of what decays like e^-s, all of it without singular points nearby: equal steps in y of
    // s = exp(y - e^-y) (Takahasi and Mori 1974). Within 2e-14 for the integrals below.
    let private places, weights =
        let step = 7.9 / 99.0
        let places = [ for k in 0..99 -> -3.9 + step * float k ]
        let s = [ for y in places -> exp (y - exp -y) ]
        s, List.map2 (fun s y -> step * s * (1.0 + exp -y)) s places

    /// The integral of e^(f s) for s from 0 to infinity, where f falls by about 1 from 0 to 1 / rate; f's tensors have an axis more, the last.
    let private integral (rate: Tensor) (f: Tensor -> Tensor) =
        let scale = Tensor.stopGradient (1.0 / rate)

        scale
        * Tensor.sumOver [ -1 ] (Tensor.vector weights * exp (f (last scale * Tensor.vector places)))

    /// lgamma z - ((z - 1/2) log z - z + log(2 pi) / 2) for z of at least 10: Stirling's series (Abramowitz and Stegun 1964, 6.1.41).
    let private stirling (z: Tensor) =
        let terms = [ for k in 1..8 -> bernoulli[k - 1] / float (2 * k * (2 * k - 1)) ]
        polynomial terms (1.0 / (z * z)) / z

    /// log(x / y) where x - y = d.
    let private logQuotient (x: Tensor) (y: Tensor) (d: Tensor) =
        let v = d / y
        let isNear = Tensor.less (abs v) (number v 0.5)
        Tensor.where isNear (Tensor.log1p (Tensor.where isNear v (zero v))) (log (x / y))

    let private isLarge (x: Tensor) = Tensor.greaterEqual x (number x 10.0)
    let private small (x: Tensor) = Tensor.where (isLarge x) (Tensor.onesLike x) x
    let private large (x: Tensor) = Tensor.where (isLarge x) x (number x 10.0)

    /// x^a e^-x / Gamma(a + 1), for large a by the distance from its peak at x = a.
    let private gammaTerm (a: Tensor) (x: Tensor) =
        let big = large a
        let d = x - big
        let far = big * logQuotient x big d - d - stirling big - 0.5 * log (2.0 * Math.PI * big)
        let near = small a * log x - x - Tensor.lgamma (small a + 1.0)
        exp (Tensor.where (isLarge a) far near)

    /// lgamma(z + a) - lgamma z for z of at least 10.
    let private rise (z: Tensor) (a: Tensor) =
        (z - 0.5) * Tensor.log1p (a / z) + a * log (z + a) - a + stirling (z + a)
        - stirling z

    /// Whether P (a lower integral) rather than Q is what the integral gives, and that.
    let private incompleteGamma (a: Tensor) (x: Tensor) =
        // P(a, x) is T (1 + x J) with T = x^a e^-x / Gamma(a + 1) and the integral J of exp(-(a + 1) s - x (e^-s - 1)); Q(a, x) is a T times that of exp(a s - x (e^s - 1)).
        let a, x = finite a, finite (fromZero x)
        let isLower = Tensor.lessEqual x (a + 1.0)
        let sign = Tensor.where isLower (number x -1.0) (Tensor.onesLike x)
        let c = Tensor.where isLower (a + 1.0) a

        let j =
            integral (abs (c - x) + sqrt x + 0.5) (fun s ->
                let turned = last sign * s
                last c * turned - last x * Tensor.expm1 turned)

        isLower, gammaTerm a x * Tensor.where isLower (1.0 + x * j) (a * j)

    let private gammaOf name isP a x =
        inDouble name [| a; x |] (fun inputs ->
            let a, x = inputs[0], inputs[1]
            let isLower, part = incompleteGamma a x
            let isIt = if isP then isLower else Tensor.logicalNot isLower
            let isNone = both (Tensor.isInfinite a) (Tensor.isInfinite x)
            let isPositive = both (Tensor.greaterEqual a (zero a)) (Tensor.greaterEqual x (zero x))
            let isIn = both (both isPositive (isAbove 0.0 (a + x))) (Tensor.logicalNot isNone)

            Tensor.where isIt part (1.0 - part)
            |> valued (Tensor.equal x (zero x)) (if isP then 0.0 else 1.0)
            |> within isIn)

    /// <summary>The incomplete gamma and beta functions.</summary>
    [<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
    module Tensor =
        /// <summary>
        /// The regularized lower incomplete gamma function P(a, x), the integral of t^(a-1) e^-t from 0 to x over Gamma(a), for a and x of at least 0; else NaN, and at (0, 0)
        /// and (infinity, infinity) too. It has derivatives of every order in both.
        /// </summary>
        /// <remarks>
        /// An integral by a hundred points that all derivatives go through. Its relative error is at most 1e-13 (1 + sqrt(a) / 1000) where the value is a normal number. The derivative in x at 0 is
        /// that at the least normal number.
        /// </remarks>
        let gammainc (a: Tensor) (x: Tensor) = gammaOf "gammainc" true a x

        /// The regularized upper incomplete gamma function Q(a, x) = 1 - P(a, x), which keeps its digits where it is small because x is large. Where a is below 0.01 and x below 1 its error, and that of derivatives in x of both, is absolute, 1e-14.
        let gammaincc (a: Tensor) (x: Tensor) = gammaOf "gammaincc" false a x

        /// log B(a, b) = lgamma a + lgamma b - lgamma(a + b) for positive a and b, without the cancellation of these where one is large.
        let lbeta (a: Tensor) (b: Tensor) =
            inDouble "lbeta" [| a; b |] (fun inputs ->
                let a, b = inputs[0], inputs[1]
                let isFirst = Tensor.greaterEqual a b
                let most, least = Tensor.where isFirst a b, Tensor.where isFirst b a
                let few = small most

                Tensor.where
                    (isLarge most)
                    (Tensor.lgamma least - rise (large most) least)
                    (Tensor.lgamma few + Tensor.lgamma least - Tensor.lgamma (few + least)))

        /// Euler's beta function, Gamma(a) Gamma(b) / Gamma(a + b), for positive a and b.
        let beta (a: Tensor) (b: Tensor) = exp (lbeta a b)

        // log of x^p y^q Gamma(p + q) / (Gamma(p + 1) Gamma(q)), where x + y = 1, from both and their logarithms.
        let private logBetaTerm
            (p: Tensor)
            (q: Tensor)
            (x: Tensor)
            (y: Tensor)
            (logX: Tensor)
            (logY: Tensor)
            =
            let bigP, bigQ = large p, large q
            let n = bigP + bigQ
            let d = x - bigP / n

            // By the distance from the peak at x = p / (p + q).
            let peaked =
                bigP * logQuotient x (bigP / n) d
                + bigQ * logQuotient y (bigQ / n) -d
                + 0.5 * (log bigQ - log bigP - log n - Math.Log(2.0 * Math.PI))
                + stirling n
                - stirling bigP
                - stirling bigQ

            let factor =
                Tensor.where
                    (isLarge q)
                    (rise bigQ (small p) - Tensor.lgamma (small p + 1.0))
                    (Tensor.where
                        (isLarge p)
                        (rise bigP (small q) - log bigP - Tensor.lgamma (small q))
                        (Tensor.lgamma (small p + small q)
                         - Tensor.lgamma (small p + 1.0)
                         - Tensor.lgamma (small q)))

            Tensor.where (both (isLarge p) (isLarge q)) peaked (p * logX + q * logY + factor)

        /// <summary>
        /// The regularized incomplete beta function I_x(a, b), the integral of t^(a-1) (1 - t)^(b-1) from 0 to x over B(a, b), for x in [0, 1] and a and b of at least 0, not both of them 0;
        /// else NaN. It has derivatives of every order in all three.
        /// </summary>
        /// <remarks>
        /// An integral by a hundred points, of I or of 1 - I_(1-x)(b, a) by the side of the mean. The relative error of the smaller of both is at most 1e-13 (1 + sqrt(a + b) / 1000).
        /// Derivatives in x at 0 are those at the least normal number.
        /// </remarks>
        let betainc (a: Tensor) (b: Tensor) (x: Tensor) =
            inDouble "betainc" [| a; b; x |] (fun inputs ->
                let a, b, x = inputs[0], inputs[1], inputs[2]
                let one = Tensor.onesLike x
                let y = fromZero (1.0 - x)
                let isHalf = Tensor.less x (number x 0.5)
                let logX = log (fromZero x)
                let logY = Tensor.where isHalf (Tensor.log1p -(Tensor.where isHalf x (zero x))) (log y)
                let isFirst = Tensor.lessEqual x ((a + 1.0) / (a + b + 2.0))
                let choose first second = Tensor.where isFirst first second
                let p, q = finite (choose a b), finite (choose b a)
                let u, w = choose (fromZero x) y, choose y (fromZero x)
                // I_u(p, q) is T (1 + (p + q) u J) with T = u^p w^q / (p B(p, q)) and the integral J of exp(-(p + 1) s - n log(1 + u (e^-s - 1))), n = p + q + 1,
                // which also is exp(q s - n log(1 + w (e^s - 1))).
                let n = p + q + 1.0
                let isLow = Tensor.lessEqual u (number u 0.5)
                let sign = Tensor.where isLow -one one
                let k = Tensor.where isLow (p + 1.0) q
                let z = Tensor.where isLow u w

                let j =
                    integral (abs (p + 1.0 - n * u) + sqrt (n * u * w) + 0.5) (fun s ->
                        let turned = last sign * s
                        last k * turned - last n * Tensor.log1p (last z * Tensor.expm1 turned))

                let t = exp (logBetaTerm p q u w (choose logX logY) (choose logY logX))
                let part = t * (1.0 + (p + q) * u * j)
                let isShare = both (Tensor.greaterEqual x (zero x)) (Tensor.lessEqual x one)
                let isPositive = both (Tensor.greaterEqual a (zero a)) (Tensor.greaterEqual b (zero b))

                choose part (1.0 - part)
                |> valued (Tensor.equal x (zero x)) 0.0
                |> valued (Tensor.equal x one) 1.0
                |> within (both (both isShare isPositive) (isAbove 0.0 (a + b))))
