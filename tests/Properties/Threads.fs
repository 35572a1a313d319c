module Properties.Threads

open System.Threading.Tasks
open Xunit
open Ad.Functional

[<Fact>]
let ``eight threads that differentiate at once give the serial results, bit for bit`` () =
    let work seed =
        let x = Random.normal (Key.ofSeed (int64 seed)) [ 20 ]
        let f x = Tensor.sum (sin x * exp (-(x * x)))
        let inner x = Tensor.sum (x * Reverse.gradient f x)

        Array.append
            (Tensor.toArray<float>(Reverse.gradient inner x))
            (Tensor.toArray<float>(Forward.gradient f x))

    let serial = Array.init 64 work
    let concurrent = Array.zeroCreate 64
    let options = ParallelOptions(MaxDegreeOfParallelism = 8)
    Parallel.For(0, 64, options, fun i -> concurrent[i] <- work i) |> ignore
    Assert.Equal<float[][]>(serial, concurrent)

[<Fact>]
let ``one lazy tensor asked for by eight threads has one value`` () =
    for round in 1..50 do
        let x = Random.normal (Key.ofSeed (int64 round)) [ 100 ]
        let y = Tensor.sum (sin x * x)
        let values = Array.Parallel.init 8 (fun _ -> Tensor.toScalar y)
        Assert.All(values, fun v -> Assert.Equal(values[0], v))

[<Fact>]
let ``a transform may await between its steps`` () =
    task {
        let x = Tensor.scalar 2.0
        let value, pull = Reverse.vjp (fun x -> x * x * x) x
        do! Task.Yield()
        Assert.Equal(8.0, Tensor.toScalar value)
        do! Task.Delay 1
        Assert.Equal(12.0, Tensor.toScalar (pull (Tensor.scalar 1.0)))
    }

[<Fact>]
let ``a measurement sees its own flow of control and no other`` () =
    let measured () =
        Cost.measure (fun () -> Reverse.gradient (fun x -> Tensor.sum (x * x)) (Tensor.vector [ 1.0; 2.0 ]))
        |> snd

    let alone = measured ()
    let together = Array.Parallel.init 16 (fun _ -> measured ())
    Assert.All(together, fun cost -> Assert.Equal(alone, cost))
