/// Functions made of pieces: where the pieces meet, derivatives are those of the function, not those of how it is written.
module Properties.SmoothnessLaws

open Xunit
open FsCheck.FSharp
open Ad.Functional
open Properties.Check

let private number (t: Tensor) = Tensor.toScalar t

/// Derivatives of order 0 to 2 of a function of one number.
let private orders (f: Tensor -> Tensor) (x: float) =
    let x = Tensor.scalar x
    let first = Reverse.gradient f
    [ number (f x); number (first x); number (Forward.gradient first x) ]

/// Where both sides have one derivative it is that, elsewhere either side's, their mean or 0.
let private meetsItsSides name f =
    for at in [ -4.0 .. 0.5..4.0 ] do
        let here, left, right = orders f at, orders f (at - 1e-7), orders f (at + 1e-7)

        for order in 0..2 do
            let h, l, r = here[order], left[order], right[order]
            let near a b = abs (a - b) <= 1e-5 * (1.0 + abs b)

            let isRight =
                if near l r then
                    near h l
                else
                    List.exists (near h) [ l; r; (l + r) / 2.0; 0.0 ]

            Assert.True(isRight, $"{name} has derivative {h} of order {order} at {at}, between {l} and {r}.")

let activations = TheoryData<string>(Activations.all |> List.map fst)

[<Theory; MemberData(nameof activations)>]
let ``an activation has its sides' derivatives where pieces meet`` (name: string) =
    meetsItsSides name (Map Activations.all |> Map.find name)

[<Theory; MemberData(nameof activations)>]
let ``an activation of NaN is NaN, and so under jit`` (name: string) =
    let f = Map Activations.all |> Map.find name
    let x = Tensor.vector [ nan; 0.25 ]
    Assert.Equal<bool[]>([| true; false |], Tensor.toArray<bool>(Tensor.isNaN (f x)))
    Assert.Equal<bool[]>([| true; false |], Tensor.toArray<bool>(Tensor.isNaN (jit f x)))

/// Losses of one prediction, whose target is 0 or 1.
let private losses: (string * (Tensor -> Tensor)) list =
    let against target loss (y: Tensor) = loss (Tensor.reshape [ 1 ] y) (Tensor.vector [ (target: float) ])

    [ "meanSquared", against 0.5 Losses.meanSquared
      "meanAbsolute", against 0.5 Losses.meanAbsolute
      "binaryCrossEntropy", against 1.0 Losses.binaryCrossEntropy
      "hinge", against 1.0 Losses.hinge
      "halfSquared", against 0.5 Losses.halfSquared
      "huber 1", against 0.5 (Losses.huber 1.0)
      "huber 1/2", against 0.0 (Losses.huber 0.5)
      "logCosh", against 0.5 Losses.logCosh
      "perceptron", against 1.0 Losses.perceptron
      "focal", against 1.0 (Losses.focal 2.0)
      "softMargin", against 1.0 MarginLosses.softMargin
      "weightedBinaryCrossEntropy", against 1.0 (MarginLosses.weightedBinaryCrossEntropy 3.0)
      "poissonLikelihood", against 1.0 MarginLosses.poissonLikelihood ]

let lossNames = TheoryData<string>(losses |> List.map fst)

[<Theory; MemberData(nameof lossNames)>]
let ``a loss has its sides' derivatives where pieces meet`` (name: string) =
    meetsItsSides name (Map losses |> Map.find name)

[<Fact>]
let ``bounds that are not in ascending order are an error`` () =
    for low, high in [ 1.0, 0.0; nan, 1.0; 0.0, nan ] do
        let e =
            Assert.Throws<System.ArgumentException>(fun () ->
                Tensor.clip low high (Tensor.scalar 0.5) |> ignore)

        Assert.StartsWith($"clip: the bounds {low} and {high}", e.Message)

[<Fact>]
let ``logAddExp has its Hessian at equal arguments`` () =
    let f (x: Tensor) = Stats.logAddExp x[0] x[1]

    for at in [ -1000.0; 0.0; 3.5 ] do
        let h = hessian f (Tensor.vector [ at; at ]) |> Tensor.toArray<float>
        Assert.Equal<float[]>([| 0.25; -0.25; -0.25; 0.25 |], h)

