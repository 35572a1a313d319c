module Properties.TransformLaws

open Xunit
open FsCheck.FSharp
open Ad.Checks
open Ad.Functional
open Properties.Generators

let private close (tolerance: float) (expected: Tensor) (actual: Tensor) =
    Assert.Equal<int list>(Tensor.shape expected, Tensor.shape actual)
    let apart = Tensor.toScalar (Tensor.max (abs (expected - actual)))
    let size = 1.0 + Tensor.toScalar (Tensor.max (abs expected))
    Assert.True(apart <= tolerance * size, $"expected {expected}, got {actual}")

let private points seed n = Random.normal (Key.ofSeed (int64 seed)) [ n ] |> Tensor.eval

/// A random smooth function of a vector, built from the seed: a small graph with sharing.
let randomFunction (seed: int) : Tensor -> Tensor =
    let random = System.Random seed

    let unary: (Tensor -> Tensor)[] =
        [| sin
           cos
           tanh
           Tensor.sigmoid
           (fun x -> exp (0.3 * x))
           (fun x -> x * x)
           Tensor.softplus |]

    let binary: (Tensor -> Tensor -> Tensor)[] = [| (+); (-); (*); (fun a b -> a / (2.0 + b * b)) |]

    let plan =
        Array.init 6 (fun i ->
            random.Next unary.Length, random.Next binary.Length, random.Next(i + 1), random.Next(i + 1))

    fun x ->
        let mutable known = [| x |]

        for u, b, i, j in plan do
            known <- Array.append known [| unary[u](binary[b] known[i] known[j]) |]

        Tensor.sum known[known.Length - 1]

[<Fact>]
let ``the gradient is the same in both modes for random functions`` () =
    for seed in 1..100 do
        let f = randomFunction seed
        let x = points seed 4

        let forward, reverse =
            Tensor.toArray<float>(Forward.gradient f x), Tensor.toArray<float>(Reverse.gradient f x)

        // Four units in the last place of the largest component: the smaller ones are differences of such.
        let unit =
            System.Math.BitIncrement(Array.max (Array.map abs reverse))
            - Array.max (Array.map abs reverse)

        Array.iter2
            (fun a b ->
                Assert.True(abs (a - b) <= 4.0 * unit, $"function {seed}: {a:R} forward, {b:R} reverse"))
            forward
            reverse

[<Fact>]
let ``the chain rule holds for compositions`` () =
    for seed in 1..30 do
        let g x = sin x * Tensor.softplus x
        let f x = tanh x + x * x
        let x, v = points seed 3, points (seed + 1000) 3
        let _, whole = Forward.jvp (g >> f) x v
        let y, jv = Forward.jvp g x v
        let _, parts = Forward.jvp f y jv
        close 1e-14 whole parts

[<Fact>]
let ``a fan-out adds up both partial derivatives`` () =
    let f (x: Tensor, y: Tensor) = sin x * exp y
    let x = Tensor.scalar 0.7
    let dx, dy = Reverse.gradient f (x, x)
    close 1e-15 (dx + dy) (Reverse.gradient (fun x -> f (x, x)) x)

[<Fact>]
let ``jvp is linear in the direction, and vjp in the cotangent`` () =
    let f x = Tensor.stack 0 [ Tensor.sum (sin x); Tensor.prod x ]
    let x, u, v = points 1 3, points 2 3, points 3 3
    let push v = snd (Forward.jvp f x v)
    close 1e-14 (2.0 * push u + push v) (push (2.0 * u + v))
    let _, pull = Reverse.vjp f x
    let a, b = points 4 2, points 5 2
    close 1e-14 (2.0 * pull a + pull b) (pull (2.0 * a + b))

[<Fact>]
let ``a pullback is a value: used again it gives the same, from any thread`` () =
    let x = points 9 50
    let _, pull = Reverse.vjp (fun x -> sin x * x) x
    let g = points 10 50
    let first = pull g |> Tensor.toArray<float>
    let others = Array.Parallel.init 8 (fun _ -> pull g |> Tensor.toArray<float>)
    Assert.All(others, fun other -> Assert.Equal<float[]>(first, other))

