module Properties.ScalarPoints

open System
open System.Globalization
open System.Numerics
open System.Threading
open System.Threading.Tasks
open Xunit
open Ad.Functional.Scalar

/// The gradient by both modes, which must be the same bits.
let private gradient (f: IVectorFunction) (xs: float list) : float list =
    let xs = Array.ofList xs
    let forward, reverse = Forward.gradient f.Invoke xs, Reverse.gradient f.Invoke xs
    Assert.Equal<float>(forward, reverse)
    Assert.Equal<float>(forward, Chunked.gradient f.Invoke xs)
    List.ofArray forward

let private expect (expected: float list) (actual: float list) = Assert.Equal<float list>(expected, actual)

// The hard points.

[<Fact>]
let ``a power is flat where its exponent is zero`` () =
    expect
        [ 0.0 ]
        (gradient
            { new IVectorFunction with
                member _.Invoke x = Real.pow x[0] 0G }
            [ 0.0 ])

[<Fact>]
let ``a power has no slope at zero above exponent one`` () =
    let pow =
        { new IVectorFunction with
            member _.Invoke x = Real.pow x[0] x[1] }

    expect [ 0.0; 0.0 ] (gradient pow [ 0.0; 2.0 ])
    expect [ 1.0; 0.0 ] (gradient pow [ 0.0; 1.0 ])

[<Fact>]
let ``a power varies with its exponent where the exponent is zero`` () =
    let pow =
        { new IVectorFunction with
            member _.Invoke x = Real.pow x[0] x[1] }

    for hessian in [ Forward.hessian pow.Invoke; Reverse.hessian pow.Invoke ] do
        let h = hessian [| 4.0; 0.0 |]
        Assert.Equal<float list>([ 0.0; 0.25; 0.25 ], [ h[0, 0]; h[0, 1]; h[1, 0] ])
        Assert.Equal(log 4.0 ** 2.0, h[1, 1], 1e-15)

[<Fact>]
let ``the first power is straight at zero`` () =
    let first =
        { new IScalarFunction with
            member _.Invoke x = Real.pow x 1G }

    Assert.Equal(1.0, Generic.derivative 1 first 0.0)
    Assert.Equal(0.0, Generic.derivative 2 first 0.0)
    Assert.Equal(0.0, Reverse.derivative (Reverse.derivative first.Invoke) 0.0)

[<Fact>]
let ``whole powers of negative numbers are exact`` () =
    let cube =
        { new IScalarFunction with
            member _.Invoke x = Real.pow x 3G }

    Assert.Equal<float list>(
        [ -8.0; 12.0; -12.0; 6.0; 0.0 ],
        [ for n in 0..4 -> Generic.derivative n cube -2.0 ]
    )

    Assert.Equal(12.0, Reverse.derivative (fun x -> x ** 3.0) -2.0)

[<Fact>]
let ``the square root is vertical at either zero`` () =
    let sqrt =
        { new IVectorFunction with
            member _.Invoke x = Real.sqrt x[0] }

    expect [ infinity ] (gradient sqrt [ 0.0 ])
    expect [ infinity ] (gradient sqrt [ -0.0 ])

[<Fact>]
let ``a zero factor wins over an infinite derivative`` () =
    let silenced =
        { new IVectorFunction with
            member _.Invoke x = 0G * Real.sqrt x[0] }

    expect [ 0.0 ] (gradient silenced [ 0.0 ])

    let beside =
        { new IVectorFunction with
            member _.Invoke x = Real.hypot x[1] (Real.log x[0]) }

    Assert.Equal<float>(
        [| 0.0 |],
        Forward.jvp (fun x -> [| beside.Invoke [| x[0]; Dual.constant 3.0 |] |]) [| -1.0 |] [| 0.0 |]
        |> snd
    )

[<Fact>]
let ``the absolute value is flat at zero`` () =
    expect
        [ 0.0 ]
        (gradient
            { new IVectorFunction with
                member _.Invoke x = Real.abs x[0] }
            [ 0.0 ])

