/// The same programs on a CUDA device, which the host plays: the kernels' own source, compiled by g++ and run block by block.
[<Xunit.Collection("Cuda")>]
module Properties.CudaLaws

open System
open Xunit
open HostCuda
open Ad.Checks
open Ad.Functional
open Ad.Tensors

let private needed () =
    Assert.SkipUnless(Hosted.IsThere, Hosted.Missing)
    Hosted.Install()

let private sizes = { A = 3; B = 4; C = 2 }

/// Numbers where an operation wants them.
let private drawn (seed: int) (input: Input) : Tensor =
    let random = System.Random seed
    let count = List.fold (*) 1 input.Shape
    let between low high = low + (high - low) * random.NextDouble()
    let floats make = Tensor.ofArray input.Shape (Array.init count make)

    match input.Domain with
    | Between(low, high) -> floats (fun _ -> between low high)
    | Outside(gap, high) -> floats (fun _ -> (if random.Next 2 = 0 then -1.0 else 1.0) * between gap high)
    | NearWhole offset -> floats (fun _ -> float (random.Next(-2, 3)) + offset + between -0.3 0.3)
    | Apart parity ->
        let order = Array.init count float
        random.Shuffle order
        Tensor.ofArray input.Shape (order |> Array.map (fun i -> 0.1 * i + 0.05 * float parity))
    | Index limit -> Tensor.ofArray input.Shape (Array.init count (fun _ -> random.Next limit))
    | Choice -> Tensor.ofArray input.Shape (Array.init count (fun _ -> random.Next 2 = 0))

/// All forms of the catalogue.
let private forms =
    [| for entry in Catalogue.all do
           for form in entry.Forms do
               entry.Name, form sizes |]

/// The value of a form, its tangent, and its inputs' cotangents.
let private everything (case: Case) (x: Tensor[]) : Tensor[] =
    let weights (y: Tensor) = Tensor.cos (Tensor.reshape y.Shape (Tensor.arange y.DType (int y.Count)))
    let isFloat = x |> Array.map _.DType.IsFloat()

    let value = case.Apply x

    if not (value.DType.IsFloat()) then
        [| value |]
    else
        let tangents = x |> Array.map (fun t -> if t.DType.IsFloat() then weights t else t)
        let _, tangent = Forward.jvp case.Apply x tangents

        let reverse =
            try
                let _, pullback = Reverse.vjp case.Apply x

                pullback (weights value)
                |> Array.zip isFloat
                |> Array.filter fst
                |> Array.map snd
            with :? ArgumentException ->
                // A while loop has no reverse mode.
                [||]

        Array.append [| value; tangent |] reverse

let private near (name: string) (expected: Tensor) (actual: Tensor) =
    Assert.Equal<int seq>(expected.Shape, actual.Shape)

    match expected.DType with
    | DType.Float64 ->
        let a, b = Tensor.toArray<float> expected, Tensor.toArray<float> actual

        let scale =
            a
            |> Array.fold (fun m x -> if Double.IsFinite x then max m (abs x) else m) 1e-300

        for i in 0 .. a.Length - 1 do
            let isNear = Close.within 64 a[i] b[i] || abs (a[i] - b[i]) <= 1e-13 * scale
            Assert.True(isNear, $"{name}: element {i} is {b[i]:R} on cuda, {a[i]:R} on the host.")
    | _ -> Assert.Equal(expected, actual)

[<Fact>]
let ``every form of the catalogue has the host's value and derivatives in both modes`` () =
    needed ()
    let cuda = Cuda 0

    let rows =
        [| for i in 0 .. forms.Length - 1 do
               let name, case = forms[i]

               let x =
                   case.Inputs
                   |> List.mapi (fun j input -> drawn (17 * i + j) input)
                   |> Array.ofList

               let there = x |> Array.map (Tensor.onDevice cuda)
               name, case, x, Tree.eval there |]

    let traced =
        rows
        |> Array.choose (fun (_, case, _, there) -> Jit.trace (everything case) there there)

    Hosted.CompileTogether(traced |> Array.map (fun c -> Hosted.SourceOf(cuda, c.Program)))

    for name, case, x, there in rows do
        let expected, actual = jit (everything case) x, jit (everything case) there

        for e, a in Array.zip expected actual do
            near $"{name} ({case.Text})" e a

        Assert.All(actual, fun a -> Assert.Equal("cuda:0", a.Device.Name))

