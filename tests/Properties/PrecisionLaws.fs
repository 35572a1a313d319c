[<Xunit.Collection("Cuda")>]
module Properties.PrecisionLaws

open System
open Xunit
open Ad.Functional
open Ad.Tensors
open HostCuda

let private parameters seed =
    let keys = Key.split 3 (Key.ofSeed seed)

    [| Random.normalOf Float32 keys[0] [ 3; 2 ]
       Random.normalOf Float32 keys[1] [ 2 ] |],
    Random.normalOf Float32 keys[2] [ 5; 3 ]

let private loss (p: Tensor[]) x = Tensor.mean (Tensor.square (tanh (Tensor.matmul x p[0] + p[1])))

let private scaledStep settings p x state =
    let optimizer = LossScale.wrap settings (Optimizer.adam 0.01)
    let g = grad (fun p -> LossScale.apply state (loss p x)) p
    Optimizer.step optimizer g state p

let private start settings p = (LossScale.wrap settings (Optimizer.adam 0.01)).Init p

[<Fact>]
let ``a step with the loss scaled is the step without where nothing overflows`` () =
    for seed in 1L .. 10L do
        let p, x = parameters seed
        let plain = Optimizer.adam 0.01
        let mutable expected = p, plain.Init p
        let mutable found = p, start LossScale.dynamic p

        for _ in 1..4 do
            let q, s = expected
            expected <- Optimizer.step plain (grad (fun p -> loss p x) q) s q
            let q, s = found
            found <- scaledStep LossScale.dynamic q x s

        // The factor is a power of 2: not a bit differs.
        Assert.Equal<Tensor[]>(fst expected, fst found)
        Assert.Equal(snd expected, (snd found).Inner)
        Assert.Equal(32768.0, Tensor.toScalar (snd found).Scale)
        Assert.Equal(4.0, Tensor.toScalar (snd found).Since)
        Assert.Equal(0.0, Tensor.toScalar (snd found).Skipped)

[<Fact>]
let ``an overflow halves the factor and changes neither weights nor state`` () =
    for bad in [ nan; infinity; -infinity ] do
        let p, x = parameters 3L
        let _, before = scaledStep LossScale.dynamic p x (start LossScale.dynamic p)
        let optimizer = LossScale.wrap LossScale.dynamic (Optimizer.adam 0.01)
        let g = grad (fun p -> loss p x) p
        let g = [| g[0]; Tensor.vector [ float32 bad; 1.0f ] |]
        let after, state = Optimizer.step optimizer g before p
        Assert.Equal<Tensor[]>(p, after)
        Assert.Equal(before.Inner, state.Inner)
        Assert.Equal(Tensor.toScalar before.Scale / 2.0, Tensor.toScalar state.Scale)
        Assert.Equal(0.0, Tensor.toScalar state.Since)
        Assert.Equal(1.0, Tensor.toScalar state.Skipped)

[<Fact>]
let ``the factor grows after as many clean steps as asked for, and stays within bounds`` () =
    let settings =
        { LossScale.dynamic with
            First = 4.0
            Every = 2
            Most = 10.0
            Least = 3.0 }

    let p, x = parameters 5L
    let optimizer = LossScale.wrap settings (Optimizer.sgd 0.1)

    let after g state = snd (Optimizer.step optimizer g state p)
    let good = grad (fun p -> loss p x) p
    let bad = good |> Array.map (fun g -> g * nan)

    let scales steps =
        steps
        |> List.scan (fun s g -> after g s) (optimizer.Init p)
        |> List.map (_.Scale >> Tensor.toScalar)

    Assert.Equal<float list>([ 4.0; 4.0; 8.0; 8.0; 10.0 ], scales [ good; good; good; good ])
    Assert.Equal<float list>([ 4.0; 3.0; 3.0 ], scales [ bad; bad ])
    Assert.Equal<float list>([ 4.0; 4.0; 3.0; 3.0; 6.0 ], scales [ good; bad; good; good ])
    let still = LossScale.wrap (LossScale.fixedAt 128.0) (Optimizer.sgd 0.1)
    Assert.Equal(128.0, Tensor.toScalar (snd (still.Update bad (still.Init p) p)).Scale)

[<Fact>]
let ``small gradients of Float16 are there only with the loss scaled`` () =
    let w = Tensor.vector [ 1.0f ]
    // 1e-5 squared is below half of the least Float16.
    let f (p: Tensor) (x: Tensor) = Tensor.sum (p * x) * 1e-5
    let x = Tensor.vector [ 1e-5f ]
    let of16 = Precision.compute Float16 f
    let plain = grad (fun p -> of16 p x) w
    Assert.Equal(0.0, Tensor.toScalar (plain[0]))
    let state = start LossScale.dynamic [| w |]
    let scaled = grad (fun p -> LossScale.apply state (of16 p x)) w / state.Scale
    Assert.Equal(1e-10, Tensor.toScalar (scaled[0]), 2e-12)

