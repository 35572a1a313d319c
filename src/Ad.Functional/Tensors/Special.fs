namespace Ad.Functional

open System
open Ad.Tensors

/// <summary>The special functions, within the module of functions on tensors.</summary>
[<AutoOpen>]
module TensorSpecial =
    let private zero (like: Tensor) = Tensor.zerosLike like
    let private number (like: Tensor) (value: float) = Tensor.fullLike like value
    let private isAbove (limit: float) (x: Tensor) = Tensor.greater x (number x limit)

    let private both a b = Tensor.logicalAnd a b
    let private last (t: Tensor) = Tensor.expandDims -1 t

    /// Sum c_k x^k, the first coefficient first.
    let private polynomial (coefficients: float list) (x: Tensor) =
        (List.last coefficients |> number x, List.rev coefficients |> List.tail)
        ||> List.fold (fun sum c -> sum * x + c)

    // B_2, B_4, ...: the Bernoulli numbers.
    let private bernoulli =
        [| 1.0 / 6.0
           -1.0 / 30.0
           1.0 / 42.0
           -1.0 / 30.0
           5.0 / 66.0
           -691.0 / 2730.0
           7.0 / 6.0
           -3617.0 / 510.0
           43867.0 / 798.0
           -174611.0 / 330.0 |]

    /// A function of float64 on floats of any type, which all have the same: narrower ones go through it, so that they are right to rounding.
    let private inDouble name (f: Tensor list -> Tensor) (inputs: Tensor list) : Tensor =
        let kind = inputs.Head.DType

        if inputs |> List.exists (fun t -> t.DType <> kind || not (t.DType.IsFloat())) then
            let given = String.Join(" and ", [ for t in inputs -> t.Signature.ToString() ])
            Shapes.refuse name $"takes floats of one type, but was given {given}."

        Tensor.cast kind (f [ for t in inputs -> Tensor.cast DType.Float64 t ])

    /// y with another value where a condition holds, and its own derivatives.
    let private valued (condition: Tensor) (value: float) (y: Tensor) =
        Tensor.where condition (y + Tensor.stopGradient (value - y)) y

    /// y where a condition holds, else NaN.
    let private within (condition: Tensor) (y: Tensor) = Tensor.where condition y (number y nan)

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
        let f =
            function
            | [ a: Tensor; x: Tensor ] ->
                let a, x = a + zero x, x + zero a
                let isLower, part = incompleteGamma a x

                let result =
                    Tensor.where (if isP then isLower else Tensor.logicalNot isLower) part (1.0 - part)

                let isIn =
                    both
                        (both (Tensor.greaterEqual a (zero a)) (Tensor.greaterEqual x (zero x)))
                        (both
                            (Tensor.greater (a + x) (zero x))
                            (Tensor.logicalNot (both (Tensor.isInfinite a) (Tensor.isInfinite x))))

                result
                |> valued (Tensor.equal x (zero x)) (if isP then 0.0 else 1.0)
                |> within isIn
            | _ -> invalidOp name

        inDouble name f [ a; x ]

    let private ofOrder (f: Pointwise) (n: int) (x: Tensor) =
        x |> Tensor.inSingle (fun x -> Tensor.Pointwise(f, number x (float n), x))

    /// <summary>Special functions of tensors.</summary>
    [<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
    module Tensor =
        /// e^(x^2) erfc x, which is about 1 / (x sqrt(pi)) where erfc itself is too small to be a number; infinite from -27 down.
        let erfcx (x: Tensor) = ofOrder Pointwise.Erfcx 0 x

        /// The normal distribution function, erfc(-x / sqrt 2) / 2.
        let ndtr (x: Tensor) = 0.5 * Tensor.erfc (x * -Math.Sqrt 0.5)

        /// The inverse of ndtr: -infinity at 0, infinity at 1, NaN outside.
        let ndtri (p: Tensor) = -Math.Sqrt 2.0 * Tensor.erfcinv (2.0 * p)

        /// log(ndtr x), right to rounding of itself also where ndtr is 0 in floats.
        let logNdtr (x: Tensor) =
            let isTail = Tensor.less x (number x -1.0)
            let tail = Tensor.where isTail x (number x -1.0)
            let rest = Tensor.where isTail (number x -1.0) x

            Tensor.where
                isTail
                (log (0.5 * erfcx (tail * -Math.Sqrt 0.5)) - 0.5 * Tensor.square tail)
                (Tensor.log1p (-0.5 * Tensor.erfc (rest * Math.Sqrt 0.5)))

        /// The modified Bessel function I of whole order n: of order 0 it is 1 at 0, of any other 0. NaN beyond order 1000.
        let besselI (n: int) (x: Tensor) = ofOrder Pointwise.BesselI n x

        /// e^-|x| I_n(x), which does not overflow; the derivative of e^-|x| at 0 counts as 0.
        let besselIe (n: int) (x: Tensor) = ofOrder Pointwise.BesselIe n x

        /// The Bessel function J of whole order n. Near its zeros only the absolute error is small. NaN beyond order 1000.
        let besselJ (n: int) (x: Tensor) = ofOrder Pointwise.BesselJ n x

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
            let f =
                function
                | [ a: Tensor; b: Tensor ] ->
                    let isFirst = Tensor.greaterEqual a b
                    let most, least = Tensor.where isFirst a b, Tensor.where isFirst b a

                    Tensor.where
                        (isLarge most)
                        (Tensor.lgamma least - rise (large most) least)
                        (Tensor.lgamma (small most) + Tensor.lgamma least
                         - Tensor.lgamma (small most + least))
                | _ -> invalidOp "lbeta"

            inDouble "lbeta" f [ a; b ]

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
            let f =
                function
                | [ a: Tensor; b: Tensor; x: Tensor ] ->
                    let all = zero (a + b + x)
                    let a, b, x = a + all, b + all, x + all
                    let y = fromZero (1.0 - x)
                    let isHalf = Tensor.less x (number x 0.5)
                    let logY = Tensor.where isHalf (Tensor.log1p -(Tensor.where isHalf x (zero x))) (log y)
                    let logX = log (fromZero x)
                    let isFirst = Tensor.lessEqual x ((a + 1.0) / (a + b + 2.0))
                    let choose first second = Tensor.where isFirst first second
                    let p, q = finite (choose a b), finite (choose b a)
                    let u, w = choose (fromZero x) y, choose y (fromZero x)
                    // I_u(p, q) is T (1 + (p + q) u J) with T = u^p w^q / (p B(p, q)) and the integral J of exp(-(p + 1) s - n log(1 + u (e^-s - 1))), n = p + q + 1,
                    // which also is exp(q s - n log(1 + w (e^s - 1))).
                    let n = p + q + 1.0
                    let isLow = Tensor.lessEqual u (number u 0.5)
                    let sign = Tensor.where isLow (number u -1.0) (Tensor.onesLike u)
                    let k = Tensor.where isLow (p + 1.0) q
                    let z = Tensor.where isLow u w

                    let j =
                        integral (abs (p + 1.0 - n * u) + sqrt (n * u * w) + 0.5) (fun s ->
                            let turned = last sign * s
                            last k * turned - last n * Tensor.log1p (last z * Tensor.expm1 turned))

                    let t = exp (logBetaTerm p q u w (choose logX logY) (choose logY logX))
                    let part = t * (1.0 + (p + q) * u * j)

                    let isIn =
                        both
                            (both (Tensor.greaterEqual x all) (Tensor.lessEqual x (all + 1.0)))
                            (both
                                (both (Tensor.greaterEqual a all) (Tensor.greaterEqual b all))
                                (Tensor.greater (a + b) all))

                    choose part (1.0 - part)
                    |> valued (Tensor.equal x all) 0.0
                    |> valued (Tensor.equal x (all + 1.0)) 1.0
                    |> within isIn
                | _ -> invalidOp "betainc"

            inDouble "betainc" f [ a; b; x ]

        /// Hurwitz's zeta function, the sum of (q + k)^-s over k = 0, 1, ..., for s above 1 and q above 0, by Euler and Maclaurin's formula; infinite for s = 1 or q = 0, NaN below.
        /// With q = 1 it is Riemann's. It has derivatives in both.
        let zeta (s: Tensor) (q: Tensor) =
            let f =
                function
                | [ s: Tensor; q: Tensor ] ->
                    let s, q = s + zero q, q + zero s
                    let head = Tensor.pow (last q + Tensor.arange DType.Float64 12) (last -s)
                    let x = q + 12.0
                    let isSlow = Tensor.less s (number s 1e6)
                    let slow = Tensor.where isSlow s (number s 2.0)

                    // B_2k s (s + 1) ... (s + 2 k - 2) / (2k)! x^(-s - 2 k + 1)
                    let terms, _ =
                        ((zero s, slow / x), [ 1..10 ])
                        ||> List.fold (fun (sum, factor) k ->
                            let factor = factor / float (2 * k)
                            let m = float (2 * k)

                            sum + bernoulli[k - 1] * factor,
                            factor * ((slow + (m - 1.0)) / x) * ((slow + m) / x) / (m + 1.0))

                    let tail = Tensor.pow x (1.0 - slow) / (slow - 1.0) + Tensor.pow x -slow * (0.5 + terms)

                    Tensor.sumOver [ -1 ] head + Tensor.where isSlow tail (zero s)
                    |> within (
                        both (Tensor.greaterEqual s (Tensor.onesLike s)) (Tensor.greaterEqual q (zero q))
                    )
                | _ -> invalidOp "zeta"

            inDouble "zeta" f [ s; q ]

        /// log of the multivariate gamma function of dimension d, d (d - 1) / 4 log pi + the sum of lgamma(a - j / 2) over j below d, for a above (d - 1) / 2; else NaN.
        let multigammaln (d: int) (a: Tensor) =
            if d < 1 then
                Shapes.refuse "multigammaln" $"has dimensions of at least 1, but was given {d}."

            let sum = Seq.init d (fun j -> Tensor.lgamma (a - 0.5 * float j)) |> Seq.reduce (+)

            sum + 0.25 * float (d * (d - 1)) * Math.Log Math.PI
            |> within (isAbove (0.5 * float (d - 1)) a)

        /// sin(pi x) / (pi x): 1 at 0, exactly 0 at all other whole numbers and at infinity, with all derivatives at 0.
        let sinc (x: Tensor) =
            let isNear = Tensor.less (abs x) (number x 0.3)
            let square = Tensor.square (Math.PI * Tensor.where isNear x (zero x))

            let terms, _ =
                (([], 1.0), [ 0..9 ])
                ||> List.fold (fun (terms, c) k -> c :: terms, -c / float ((2 * k + 2) * (2 * k + 3)))

            let far = Tensor.where isNear (Tensor.onesLike x) x
            let whole = Tensor.round (Tensor.where (Tensor.isInfinite far) (zero x) far)
            let rest = Tensor.where (Tensor.isInfinite far) (zero x) (far - whole)
            let parity = 1.0 - 2.0 * abs (whole % number x 2.0)

            Tensor.where
                isNear
                (polynomial (List.rev terms) square)
                (parity * sin (Math.PI * rest) / (Math.PI * far))

        /// -x log x: 0, with derivative 0, at 0; -infinity below.
        let entr (x: Tensor) =
            Tensor.where (Tensor.less x (zero x)) (number x -infinity) (-(Tensor.xlogy x (abs x)))

        // log(x / y), near 1 by the distance v = (y - x) / x, and v - log(1 + v) for these by the series of atanh(v / (2 + v)).
        let private byDistance near (x: Tensor) (y: Tensor) far =
            let v = (y - x) / x
            let isNear = Tensor.less (abs v) (number v 0.5)
            Tensor.where isNear (near (Tensor.where isNear v (zero v))) far

        let private logOf (x: Tensor) (y: Tensor) =
            byDistance (fun v -> -(Tensor.log1p v)) x y (log x - log y)

        let private lessLog1p (v: Tensor) =
            let r = v / (2.0 + v)
            let odd = [ for k in 1..17 -> 2.0 / float (2 * k + 1) ]
            r * (v - r * r * polynomial odd (r * r))

        // A function of positive x and y, its value for x = 0, and infinity where there is neither.
        let private ofShares
            (f: Tensor -> Tensor -> Tensor)
            (atZero: Tensor -> Tensor)
            (x: Tensor)
            (y: Tensor)
            =
            let x, y = x + zero y, y + zero x
            let isIn = both (isAbove 0.0 x) (isAbove 0.0 y)
            let value = f (Tensor.where isIn x (Tensor.onesLike x)) (Tensor.where isIn y (Tensor.onesLike y))
            let isZero = both (Tensor.equal x (zero x)) (Tensor.greaterEqual y (zero y))
            let isNaN = Tensor.isNaN (x + y)
            let otherwise = Tensor.where isZero (atZero y) (Tensor.where isNaN (x + y) (number x infinity))
            Tensor.where isIn value otherwise

        /// x log(x / y) for positive x and y, the relative entropy of one outcome: 0, with derivative 0, for x = 0 and y >= 0, else infinity.
        let relEntr (x: Tensor) (y: Tensor) = ofShares (fun x y -> x * logOf x y) zero x y

        /// x log(x / y) - x + y for positive x and y, which is 0 where they are equal and else positive: y, with derivative 0 in x, for x = 0 and y >= 0, else infinity.
        let klDiv (x: Tensor) (y: Tensor) =
            let divergence (x: Tensor) (y: Tensor) =
                byDistance (fun v -> x * lessLog1p v) x y (x * logOf x y - x + y)

            ofShares divergence id x y
