namespace Ad.Functional

open System
open Ad.Tensors

/// <summary>The special functions, within the module of functions on tensors.</summary>
[<AutoOpen>]
module TensorSpecial =
    open Wide

    let private ofOrder (f: Pointwise) (n: int) (x: Tensor) =
        x |> Tensor.inSingle (fun x -> Tensor.Pointwise(f, number x (float n), x))

    /// <summary>Special functions of tensors.</summary>
    [<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
    module Tensor =
        /// e^(x^2) erfc x, which is about 1 / (x sqrt(pi)) where erfc itself is too small to be a number; infinite from -27 down.
        let erfcx (x: Tensor) = ofOrder Pointwise.Erfcx 0 x

        /// The normal distribution function, erfc(-x / sqrt 2) / 2; far below 0 its relative error is about x^2 rounding units.
        let ndtr (x: Tensor) = 0.5 * Tensor.erfc (x * -Math.Sqrt 0.5)

        /// The inverse of ndtr: -infinity at 0, infinity at 1, NaN outside.
        let ndtri (p: Tensor) = -Math.Sqrt 2.0 * Tensor.erfcinv (2.0 * p)

        /// log(ndtr x), within 1e-13 of itself also where ndtr is 0 or 1 in floats; its derivatives too.
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

        /// e^-|x| I_n(x), which does not overflow; the derivative of e^-|x| at 0 counts as 0. Its derivative, a difference, is right to rounding of the function rather than of itself: it falls as 1 / x beside it.
        let besselIe (n: int) (x: Tensor) = ofOrder Pointwise.BesselIe n x

        /// The Bessel function J of whole order n. Near its zeros only the absolute error is small. NaN beyond order 1000.
        let besselJ (n: int) (x: Tensor) = ofOrder Pointwise.BesselJ n x

        /// Hurwitz's zeta function, the sum of (q + k)^-s over k = 0, 1, ..., for s above 1 and q above 0, by Euler and Maclaurin's formula; infinite for s = 1 or q = 0, NaN below.
        /// With q = 1 it is Riemann's. It has derivatives in both.
        let zeta (s: Tensor) (q: Tensor) =
            inDouble "zeta" [| s; q |] (fun inputs ->
                let s, q = inputs[0], inputs[1]
                let one = Tensor.onesLike s
                let head = Tensor.pow (last q + Tensor.arange DType.Float64 12) (last -s)
                let x = q + 12.0
                // Beyond 1e6 all but the first terms are nothing; at 1 the derivatives are those just above it.
                let isSlow = Tensor.less s (number s 1e6)
                let isPole = Tensor.equal s one
                let slow = Tensor.where isSlow s (number s 2.0)
                let beyond = Tensor.where isPole (slow + Math.ScaleB(1.0, -52)) slow

                // B_2k s (s + 1) ... (s + 2 k - 2) / (2k)! x^(-2 k + 1)
                let terms, _ =
                    ((zero s, slow / x), [ 1..10 ])
                    ||> List.fold (fun (sum, factor) k ->
                        let m = float (2 * k)
                        let factor = factor / m

                        sum + bernoulli[k - 1] * factor,
                        factor * ((slow + (m - 1.0)) / x) * ((slow + m) / x) / (m + 1.0))

                let tail =
                    Tensor.pow x (1.0 - beyond) / (beyond - 1.0)
                    + Tensor.pow x -slow * (0.5 + terms)

                Tensor.sumOver [ -1 ] head + Tensor.where isSlow tail (zero s)
                |> valued isPole infinity
                |> within (both (Tensor.greaterEqual s one) (Tensor.greaterEqual q (zero q))))

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
