module Properties.ScalarLaws

open FsCheck.FSharp
open Xunit
open Ad.Checks
open Ad.Functional.Scalar
open Properties.Generators
open Properties.ScalarFunctions

let unaryNames = TheoryData<string>(Map.keys unary)
let severalNames = TheoryData<string>(Map.keys several)

let private near tolerance (exact: float) (other: float) =
    abs (exact - other) <= tolerance * (1.0 + abs exact + abs other)
    |> Prop.label $"{exact} against {other}"

let private all ulps (xs: float seq) (ys: float seq) =
    Seq.forall2 (Close.within ulps) xs ys
    |> Prop.label $"{List.ofSeq xs} against {List.ofSeq ys}"

/// Points at which the functions of several numbers are smooth.
let private points =
    Gen.map3
        (fun a b c -> [| a; b; c |])
        (floatIn 0.7 0.85).Generator
        (floatIn 1.1 1.3).Generator
        (floatIn 1.4 1.6).Generator
    |> Arb.fromGen

[<Theory; MemberData(nameof unaryNames)>]
let ``a function of duals and of adjoints has the value of the plain function`` name =
    let { Low = low; High = high; F = f } = unary[name]

    Check.forAll (floatIn low high) (fun x ->
        let y = f.Invoke x

        all
            0
            [ y; y ]
            [ fst (Forward.valueAndDerivative f.Invoke x)
              fst (Reverse.valueAndDerivative f.Invoke x) ])

[<Theory; MemberData(nameof unaryNames)>]
let ``forward and reverse agree to 4 ulp`` name =
    let { Low = low; High = high; F = f } = unary[name]

    Check.forAll (floatIn low high) (fun x ->
        all 4 [ Forward.derivative f.Invoke x ] [ Reverse.derivative f.Invoke x ])

[<Theory; MemberData(nameof unaryNames)>]
let ``a derivative agrees with an extrapolated central difference`` name =
    let { Low = low; High = high; F = f } = unary[name]

    Check.forAll (floatIn low high) (fun x -> near 1e-7 (Forward.derivative f.Invoke x) (numeric f.Invoke x))

[<Theory; MemberData(nameof unaryNames)>]
let ``a second derivative agrees with the central difference of the first`` name =
    let { Low = low; High = high; F = f } = unary[name]
    let second = Generic.derivative 2 f
    Check.forAll (floatIn low high) (fun x -> near 1e-7 (second x) (numeric (Forward.derivative f.Invoke) x))

[<Theory; MemberData(nameof unaryNames)>]
let ``the four nestings of second order agree to 4 ulp`` name =
    let { Low = low; High = high; F = f } = unary[name]

    Check.forAll (floatIn low high) (fun x ->
        let forward = Forward.derivative (Forward.derivative f.Invoke) x

        all
            4
            [ forward; forward; forward ]
            [ Forward.derivative (Reverse.derivative f.Invoke) x
              Reverse.derivative (Forward.derivative f.Invoke) x
              Reverse.derivative (Reverse.derivative f.Invoke) x ])

[<Theory; MemberData(nameof severalNames)>]
let ``forward and reverse gradients agree to 4 ulp`` name =
    let f = several[name]
    Check.forAll points (fun xs -> all 4 (Forward.gradient f.Invoke xs) (Reverse.gradient f.Invoke xs))

[<Theory; MemberData(nameof severalNames)>]
let ``each partial derivative agrees with an extrapolated central difference`` name =
    let f = several[name]

    Check.forAll points (fun xs ->
        let partial i = numeric (fun x -> f.Invoke(Array.updateAt i x xs)) xs[i]

        Seq.map2 (near 1e-7) (Reverse.gradient f.Invoke xs) (Seq.init xs.Length partial)
        |> Seq.reduce (.&.))