[<Fact>]
let ``Jacobians agree in both modes and have the shape of the result, then of the input`` () =
    let f (x: Tensor) = Tensor.matmul x (Tensor.transpose x) |> sin
    let x = points 3 6 |> Tensor.reshape [ 2; 3 ]
    Assert.Equal<int list>([ 2; 2; 2; 3 ], Tensor.shape (Forward.jacobian f x))
    close 1e-14 (Forward.jacobian f x) (Reverse.jacobian f x)
    close 1e-14 (Forward.jacobian f x) (jacobian f x)

[<Fact>]
let ``the Jacobian of a linear map is its matrix, and its Hessian is zero`` () =
    let m = points 7 6 |> Tensor.reshape [ 2; 3 ]
    let x = points 8 3
    close 1e-15 m (jacobian (Tensor.matmul m) x)
    close 0.0 (Tensor.zeros Float64 [ 3; 3 ]) (hessian (fun x -> Tensor.sum (Tensor.matmul m x)) x)

[<Fact>]
let ``the Hessian is symmetric, and hvp is its product with a vector`` () =
    for seed in 1..10 do
        let f = randomFunction seed
        let x, v = points seed 4, points (seed + 50) 4
        let h = hessian f x
        close 1e-12 h (Tensor.transpose h)
        close 1e-12 (Tensor.matmul h v) (hvp f x v)

[<Fact>]
let ``the Gauss-Newton product is J' H J v`` () =
    let f (x: Tensor) = Tensor.stack 0 [ x[0] * x[1]; sin x[0]; x[1] ** 3.0 ]
    let loss (y: Tensor) = Tensor.sum (exp y)
    let x, v = points 1 2, points 2 2
    let j = jacobian f x
    let h = hessian loss (f x)

    close
        1e-13
        (Tensor.matmul (Tensor.transpose j) (Tensor.matmul h (Tensor.matmul j v)))
        (gaussNewtonVp loss f x v)

[<Fact>]
let ``laplacian, divergence and curl are what they are of known fields`` () =
    let x = Tensor.vector [ 1.0; 2.0; 3.0 ]
    close 1e-14 (Tensor.scalar (6.0 + 12.0 + 18.0)) (laplacian (fun x -> Tensor.sum (x ** 3.0)) x)
    close 1e-14 (Tensor.scalar 12.0) (divergence (fun x -> x * x) x)
    let rotation (x: Tensor) = Tensor.stack 0 [ -x[1]; x[0]; 0.0 * x[2] ]
    close 1e-15 (Tensor.vector [ 0.0; 0.0; 2.0 ]) (curl rotation x)
    close 1e-15 (Tensor.vector [ 0.0; 0.0; 0.0 ]) (curl (Reverse.gradient (fun x -> Tensor.prod x)) x)

[<Fact>]
let ``a derivative of a scalar function has the shape of its result`` () =
    let f (t: Tensor) =
        {| Position = Tensor.stack 0 [ cos t; sin t ]
           Height = 2.0 * t |}

    let d = Forward.derivative f (Tensor.scalar 0.0)
    close 1e-15 (Tensor.vector [ 0.0; 1.0 ]) d.Position
    close 0.0 (Tensor.scalar 2.0) d.Height

[<Fact>]
let ``the auxiliary result is carried along and has no derivative`` () =
    let f (x: Tensor) =
        Tensor.sum (x * x),
        {| Norm = Tensor.norm x
           Label = "seen" |}

    let (y, aux), g = Reverse.valueAndGradientAux f (Tensor.vector [ 3.0; 4.0 ])
    Assert.Equal(25.0, Tensor.toScalar y)
    Assert.Equal(5.0, Tensor.toScalar aux.Norm)
    Assert.Equal("seen", aux.Label)
    close 0.0 (Tensor.vector [ 6.0; 8.0 ]) g