[<Fact>]
let ``equal arguments of a maximum or minimum have half each`` () =
    expect
        [ 0.5; 0.5 ]
        (gradient
            { new IVectorFunction with
                member _.Invoke x = Real.max x[0] x[1] }
            [ 1.0; 1.0 ])

    expect
        [ 0.5; 0.5 ]
        (gradient
            { new IVectorFunction with
                member _.Invoke x = Real.min x[0] x[1] }
            [ 0.0; -0.0 ])

    expect
        [ 0.5; 0.5 ]
        (gradient
            { new IVectorFunction with
                member _.Invoke x = Real.maxMagnitude x[0] x[1] }
            [ -2.0; -2.0 ])

[<Fact>]
let ``distance and angle are flat at the origin`` () =
    let hypot =
        { new IVectorFunction with
            member _.Invoke x = Real.hypot x[0] x[1] }

    let atan2 =
        { new IVectorFunction with
            member _.Invoke x = Real.atan2 x[0] x[1] }

    expect [ 0.0; 0.0 ] (gradient hypot [ 0.0; 0.0 ])
    expect [ 0.0; 0.0 ] (gradient atan2 [ 0.0; 0.0 ])

    expect
        [ 0.5e-200; -0.5e-200 ]
        (gradient atan2 [ 1e200; 1e200 ]
         |> List.map (fun d -> Math.Round(d * 1e200, 12) * 1e-200))

[<Fact>]
let ``a saturated tanh keeps the digits of its slope`` () =
    let slope = Forward.derivative tanh 15.0
    Assert.Equal(4.0 * exp -30.0, slope, 1e-25)

[<Fact>]
let ``rounding and comparison are constant`` () =
    expect
        [ 0.0 ]
        (gradient
            { new IVectorFunction with
                member _.Invoke x = floor x[0] }
            [ 1.5 ])

    Assert.True(
        Dual.create 1.0 5.0 = Dual.create 1.0 7.0
        && Dual.create 1.0 5.0 < Dual.create 2.0 0.0
    )

// Confusion: the classic examples (Siskind and Pearlmutter, 2005).

[<Fact>]
let ``a nested derivative does not see the outer perturbation`` () =
    let forward =
        Forward.derivative
            (fun x -> x * Forward.derivative (fun y -> Dual.constant x + y) (Dual.constant 1.0))
            1.0

    let reverse =
        Reverse.derivative
            (fun x -> x * Reverse.derivative (fun y -> Adjoint.constant x + y) (Adjoint.constant 1.0))
            1.0

    Assert.Equal(1.0, forward)
    Assert.Equal(1.0, reverse)

[<Fact>]
let ``a nested derivative sees the outer variable where it matters`` () =
    // d/dx (x d/dy (x y)) = 2 x
    let forward =
        Forward.derivative
            (fun x -> x * Forward.derivative (fun y -> Dual.constant x * y) (Dual.constant 2.0))
            1.0

    let reverse =
        Reverse.derivative
            (fun x -> x * Reverse.derivative (fun y -> Adjoint.constant x * y) (Adjoint.constant 2.0))
            1.0

    let both =
        Forward.derivative
            (fun x -> x * Reverse.derivative (fun y -> Adjoint.constant x * y) (Dual.constant 2.0))
            1.0

    Assert.Equal<float list>([ 2.0; 2.0; 2.0 ], [ forward; reverse; both ])

[<Fact>]
let ``variables of two passes over one type are refused`` () =
    let forward (x: Dual<float>) : Dual<float> = x * Forward.derivative (fun y -> x + y) 1.0
    let reverse (x: Adjoint<float>) : Adjoint<float> = x * Reverse.derivative (fun y -> x + y) 1.0
    let returned (x: Adjoint<float>) : Adjoint<float> = x * Reverse.derivative (fun _ -> x) 1.0
    let says (text: string) (e: exn) = Assert.Contains(text, e.Message)

    Assert.Throws<InvalidOperationException>(fun () -> Forward.derivative forward 1.0 |> ignore)
    |> says "Dual.constant"

    Assert.Throws<InvalidOperationException>(fun () -> Reverse.derivative reverse 1.0 |> ignore)
    |> says "Adjoint.constant"

    Assert.Throws<InvalidOperationException>(fun () -> Reverse.derivative returned 1.0 |> ignore)
    |> says "Adjoint.constant"