[<Fact>]
let ``un-jitted and jitted programs have the same bits`` () =
    needed ()
    let x = Tensor.onDevice (Cuda 0) (Random.normal (Key.ofSeed 1L) [ 5; 7 ])
    let f (x: Tensor) = Tensor.sum (Tensor.softmax 1 (Tensor.matmul x (Tensor.transpose x)) * 3.0)
    Assert.Equal(Reverse.gradient f x, jit (Reverse.gradient f) x)

[<Fact>]
let ``a moved tensor says where it is, and the host's go with it`` () =
    needed ()
    let x = Tensor.vector [ 1.0; 2.0; 3.0 ]
    Assert.Equal("cpu", x.Device.Name)
    let moved = Tensor.onDevice (Cuda 0) x
    Assert.Equal("cuda:0", moved.Device.Name)
    Assert.True(obj.ReferenceEquals(moved, Tensor.onDevice (Cuda 0) moved))
    let y = moved * x + Tensor.scalar 0.5
    Assert.Equal("cuda:0", y.Device.Name)
    Assert.Equal(x * x + 0.5, y)
    Assert.Equal("[1.5, 4.5, 9.5] : float64[3]", string y)
    let back = Tensor.onDevice Cpu y
    Assert.Equal("cpu", back.Device.Name)
    Assert.Equal(y, back)

[<Fact>]
let ``tensors moved to two devices do not meet`` () =
    needed ()
    Assert.SkipUnless(Hosted.Count > 1, "There is one device only.")
    let a, b = Tensor.onDevice (Cuda 0) (Tensor.scalar 1.0), Tensor.onDevice (Cuda 1) (Tensor.scalar 2.0)
    let error = Assert.Throws<ArgumentException>(fun () -> a * b |> ignore)

    Assert.Equal(
        "multiply: the tensors are on cuda:0 and cuda:1; move one with Tensor.onDevice.",
        error.Message
    )

    Assert.Equal(2.0, Tensor.toScalar (Tensor.onDevice (Cuda 1) a * b))

[<Fact>]
let ``the derivative of a move is the move back`` () =
    needed ()
    let x = Tensor.vector [ 0.3; -1.2 ]
    let f (x: Tensor) = Tensor.sum (sin (Tensor.onDevice (Cuda 0) (x * x)))
    let g = Reverse.gradient f x
    Assert.Equal("cpu", g.Device.Name)
    near "reverse" (2.0 * x * cos (x * x)) g
    near "forward" g (Forward.gradient f x)
    // A move inside jit leaves it un-jitted, with the same result.
    near "jit" g (jit (Reverse.gradient f) x)
    let h = hvp f x (Tensor.vector [ 1.0; 0.5 ])
    near "second" (hvp (fun x -> Tensor.sum (sin (x * x))) x (Tensor.vector [ 1.0; 0.5 ])) h

[<Fact>]
let ``what goes anywhere is made where it is moved to, inside jit as well`` () =
    needed ()
    let f (x: Tensor) = Tensor.onDevice (Cuda 0) (Tensor.ones Float64 [ 2 ] + Tensor.scalar 1.0) * x
    let x = Tensor.onDevice (Cuda 0) (Tensor.vector [ 3.0; 4.0 ])
    Assert.Equal(Tensor.vector [ 6.0; 8.0 ], jit f x)
    Assert.True((Jit.trace f x [| x |]).IsSome)
    let onHost (x: Tensor) = Tensor.onDevice Cpu (x + 1.0) * x
    Assert.Equal(Tensor.vector [ 2.0; 6.0 ], jit onHost (Tensor.vector [ 1.0; 2.0 ]))
    Assert.Equal(Tensor.vector [ 2.0; 6.0 ], onHost (Tensor.vector [ 1.0; 2.0 ]))

[<Fact>]
let ``a move inside a loop is refused`` () =
    needed ()
    let step (s: Tensor) (x: Tensor) = s + Tensor.onDevice (Cuda 0) x, s

    let error =
        Assert.Throws<ArgumentException>(fun () ->
            scan step (Tensor.scalar 0.0) (Tensor.vector [ 1.0 ])
            |> fst
            |> Tensor.eval
            |> ignore)

    Assert.Contains(
        "a function that is traced runs on one device; move its arguments to cuda:0 instead.",
        error.Message
    )

