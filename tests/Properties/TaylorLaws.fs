module Properties.TaylorLaws

open Xunit
open Ad.Checks
open Ad.Functional
open Ad.Tensors

let private close (tolerance: float) (expected: Tensor) (actual: Tensor) =
    Assert.Equal<int list>(Tensor.shape expected, Tensor.shape actual)

    if expected.Count > 0L then
        let apart = Tensor.toScalar (Tensor.max (abs (expected - actual)))
        let size = 1.0 + Tensor.toScalar (Tensor.max (abs expected))
        Assert.True(apart <= tolerance * size, $"expected {expected}, got {actual}")

/// The derivatives along v, by forward mode in forward mode.
let private nested k (f: 'a -> Tensor) (x: 'a) (v: 'a) =
    let along f x = snd (Forward.jvp f x v)
    List.init (k + 1) (fun j -> (Seq.replicate j along |> Seq.fold (fun f step -> step f) f) x)

let entries () =
    let data = TheoryData<string>()

    for entry in Catalogue.all do
        data.Add entry.Name

    data

[<Theory; MemberData(nameof entries)>]
let ``coefficients are nested derivatives over factorials`` (operation: string) =
    let random = System.Random 7

    for form in (Catalogue.find operation).Forms do
        let case = form { A = 2; B = 3; C = 2 }
        let x = case.Inputs |> List.map (Catalogue.draw random) |> Array.ofList

        let v = x |> Array.map (fun t -> if t.DType.IsFloat() then Tensor.cos (t * 1.7) else t)

        let expected = nested 3 case.Apply x v

        List.zip expected (taylor 3 case.Apply x v)
        |> List.iteri (fun j (e, c) -> close 1e-9 (e / float (Seq.fold (*) 1 [ 1..j ])) c)

[<Fact>]
let ``the series of known functions are theirs`` () =
    let zero, one = Tensor.scalar 0.0, Tensor.scalar 1.0
    let series f x = taylor 10 f x one |> List.map Tensor.toScalar
    let factorial n = Seq.fold (*) 1.0 (Seq.map float [ 1..n ])

    let same expected actual =
        List.iter2 (fun (e: float) (a: float) -> Assert.Equal(e, a, 12)) expected actual

    same [ for n in 0..10 -> 1.0 / factorial n ] (series exp zero)

    same
        [ for n in 0..10 ->
              if n % 2 = 0 then
                  0.0
              else
                  (if n % 4 = 1 then 1.0 else -1.0) / factorial n ]
        (series sin zero)

    same
        [ for n in 0..10 ->
              if n = 0 then
                  0.0
              else
                  (if n % 2 = 1 then 1.0 else -1.0) / float n ]
        (series log one)

    same
        [ for n in 0..10 ->
              if n % 2 = 0 then
                  0.0
              else
                  (if n % 4 = 1 then 1.0 else -1.0) / float n ]
        (series atan zero)

    same [ for _ in 0..10 -> 1.0 ] (series (fun x -> 1.0 / (1.0 - x)) zero)

[<Fact>]
let ``a jet goes along a curved path`` () =
    // sin (t^2 + t) has the derivatives of the composition.
    let t = Tensor.scalar 0.0
    let path = [ Tensor.scalar 0.0; Tensor.scalar 1.0; Tensor.scalar 1.0 ]
    let expected = taylor 6 (fun t -> sin (t * t + t)) t (Tensor.scalar 1.0)
    List.iter2 (close 1e-14) expected (jet 6 sin path)

[<Fact>]
let ``the work grows with the square of the order, not as a power of two`` () =
    let f (x: Tensor) = Seq.fold (fun y _ -> sin (y * x) + exp (-y)) x [ 1..5 ]
    let x = Tensor.scalar 0.3

    let work k =
        let _, cost = Cost.measure (fun () -> taylor k f x (Tensor.scalar 1.0))
        float cost.Flops

    Assert.True(work 16 <= 5.0 * work 8, $"{work 16} against {work 8}")

[<Fact>]
let ``a series maps, compiles and is differentiated`` () =
    let third x = List.item 3 (taylor 3 (fun x -> exp (sin x)) x (Tensor.onesLike x))
    let x = Tensor.vector [ 0.1; 0.7; -0.4 ]
    close 1e-15 (third x) (jit third x)
    close 1e-15 (third x) (vmap third x)

    close
        1e-13
        (4.0 * List.item 4 (taylor 4 (fun x -> exp (sin x)) x (Tensor.onesLike x)))
        (snd (Forward.jvp third x (Tensor.onesLike x)))