[<Fact>]
let ``an inner derivative of an unrelated function is allowed`` () =
    let newton (x: Dual<float>) = x * Forward.derivative (fun y -> y * y) 3.0
    Assert.Equal(6.0, Forward.derivative newton 1.0)

// Threads, depth, ends.

[<Fact>]
let ``passes on many threads do not disturb each other`` () =
    let f (x: Adjoint<float> array) = Seq.fold (fun s i -> sin (s + x[i % 2])) x[0] (seq { 1..1000 })
    let expected = Reverse.gradient f [| 0.3; 0.7 |]
    let results = Array.Parallel.init 64 (fun _ -> Reverse.gradient f [| 0.3; 0.7 |])
    Assert.All(results, fun g -> Assert.Equal<float>(expected, g))

[<Fact>]
let ``a tape refuses another thread`` () =
    let elsewhere (x: Adjoint<float>) =
        Task.Factory.StartNew((fun () -> x * x), TaskCreationOptions.LongRunning).GetAwaiter().GetResult()

    let error = Assert.Throws<InvalidOperationException>(fun () -> Reverse.derivative elsewhere 1.0 |> ignore)
    Assert.Contains("another thread", error.Message)

[<Fact>]
let ``a variable does not outlive its pass`` () =
    let mutable kept = Unchecked.defaultof<Adjoint<float>>

    let keep x =
        kept <- x
        x

    Reverse.derivative keep 1.0 |> ignore
    let error = Assert.Throws<InvalidOperationException>(fun () -> kept * kept |> ignore)
    Assert.Contains("had ended", error.Message)

[<Fact>]
let ``a million operations need no stack`` () =
    let f (x: Adjoint<float>) =
        let mutable y = x

        for _ in 1..1_000_000 do
            y <- y + 1e-6 * x

        y

    Assert.Equal(2.0, Reverse.derivative f 1.0, 1e-9)

[<Fact>]
let ``forward differentiation allocates nothing per operation`` () =
    let f n (x: Dual<Dual<float>>) =
        let mutable y = x

        for _ in 1..n do
            y <- sin y * x + y

        y

    let bytes n =
        let before = GC.GetAllocatedBytesForCurrentThread()
        Forward.derivative (Forward.derivative (f n)) 0.5 |> ignore
        GC.GetAllocatedBytesForCurrentThread() - before

    // Code that the runtime has not yet optimised boxes numbers; on a busy machine it stays so for a while.
    let settled =
        Seq.init 40 (fun i ->
            if i > 0 then
                System.Threading.Thread.Sleep 50

            bytes 100_000)
        |> Seq.exists (fun count -> count < 4096L)

    Assert.True settled

// A number among .NET's numbers.

[<Fact>]
let ``a number is parsed, converted and printed like its value`` () =
    let invariant = CultureInfo.InvariantCulture
    let parse (text: string) : 'T :> INumber<'T> = 'T.Parse(text, invariant)
    Assert.Equal(1.5, Dual.value (parse "1.5"))
    Assert.Equal("1.50", (Dual.constant 1.5).ToString("F2", invariant))
    Assert.Equal("6 (tangent 2)", (Dual.create 3.0 1.0 * 2.0).ToString(null, invariant))
    Assert.Equal(3, Int32.CreateTruncating(Dual.create 3.7 1.0))

[<Fact>]
let ``a list of numbers has a sum`` () =
    Assert.Equal(3.0, Forward.derivative (fun x -> List.sum [ x; x; x ]) 1.0)

[<Fact>]
let ``single precision works the same`` () =
    Assert.Equal(cos 0.5f, Forward.derivative sin 0.5f)
    Assert.Equal(cos 0.5f, Reverse.derivative sin 0.5f)

[<Fact>]
let ``a direction of another length is refused`` () =
    let error = Assert.Throws<ArgumentException>(fun () -> Forward.jvp id [| 1.0 |] [| 1.0; 2.0 |] |> ignore)
    Assert.Contains("2 against 1", error.Message)

[<Fact>]
let ``no inputs and no outputs give empty answers`` () =
    Assert.Empty(Reverse.gradient (fun (_: Adjoint<float> array) -> Adjoint.constant 1.0) [||])
    Assert.Equal(0, (Reverse.jacobian (fun (_: Adjoint<float> array) -> [||]) [| 1.0 |]).Length)
