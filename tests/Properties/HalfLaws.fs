module Properties.HalfLaws

open System
open Xunit
open Ad.Checks
open Ad.Functional
open Ad.Tensors

let halves () =
    let data = TheoryData<DType>()
    data.Add Float16
    data.Add BFloat16
    data

let private sizes = { A = 3; B = 4; C = 2 }

let private point seed (inputs: Input list) =
    let random = System.Random(seed: int)
    inputs |> List.map (Catalogue.draw random) |> Array.ofList

let private casts dtype (x: Tensor[]) =
    x |> Array.map (fun t -> if t.DType.IsFloat() then Tensor.cast dtype t else t)

/// The result, or nothing for a form that works in Float64 alone.
let private tried f x =
    try
        Some(Tree.eval (f x): Tensor)
    with :? ArgumentException ->
        None

/// Operations that compute; movement and casts do not, and structures have bodies of many.
let private computing (f: Tensor[] -> Tensor) x =
    Trace.run (fun x -> f x) x (fun trace ->
        Walk.postOrder (fun (t: Tensor) -> ValueSome t.Operands) trace.Outputs
        |> Seq.sumBy (fun struct (t, inputs) ->
            match t.Op with
            | Control _ -> 2
            | op -> if inputs.Length > 0 && not (Op.isFree op) then 1 else 0))

let private forms =
    Catalogue.all
    |> List.collect (fun e -> e.Forms |> List.map (fun form -> e.Name, form sizes))

[<Theory; MemberData(nameof halves)>]
let ``an operation of 16 bits is the rounding of the operation in float32`` (dtype: DType) =
    let mutable exact = 0

    for name, form in forms do
        for seed in 1..5 do
            let x = point seed form.Inputs |> casts dtype

            match tried form.Apply x, tried form.Apply (casts Float32 x) with
            | Some y, Some wide when computing form.Apply x = 1 ->
                exact <- exact + 1

                Assert.True(
                    (y = Tensor.cast y.DType wide),
                    $"{name} ({form.Text}): {y}, but of float32 {wide}"
                )
            | _ -> ()

    Assert.True(exact >= 200, $"{exact} were one operation.")

[<Theory; MemberData(nameof halves)>]
let ``derivatives of 16 bits have its type, and are float32's to what rounding does`` (dtype: DType) =
    let mutable checkedForms = 0

    for name, form in forms do
        let x = point 3 form.Inputs |> casts dtype

        match tried form.Apply x with
        | Some y when y.DType = dtype ->
            let one f (x: Tensor[]) = Tensor.sum (Tensor.cast Float64 (f x: Tensor))
            let wide = casts Float64 x
            let gradient = Reverse.gradient (one form.Apply) x |> Tree.eval

            for t, g in Array.zip x gradient do
                Assert.Equal(t.DType, g.DType)
                Assert.Equal<Shape>(t.Shape, g.Shape)

            match tried form.Apply wide with
            | Some _ ->
                checkedForms <- checkedForms + 1
                // Along one direction, against what rounding each value on the way can do.
                let v = wide |> Array.map (fun t -> if t.DType.IsFloat() then Tensor.onesLike t else t)
                let along x = snd (Forward.jvp form.Apply x v)
                let floats (t: Tensor[]) = t |> Array.filter (fun t -> t.DType.IsFloat())

                let total (parts: Tensor[]) =
                    parts
                    |> Array.map (fun g -> Tensor.sum (Tensor.cast Float64 g))
                    |> Array.fold (+) (Tensor.scalar 0.0)
                    |> Tensor.toScalar

                let found, exact = total (floats gradient), total [| along wide |]
                let size = total (floats gradient |> Array.map abs)

                let slack =
                    dtype.Epsilon()
                    * (8.0 * size + 16.0 * Rounding.spread along wide (Tensor.onesLike (along wide)))

                Assert.True(
                    abs (found - exact) <= slack + 64.0 * Math.ScaleB(1.0, -24)
                    || not (Double.IsFinite found),
                    $"{name} ({form.Text}): {found}, but {exact} in float64, where {slack} is allowed"
                )
            | None -> ()
        | _ -> ()

    Assert.True(checkedForms >= 60, $"{checkedForms} forms took the type.")

[<Theory; MemberData(nameof halves)>]
let ``jit of 16 bits gives the bits of eager`` (dtype: DType) =
    let f (x: Tensor) =
        let y = sin x * exp (-x * x) + Tensor.softmax 0 x
        Tensor.matmul (Tensor.reshape [ 4; 5 ] y) (Tensor.reshape [ 5; 4 ] y)

    let x = Tensor.cast dtype (Random.normal (Key.ofSeed 4L) [ 20 ])
    let eager = Tree.eval (f x)
    Assert.Equal(eager, jit f x)
    Assert.Equal(Tree.eval (grad (f >> Tensor.sum) x), jit (grad (f >> Tensor.sum)) x)

[<Fact>]
let ``numbers take the type, print shortly, and come back as .NET's own`` () =
    let x = Tensor.cast BFloat16 (Tensor.vector [ 1.0; 0.1; -2.5 ])
    Assert.Equal("[1.0, 0.1, -2.5] : bfloat16[3]", string x)
    Assert.Equal("[1.5, 0.6, -2.0] : bfloat16[3]", string (x + 0.5))

    Assert.Equal<float32>(
        [| 1.0f; 0.100097656f; -2.5f |],
        Tensor.toArray<Ad.Numerics.BFloat16> x |> Array.map _.ToSingle()
    )

    let half = Tensor.vector [ Half.One; Half.MaxValue ]
    Assert.Equal(Float16, half.DType)

    Assert.Equal(
        "[1.0, inf] : float16[2]",
        (string (half * half)).Replace("∞", "inf").Replace("Infinity", "inf")
    )

    let error = Assert.Throws<ArgumentException>(fun () -> x + Tensor.cast Float32 x |> ignore)

    Assert.Contains("bfloat16", error.Message)

[<Fact>]
let ``means and softmax of Float16 do not overflow on the way`` () =
    let x = Tensor.full Float16 [ 100_000 ] 60_000.0
    Assert.Equal(Tensor.toScalar (Tensor.fullLike (x[0]) 60_000.0), Tensor.toScalar (Tensor.mean x))
    Assert.Equal(0.0, Tensor.toScalar (Tensor.variance x))

    Assert.Equal(
        1.0,
        Tensor.toScalar (Tensor.sum (Tensor.softmax 0 (Tensor.cast Float16 (Tensor.arange Float64 8)))),
        2
    )

    Assert.Equal(60_000.0, Tensor.toScalar (Tensor.norm (x[..0])), 1e2)

[<Fact>]
let ``gradient checks take 16 bits`` () =
    let x = Tensor.cast BFloat16 (Tensor.vector [ 0.4; 1.3; -0.7 ])

    let report =
        Gradients.checkWith { Gradients.standard with Order = 1 } (fun x -> Tensor.sum (x * x * 3.0)) x

    Assert.True(report.IsPassed, string report)

    let wrong = customVjp (fun (x: Tensor) -> x * x) (fun x g -> 7.0 * g * x) >> Tensor.sum

    Assert.False((Gradients.checkWith { Gradients.standard with Order = 1 } wrong x).IsPassed)