[<Fact>]
let ``gradients come back in the parameters' type, and the computation has the other`` () =
    for dtype in [ Float16; BFloat16; Float64 ] do
        let p, x = parameters 7L
        let mutable seen = None

        let f (p: Tensor[]) x =
            let y = Tensor.matmul x p[0] + p[1]
            seen <- Some y.DType
            y

        let g = grad (fun p -> Tensor.sum (Precision.compute dtype f p x)) p
        Assert.Equal(Some dtype, seen)
        Assert.All(g, (fun g -> Assert.Equal(Float32, g.DType)))
        let exact = grad (fun p -> Tensor.sum (f p x)) p

        for g, e in Array.zip g exact do
            let apart = Tensor.toScalar (Tensor.max (abs (g - e)))

            Assert.InRange(
                apart,
                0.0,
                4.0 * dtype.Epsilon() * (1.0 + Tensor.toScalar (Tensor.max (abs e))) + 1e-5
            )

[<Theory>]
[<InlineData "mlp">]
[<InlineData "resnet8">]
let ``networks learn the same in every precision, their states in float32`` (name: string) =
    let model = Classifiers.make name Float32 [ 1; 8; 8 ] 3 [ 16 ] 0.0

    let keys = Key.split 2 (Key.ofSeed 11L)
    let x = Random.normalOf Float32 keys[0] [ 24; 1; 8; 8 ]
    let y = Tensor.argmaxOver [ 1 ] (Tensor.reshape [ 24; 64 ] x |> Tensor.sliceAxis 1 0 3 1)

    let losses dtype scaled =
        let network = Network.ofModel (Precision.model dtype model)
        let optimizer = Recipes.hide (Optimizer.adam 0.01)

        let optimizer =
            if scaled then
                Recipes.scaled LossScale.dynamic optimizer
            else
                optimizer

        let step =
            jit (fun (l, x, y) -> Learning.step network optimizer 0.0 None Losses.crossEntropy l (x, y))

        let mutable learner = Learning.start network optimizer 0.0 (Key.ofSeed 2L)

        let found =
            [ for _ in 1..25 do
                  let next, (loss, _) = step (learner, x, y)
                  learner <- next
                  Tensor.toScalar loss ]

        for t in Array.append (Tree.leaves learner.Parameters) (Tree.leaves learner.Running) do
            Assert.Equal(Float32, t.DType)

        found

    let exact = losses Float32 false
    let bf16 = losses BFloat16 false
    let f16 = losses Float16 true
    Assert.InRange(List.last exact, 0.0, 0.5 * exact[0])

    for found, near in [ bf16, 0.05; f16, 0.01 ] do
        Assert.InRange(found[0], exact[0] - near * 2.0, exact[0] + near * 2.0)
        Assert.InRange(List.last found, 0.0, List.last exact + 0.2)

[<Fact>]
let ``settings that are none are refused`` () =
    for wrong in
        [ { LossScale.dynamic with Backoff = 0.0 }
          { LossScale.dynamic with Growth = 0.5 }
          { LossScale.dynamic with Least = 1e9 }
          { LossScale.dynamic with Every = 0 } ] do
        let error =
            Assert.Throws<ArgumentException>(fun () ->
                LossScale.wrap wrong (Optimizer.sgd 0.1: Optimizer<Tensor, Tensor>) |> ignore)

        Assert.Contains("lossScale", error.Message)

[<Fact>]
let ``mixed precision trains on cuda as on the host`` () =
    Assert.SkipUnless(Hosted.IsThere, Hosted.Missing)
    Hosted.Install()
    let p, x = parameters 13L

    for dtype in [ BFloat16; Float16 ] do
        let trained (device: Device) =
            let place tree = tree |> Tree.map (Tensor.onDevice device) |> Tree.eval
            let f = Precision.compute dtype (fun (p: Tensor[]) x -> Tensor.relu (Tensor.matmul x p[0] + p[1]))
            let optimizer = LossScale.wrap LossScale.dynamic (Optimizer.adam 0.01)
            let x = place x

            let step (p, state) =
                let loss p = Tensor.mean (Tensor.square (f p x))
                Optimizer.step optimizer (grad (fun p -> LossScale.apply state (loss p)) p) state p

            let start = place p
            Seq.fold (fun s _ -> jit step s) (start, place (optimizer.Init start)) (seq { 1..3 })

        let (host, state), (there, other) = trained Cpu, trained (Cuda 0)
        Assert.Equal(Tensor.toScalar state.Scale, Tensor.toScalar other.Scale)

        for a, b in Array.zip host there do
            Assert.Equal("cuda:0", b.Device.Name)
            let apart = Tensor.max (abs (a - Tensor.onDevice Cpu b))
            Assert.InRange(Tensor.toScalar apart, 0.0, 0.01)
