namespace Ad.Functional

open System
open Ad.Tensors

/// The derivatives of the elementwise functions.
[<RequireQualifiedAccess>]
module internal PointwiseRules =
    let private factor f : Tensor[] -> Tensor -> Partial = fun x y -> Partial.Factor(f x y)
    let private always p : Tensor[] -> Tensor -> Partial = fun _ _ -> p

    /// In terms of the input.
    let private ofInput (f: Tensor -> Tensor) = Elementwise [| factor (fun x _ -> f x[0]) |]

    /// In terms of the result.
    let private ofResult (f: Tensor -> Tensor) = Elementwise [| factor (fun _ y -> f y) |]

    /// Of a function of whole order and an argument: the order, which has no derivative, and the argument give the argument's.
    let private ofOrder (f: Tensor -> Tensor -> Tensor) =
        Elementwise [| always Partial.Zero; factor (fun x _ -> f x[0] x[1]) |]

    let private twoOverRootPi = 2.0 / Math.Sqrt Math.PI
    let private zero (like: Tensor) = Tensor.zerosLike like

    /// 1 where a wins, 1/2 at ties, 0 elsewhere.
    let private wins (compare: Tensor -> Tensor -> Tensor) a b =
        Tensor.where
            (compare a b)
            (Tensor.onesLike a)
            (Tensor.where (Tensor.equal a b) (Tensor.fullLike a 0.5) (zero a))

    let private nonzero (x: Tensor) = Tensor.where (Tensor.equal x (zero x)) (Tensor.onesLike x) x

    // d(a^b)/da = b a^(b-1), and 0 for b = 0 even where a^(b-1) is infinite; in b it varies there all the same.
    let private powerBase (x: Tensor[]) _ = Tensor.scale x[1] (Tensor.Pow(x[0], x[1] - 1.0))

    // d(a^b)/db = a^b log a, and its limit 0 at a = 0 for b >= 0.
    let private powerExponent (x: Tensor[]) y =
        let flat = Tensor.logicalAnd (Tensor.equal x[0] (zero x[0])) (Tensor.greaterEqual x[1] (zero x[1]))
        Tensor.where flat (zero y) (y * log (Tensor.where flat (Tensor.onesLike y) x[0]))

    let private squaredRadius (x: Tensor[]) = nonzero (x[0] * x[0] + x[1] * x[1])

    /// The partials of an elementwise function.
    let rule (f: Pointwise) : Derivative =
        match f with
        | Pointwise.Negate -> Elementwise [| always Partial.MinusOne |]
        | Pointwise.Abs -> ofInput Tensor.sign
        | Pointwise.Exp -> ofResult id
        | Pointwise.Expm1 -> ofInput exp
        | Pointwise.Log -> ofInput (fun x -> 1.0 / x)
        | Pointwise.Log1p -> ofInput (fun x -> 1.0 / (1.0 + x))
        | Pointwise.Sqrt -> ofResult (fun y -> 0.5 / y)
        | Pointwise.Rsqrt -> Elementwise [| factor (fun x y -> -0.5 * y / x[0]) |]
        | Pointwise.Sin -> ofInput cos
        | Pointwise.Cos -> ofInput (fun x -> -(sin x))
        | Pointwise.Tan -> ofResult (fun y -> 1.0 + y * y)
        | Pointwise.Asin -> ofInput (fun x -> Tensor.rsqrt ((1.0 - x) * (1.0 + x)))
        | Pointwise.Acos -> ofInput (fun x -> -(Tensor.rsqrt ((1.0 - x) * (1.0 + x))))
        | Pointwise.Atan -> ofInput (fun x -> 1.0 / (1.0 + x * x))
        | Pointwise.Sinh -> ofInput cosh
        | Pointwise.Cosh -> ofInput sinh
        | Pointwise.Tanh -> ofResult (fun y -> (1.0 - y) * (1.0 + y))
        | Pointwise.Asinh -> ofInput (fun x -> Tensor.rsqrt (x * x + 1.0))
        | Pointwise.Acosh -> ofInput (fun x -> Tensor.rsqrt ((x - 1.0) * (x + 1.0)))
        | Pointwise.Atanh -> ofInput (fun x -> 1.0 / ((1.0 - x) * (1.0 + x)))
        | Pointwise.Sigmoid -> Elementwise [| factor (fun x y -> y * Tensor.sigmoid (-x[0])) |]
        | Pointwise.Erf -> ofInput (fun x -> twoOverRootPi * exp (-(x * x)))
        | Pointwise.Erfc -> ofInput (fun x -> -twoOverRootPi * exp (-(x * x)))
        | Pointwise.Erfinv -> ofResult (fun y -> exp (y * y) / twoOverRootPi)
        | Pointwise.Erfcinv -> ofResult (fun y -> exp (y * y) / -twoOverRootPi)
        | Pointwise.Lgamma -> ofInput Tensor.digamma
        | Pointwise.Digamma -> ofInput (fun x -> Tensor.polygamma (Tensor.onesLike x) x)
        | Pointwise.Add -> Elementwise [| always Partial.One; always Partial.One |]
        | Pointwise.Subtract -> Elementwise [| always Partial.One; always Partial.MinusOne |]
        | Pointwise.Multiply -> Elementwise [| factor (fun x _ -> x[1]); factor (fun x _ -> x[0]) |]
        | Pointwise.Divide ->
            Elementwise [| factor (fun x _ -> 1.0 / x[1]); factor (fun x y -> -(y / x[1])) |]
        | Pointwise.Remainder ->
            let quotient (x: Tensor[]) = x[0] / x[1]
            let truncated q = Tensor.sign q * floor (abs q)
            Elementwise [| always Partial.One; factor (fun x _ -> -(truncated (quotient x))) |]
        | Pointwise.Power -> Elementwise [| factor powerBase; factor powerExponent |]
        | Pointwise.Atan2 ->
            Elementwise
                [| factor (fun x _ -> x[1] / squaredRadius x)
                   factor (fun x _ -> -(x[0] / squaredRadius x)) |]
        | Pointwise.Maximum ->
            Elementwise
                [| factor (fun x _ -> wins Tensor.greater x[0] x[1])
                   factor (fun x _ -> wins Tensor.greater x[1] x[0]) |]
        | Pointwise.Minimum ->
            Elementwise
                [| factor (fun x _ -> wins Tensor.less x[0] x[1])
                   factor (fun x _ -> wins Tensor.less x[1] x[0]) |]
        | Pointwise.Scale -> Elementwise [| factor (fun x _ -> x[1]); factor (fun x _ -> x[0]) |]
        | Pointwise.Polygamma -> ofOrder (fun n x -> Tensor.polygamma (n + 1.0) x)
        | Pointwise.Erfcx -> ofOrder (fun n x -> -2.0 * (n + 1.0) * Tensor.Pointwise(f, n + 1.0, x))
        | Pointwise.BesselI ->
            ofOrder (fun n x -> 0.5 * (Tensor.Pointwise(f, n - 1.0, x) + Tensor.Pointwise(f, n + 1.0, x)))
        | Pointwise.BesselIe ->
            ofOrder (fun n x ->
                0.5 * (Tensor.Pointwise(f, n - 1.0, x) + Tensor.Pointwise(f, n + 1.0, x))
                - Tensor.sign x * Tensor.Pointwise(f, n, x))
        | Pointwise.BesselJ ->
            ofOrder (fun n x -> 0.5 * (Tensor.Pointwise(f, n - 1.0, x) - Tensor.Pointwise(f, n + 1.0, x)))
        | Pointwise.MultiplyAdd ->
            Elementwise [| factor (fun x _ -> x[1]); factor (fun x _ -> x[0]); always Partial.One |]
        | Pointwise.Select ->
            Linear(fun x g i ->
                if i = 1 then
                    Tensor.where x[0] g (zero g)
                else
                    Tensor.where x[0] (zero g) g)
        | Pointwise.Sign
        | Pointwise.Floor
        | Pointwise.Ceil
        | Pointwise.Round
        | Pointwise.Not
        | Pointwise.Equal
        | Pointwise.NotEqual
        | Pointwise.Less
        | Pointwise.LessEqual
        | Pointwise.And
        | Pointwise.Or
        | Pointwise.Xor -> NonDifferentiable