[<Theory; MemberData(nameof severalNames)>]
let ``the four hessians agree and are symmetric`` name =
    let f = several[name]
    let flat (h: float array2d) = h |> Seq.cast<float> |> Array.ofSeq

    Check.forAll points (fun xs ->
        let h = Forward.hessian f.Invoke xs

        let others =
            [ Reverse.hessian f.Invoke xs
              Reverse.jacobian (Forward.gradient f.Invoke) xs
              Reverse.jacobian (Reverse.gradient f.Invoke) xs
              Array2D.init 3 3 (fun i j -> h[j, i]) ]

        others
        |> List.map (fun other -> Seq.map2 (near 1e-14) (flat h) (flat other) |> Seq.reduce (.&.))
        |> List.reduce (.&.))

/// From three numbers to two.
let inline private mixed (x: ^T array) : ^T array =
    [| x[0] * sin x[1] + exp x[2]; x[0] / x[1] - x[2] ** x[0] |]

[<Fact>]
let ``jacobians agree, rows from reverse and columns from forward`` () =
    Check.forAll points (fun xs ->
        all 4 (Seq.cast<float>(Forward.jacobian mixed xs)) (Seq.cast<float>(Reverse.jacobian mixed xs)))

[<Theory; MemberData(nameof severalNames)>]
let ``four tangents at a time are the same bits as one`` name =
    let f = several[name]

    Check.forAll points (fun xs -> all 0 (Forward.gradient f.Invoke xs) (Chunked.gradient f.Invoke xs))

[<Fact>]
let ``a chunked jacobian has a column for every input`` () =
    let f (xs: Dual4 array) = [| Array.sum xs; xs[0] * xs[8] |]
    let j = Chunked.jacobian f [| 1.0 .. 9.0 |]
    Assert.Equal<float>([| for _ in 1..9 -> 1.0 |], j[0, *])
    Assert.Equal<float>([| 9.0; 0.0; 0.0; 0.0; 0.0; 0.0; 0.0; 0.0; 1.0 |], j[1, *])

[<Fact>]
let ``the pullback is the transpose of the pushforward`` () =
    Check.forAll points (fun xs ->
        let v, w = [| 0.3; -1.2; 0.7 |], [| 2.0; -0.4 |]
        let y, dy = Forward.jvp mixed xs v
        let y', pullback = Reverse.vjp mixed xs
        let dot a b = Array.fold2 (fun sum a b -> sum + a * b) 0.0 a b
        all 0 y y' .&. near 1e-14 (dot w dy) (dot (pullback w) v))

[<Fact>]
let ``a pullback gives the same answer every time it is called`` () =
    let _, pullback = Reverse.vjp mixed [| 0.7; 1.2; 1.5 |]
    Assert.Equal<float>(pullback [| 1.0; 2.0 |], pullback [| 1.0; 2.0 |])

[<Fact>]
let ``hvp is the hessian times the direction`` () =
    let f = several["pow"]

    Check.forAll points (fun xs ->
        let v = [| 0.3; -1.2; 0.7 |]
        let h = Forward.hessian f.Invoke xs
        let _, hv = Reverse.hvp f.Invoke xs v

        Seq.map2 (near 1e-13) hv (Seq.init 3 (fun i -> Seq.sum (Seq.init 3 (fun j -> h[i, j] * v[j]))))
        |> Seq.reduce (.&.))

[<Fact>]
let ``the derivative of exp is exp, to any order`` () =
    Check.forAll (floatIn -2.0 2.0) (fun x ->
        all 4 [ for order in 1..6 -> Generic.derivative order unary["exp"].F x ] (Seq.replicate 6 (exp x)))

[<Fact>]
let ``the product rule holds`` () =
    Check.property (fun (Ordinary x) ->
        near 1e-14 (Forward.derivative (fun x -> sin x * exp x) x) (cos x * exp x + sin x * exp x))

[<Fact>]
let ``inline functions take generic literals`` () =
    let inline f x = 2G * x * x + real 0.5 * x
    Check.property (fun (Ordinary x) -> near 1e-14 (Forward.derivative f x) (4.0 * x + 0.5))
    Assert.Equal(4.0, Forward.derivative (Reverse.derivative f) 1.0)