[<Fact>]
let ``logAddExp loses nothing beside a larger number, and keeps infinities and NaN`` () =
    let value (a: float) (b: float) = number (Stats.logAddExp (Tensor.scalar a) (Tensor.scalar b))
    Assert.Equal(1.0, value 0.0 -40.0 / exp -40.0, 14)
    Assert.Equal(1.0, value -40.0 0.0 / exp -40.0, 14)
    let low, high = -infinity, infinity

    for a, b, expected in
        [ low, low, low
          low, 1.0, 1.0
          high, 1.0, high
          high, low, high
          high, high, high
          nan, 1.0, nan
          nan, low, nan
          nan, high, nan ] do
        Assert.Equal(expected, value a b)
        Assert.Equal(expected, value b a)

/// A Hessian's product with a direction, by reverse mode over a difference of gradients.
let private hasItsHessian (f: Tensor -> Tensor) (x: Tensor) =
    let v = Random.normal (Key.ofSeed 7L) (Tensor.shape x)
    let d = 1e-5
    let difference = (Reverse.gradient f (x + d * v) - Reverse.gradient f (x - d * v)) / (2.0 * d)
    let apart = number (Tensor.max (abs (difference - hvp f x v)))
    Assert.True(apart <= 1e-7 * (1.0 + number (Tensor.max (abs difference))), $"apart by {apart}")

[<Fact>]
let ``sequence and contrastive losses have their Hessians at equal scores`` () =
    let labels, counts = Tensor.ofArray [ 1; 2 ] [| 1; 2 |], Tensor.vector [ 2 ]

    hasItsHessian
        (fun x -> SequenceLosses.ctc 0 x (Tensor.vector [ 4 ]) labels counts)
        (Tensor.zeros Float64 [ 1; 4; 3 ])

    let alike = Tensor.matrix [ [ 1.0; 1.0 ]; [ 1.0; 1.0 ]; [ 1.0; 1.0 ]; [ 1.0; 1.0 ] ]
    hasItsHessian (fun x -> Losses.ntXent 1.0 x (Tensor.vector [ 0; 0; 1; 1 ])) alike

/// Between whole numbers from -20 to 20.
let private betweenWholes =
    gen {
        let! whole = Gen.choose (-20, 19)
        let! share = Gen.choose (1, 99)
        return float whole + float share / 100.0
    }
    |> Arb.fromGen

[<Fact>]
let ``derivatives of digamma step by (-1)^n n! / x^(n+1) from x to x + 1, also below 0`` () =
    forAll betweenWholes (fun at ->
        let mutable factorial = 1.0

        for n in 1..6 do
            factorial <- factorial * float n
            let value (x: float) = number (Tensor.polygamma (Tensor.scalar (float n)) (Tensor.scalar x))
            let step = (if n % 2 = 0 then 1.0 else -1.0) * factorial / at ** float (n + 1)
            let size = abs (value at) + abs (value (at + 1.0)) + abs step
            // Below 0 what is small between poles is a difference of numbers of this size.
            let reflected =
                if at < 0.0 then
                    System.Math.PI ** float (n + 1) * factorial
                else
                    0.0

            Assert.True(
                abs (value at + step - value (at + 1.0)) <= 1e-13 * size + 1e-15 * reflected,
                $"order {n} at {at}"
            ))

[<Fact>]
let ``lgamma has its derivatives below 0, both ways round`` () =
    forAll betweenWholes (fun at ->
        let x = Tensor.scalar at
        let second = Reverse.gradient (Forward.gradient Tensor.lgamma)
        Assert.Equal(number (Tensor.digamma x), number (Reverse.gradient Tensor.lgamma x))
        Assert.Equal(number (Tensor.polygamma (Tensor.scalar 1.0) x), number (second x))
        Assert.Equal(number (Tensor.polygamma (Tensor.scalar 2.0) x), number (Forward.gradient second x)))