[<Fact>]
let ``the same key gives the same numbers on every device`` () =
    needed ()

    let draw (key: Key) =
        let keys = Key.split 3 key

        [| Random.uniformOf Float32 keys[0] [ 33 ]
           Random.uniformOf Float64 keys[1] [ 33 ]
           Random.uniformOf Float64 (Key.foldIn 7 keys[2]) [ 5 ] |]

    let key = Key.ofSeed 42L
    let there = { Words = Tensor.onDevice (Cuda 0) key.Words }
    Assert.All(Array.zip (draw key) (draw there), fun (a, b) -> Assert.Equal(a, b))
    let there = draw there
    Assert.Equal("cuda:0", there[0].Device.Name)

[<Fact>]
let ``an optimizer's state lives where the parameters live, and steps as on the host`` () =
    needed ()
    let optimizer = Optimizer.adam 1e-2
    let loss (p: Tensor) = Tensor.sum (Tensor.square (p - 1.0) * Tensor.exp p)

    let run (p: Tensor) =
        let step = jit (fun (p, s) -> Optimizer.step optimizer (Reverse.gradient loss p) s p)
        Seq.fold (fun state _ -> step state) (p, optimizer.Init p) (seq { 1..20 })

    let start = Tensor.vector [ 0.1; -0.4; 2.0 ]
    let p, _ = run start
    let q, state = run (Tensor.onDevice (Cuda 0) start)
    near "parameters" p q
    Assert.All(Tree.leaves state, fun t -> Assert.Equal("cuda:0", t.Device.Name))

[<Fact>]
let ``a learning rate on the host works with parameters on the device`` () =
    needed ()
    let p = Tensor.onDevice (Cuda 0) (Tensor.vector [ 1.0; 2.0 ])

    let step =
        jit (fun (p: Tensor, rate: Tensor) -> p - rate * Reverse.gradient (fun p -> Tensor.sum (p * p)) p)

    Assert.Equal(Tensor.vector [ 0.8; 1.6 ], step (p, Tensor.scalar 0.1))

[<Fact>]
let ``an error that a kernel finds is the host's, and comes when the value is read`` () =
    needed ()
    let x = Tensor.onDevice (Cuda 0) (Tensor.vector [ 1.0; 2.0 ])
    let taken = Tensor.take 0 (Tensor.vector [ 1; 5 ]) x
    let later = Tensor.eval (taken * 2.0)

    for read in [ taken; later; later + 1.0; taken ] do
        let error = Assert.Throws<TensorException>(fun () -> Tensor.toArray<float> read |> ignore)

        Assert.StartsWith(
            "The operation take has index 5 for axis 0, whose size is 2. It shows late,",
            error.Message
        )

    let whole = Tensor.onDevice (Cuda 0) (Tensor.vector [ 1; 2 ])

    Assert.Throws<DivideByZeroException>(fun () -> printfn $"{whole / Tensor.vector [ 1; 0 ]}")
    |> ignore
    // The device goes on.
    Assert.Equal(Tensor.vector [ 2.0; 4.0 ], x * 2.0)

[<Fact>]
let ``memory stays flat over ten thousand steps`` () =
    needed ()
    let device = Cuda 0
    let p = Tensor.onDevice device (Tensor.vector [ 1.0; 2.0; 3.0 ])
    let step = jit (fun (p: Tensor) -> p - 0.01 * Reverse.gradient (fun p -> Tensor.sum (p * p)) p)

    let run steps =
        let mutable p = p

        for _ in 1..steps do
            p <- step p

        Tensor.toArray<float> p |> ignore
        GC.Collect()
        GC.WaitForPendingFinalizers()
        Hosted.LiveBytes device

    let before = run 100
    Assert.InRange(run 10_000, 0L, before)

[<Fact>]
let ``a loop's states go from memory to memory on the device`` () =
    needed ()
    let device = Cuda 0
    let optimizer = Optimizer.adam 1e-2
    let loss (x: Tensor) (p: Tensor) = Tensor.sum (Tensor.square (p - x))

    let step (p: Tensor, s) (x: Tensor) =
        let value, g = Reverse.valueAndGradient (loss x) p
        Optimizer.step optimizer g s p, value

    let loop = jitFold step
    let inputs steps = Seq.init steps (fun i -> Tensor.scalar (float (i % 5)))

    let run (start: Tensor) steps =
        let (p, _), _ = loop (start, optimizer.Init start) (inputs steps)
        p

    let start = Tensor.vector [ 1.0; -2.0; 0.5 ]
    let there = Tensor.onDevice device start
    near "loop" (run start 30) (run there 30)

    let live steps =
        run there steps |> Tensor.toArray<float> |> ignore
        GC.Collect()
        GC.WaitForPendingFinalizers()
        Hosted.LiveBytes device

    let before = live 50
    Assert.InRange(live 500, 0L, before)