[<Fact>]
let ``nothing flows through stopGradient, in either mode and at any order`` () =
    let f x = Tensor.stopGradient x * x
    let x = Tensor.scalar 3.0
    Assert.Equal(3.0, Tensor.toScalar (Reverse.gradient f x))
    Assert.Equal(3.0, Tensor.toScalar (Forward.gradient f x))
    Assert.Equal(0.0, Tensor.toScalar (hessian f x))

[<Fact>]
let ``jit gives what the plain function gives, whatever the structure of its argument`` () =
    let f
        (x:
            {| A: Tensor
               B: Tensor list
               Power: int |})
        =
        let total = x.B |> List.fold (fun sum b -> sum + x.A * b ** x.Power) x.A
        {| Total = total; Count = x.B.Length |}

    let fast = jit f

    for count in 0..3 do
        for power in 1..2 do
            let x =
                {| A = points 1 3
                   B = List.init count (fun i -> points i 3)
                   Power = power |}

            let plain, jitted = f x, fast x
            close 0.0 plain.Total jitted.Total
            Assert.Equal(count, jitted.Count)

[<Fact>]
let ``jit inside a transform, and a transform inside jit, differentiate as if it were not there`` () =
    let f x = Tensor.sum (sin x * x)
    let x = points 4 3
    close 0.0 (Reverse.gradient f x) (Reverse.gradient (jit f) x)
    close 1e-15 (Reverse.gradient f x) (jit (Reverse.gradient f) x)
    let closing = Reverse.gradient (fun a -> Tensor.sum (jit (fun b -> a * b) x)) x
    close 0.0 x closing

[<Fact>]
let ``asking for a value inside jit is an error that says what to do`` () =
    let f (x: Tensor) = if Tensor.toScalar x > 0.0 then x else -x
    let error = Assert.Throws<System.InvalidOperationException>(fun () -> jit f (Tensor.scalar 1.0) |> ignore)
    Assert.Contains("jit", error.Message)

[<Fact>]
let ``host control flow is differentiated along the branch taken`` () =
    let rec collatz (x: Tensor) =
        if Tensor.toScalar x > 10.0 then
            x * x
        else
            collatz (x * 2.0)

    Assert.Equal(2.0 * 12.0 * 4.0, Tensor.toScalar (Reverse.gradient collatz (Tensor.scalar 3.0)))
    Assert.Equal(2.0 * 12.0 * 4.0, Tensor.toScalar (Forward.gradient collatz (Tensor.scalar 3.0)))
    Assert.Equal(2.0 * 16.0, Tensor.toScalar (hessian collatz (Tensor.scalar 3.0)))

[<Fact>]
let ``a rule by hand of several results is asked once, in either mode and under vmap`` () =
    let mutable asked = 0

    let both =
        customVjp (fun (x: Tensor, y: Tensor) -> x * y, x + y) (fun (x, y) (g, h) ->
            asked <- asked + 1
            g * y + h, g * x + h)

    let f x = let a, b = both x in a * b
    let at x y = Tensor.vector [ (x: float); y ], Tensor.vector [ y; x ]
    let scalar = Tensor.scalar 2.0, Tensor.scalar 3.0
    Assert.Equal((Tensor.scalar 21.0, Tensor.scalar 16.0), grad f scalar)
    Assert.Equal(1, asked)
    Assert.Equal((Tensor.vector [ 21.0; 16.0 ], Tensor.vector [ 16.0; 21.0 ]), vmap (grad f) (at 2.0 3.0))
    Assert.Equal(2, asked)

    let pushed =
        customJvp (fun (x: Tensor, y: Tensor) -> x * y, x + y) (fun (x, y) (v, w) ->
            asked <- asked + 1
            v * y + w * x, v + w)

    let g x = let a, b = pushed x in a * b
    Assert.Equal(Tensor.scalar 37.0, snd (Forward.jvp g scalar (Tensor.scalar 1.0, Tensor.scalar 1.0)))
    Assert.Equal(3, asked)
    Assert.Equal((Tensor.scalar 21.0, Tensor.scalar 16.0), grad g scalar)
    Assert.Equal(4, asked)

[<Fact>]
let ``a rule by hand that gives other shapes or types is refused`` () =
    let refused f = (Assert.Throws<System.ArgumentException>(fun () -> f () |> ignore)).Message
    let x = Tensor.vector [ 1.0; 2.0 ]
    let pulled = customVjp Tensor.sum (fun _ g -> g)
    let pushed = customJvp Tensor.sum (fun _ v -> v)
    let single = customJvp Tensor.sum (fun _ v -> Tensor.cast Float32 (Tensor.sum v))
    Assert.Contains("customVjp: the rule's cotangent is float64[]", refused (fun () -> grad pulled x))
    Assert.Contains("customVjp", refused (fun () -> Forward.jvp pulled x x))
    Assert.Contains("customJvp: the rule's tangent is float64[2]", refused (fun () -> Forward.jvp pushed x x))
    Assert.Contains("customJvp", refused (fun () -> grad pushed x))
    Assert.Contains("float32", refused (fun () -> Forward.jvp single x x))

/// A function of trees in which every leaf of the result depends on every leaf of the argument in its own way.
let private mixed (a: Tensor, (b: Tensor, n: Tensor)) =
    let both = Tensor.matmul a b
    [ sin both; Tensor.sum (a * a) * b[0]; Tensor.cast Float64 n * both[0] ]

[<Fact>]
let ``the Jacobian of trees has a block for each pair of tensors, in either mode`` () =
    let a = Tensor.reshape [ 2; 3 ] (points 51 6)
    let b, n = points 52 3, Tensor.scalar 4

    for wide in [ false; true ] do
        // With the results summed up they are fewer than the arguments, and go through in reverse.
        let f x = if wide then mixed x |> List.map Tensor.sum else mixed x

        let blocks = jacobianTree f (a, (b, n))
        Assert.Equal(3, blocks.Length)

        blocks
        |> List.iteri (fun i (ofA, (ofB, ofN)) ->
            close 1e-13 (Forward.jacobian (fun a -> List.item i (f (a, (b, n)))) a) ofA
            close 1e-13 (Forward.jacobian (fun b -> List.item i (f (a, (b, n)))) b) ofB
            Assert.Equal<int list>(Tensor.shape (List.item i (f (a, (b, n)))), Tensor.shape ofN)
            Assert.Equal(0.0, Tensor.toScalar (Tensor.sum (abs ofN))))

[<Fact>]
let ``the Hessian of a tree has symmetric blocks, which are those of the Hessian of all elements`` () =
    let f (a: Tensor, b: Tensor) = Tensor.sum (sin (a * Tensor.sum b)) + Tensor.prod b
    let a, b = points 53 2, points 54 3
    let all = hessian (fun x -> f (x[0..1], x[2..4])) (Tensor.concat 0 [ a; b ])

    match hessianTree f (a, b) with
    | [ aa, ab; ba, bb ] ->
        close 1e-13 all[0..1, 0..1] aa
        close 1e-13 all[0..1, 2..4] ab
        close 1e-13 all[2..4, 0..1] ba
        close 1e-13 all[2..4, 2..4] bb
    | blocks -> Assert.Fail $"{blocks.Length} rows of blocks"

[<Fact>]
let ``trees without elements have blocks without elements`` () =
    let none = Tensor.zeros Float64 [ 0 ]

    Assert.Equal<int list>(
        [ 2; 0 ],
        Tensor.shape (jacobianTree (fun x -> Tensor.vector [ 1.0; 2.0 ] + Tensor.sum x) none).Head
    )

    Assert.Equal<int list>(
        [ 0; 2 ],
        Tensor.shape (jacobianTree (fun (x: Tensor) -> none * Tensor.sum x) (points 1 2)).Head
    )
