/// One step over a batch, on one device or shared out among several.
[<Xunit.Collection("Cuda")>]
module Properties.DataParallelLaws

open Xunit
open HostCuda
open Ad.Functional
open Ad.Tensors

let private data =
    Random.normalOf Float64 (Key.ofSeed 5L) [ 11; 4 ], Random.normalOf Float64 (Key.ofSeed 7L) [ 11; 3 ]

let private start =
    let key = Key.ofSeed 6L
    Random.normalOf Float64 key [ 4; 3 ], Tensor.zeros Float64 [ 3 ]

let private loss (w, b) (x, y) =
    let apart = Tensor.tanh (Tensor.matmul x w + b) - y
    Tensor.mean (apart * apart)

let private optimizer: Optimizer<Tensor * Tensor, _> = Optimizer.adam 0.05

let private single steps =
    Seq.fold
        (fun (p, s) _ -> Optimizer.step optimizer (Reverse.gradient (fun p -> loss p data) p) s p)
        (start, optimizer.Init start)
        (seq { 1..steps })
    |> fst

let private several (group: DeviceGroup) steps =
    let step = DataParallel.step group optimizer loss

    Seq.fold
        (fun r _ -> fst (step r data))
        (DataParallel.replicate group (start, optimizer.Init start))
        (seq { 1..steps })

let private numbers tree = Tree.leaves tree |> Array.collect Tensor.toArray<float>

let private ready count = Assert.SkipUnless(Hosted.HasGroup count, $"There is no group of {count} devices.")

[<Theory>]
[<InlineData(2, true)>]
[<InlineData(2, false)>]
[<InlineData(3, true)>]
[<InlineData(4, true)>]
let ``k devices over a batch shared out take the steps of one over the whole, to rounding``
    (k: int)
    (withLibrary: bool)
    =
    ready k
    let expected = numbers (single 3)
    let replicas = several (Hosted.Group(k, withLibrary)) 3

    for p, _ in replicas do
        Array.iter2 (fun (a: float) b -> Assert.Equal(a, b, 1e-12)) expected (numbers p)

[<Fact>]
let ``replicas and their optimizers' states stay the same to the bit`` () =
    ready 3
    let replicas = several (Hosted.Group(3, true)) 4

    let all =
        replicas
        |> Array.map (fun (p, s) -> Array.append (numbers p) (numbers (Tree.map (Tensor.cast Float64) s)))

    Assert.All(all, fun each -> Assert.Equal<float[]>(all[0], each))

[<Fact>]
let ``sums are the same bits whichever device is done first`` () =
    ready 3
    let group = Hosted.Group(3, true)

    let made () =
        DataParallel.replicate group (fst data)
        |> Array.mapi (fun i x -> Tensor.sumOver [ 0 ] (Tensor.exp (x * (0.1 + float i))))

    let summed order =
        let trees = made ()
        order |> List.iter (fun i -> Tensor.eval trees[i] |> ignore)
        DataParallel.sum group trees |> Array.map Tensor.toArray<float>

    let first = summed [ 0; 1; 2 ]

    Assert.All(
        [ [ 2; 1; 0 ]; [ 1; 2; 0 ]; [ 2; 0; 1 ] ],
        fun order -> Assert.Equal<float[][]>(first, summed order)
    )

[<Fact>]
let ``parts have all examples, in order, and their shares add up to 1`` () =
    let group = DeviceGroup.Of [| Device.Cpu |]
    ready 4
    let parts = DataParallel.share (Hosted.Group(4, false)) data
    Assert.Equal<int list>([ 2; 3; 3; 3 ], [ for (x, _), _ in parts -> x.Shape[0] ])
    Assert.Equal(1.0, Seq.sumBy snd parts, 1e-15)
    Assert.True(Tensor.concat 0 [ for (x, _), _ in parts -> Tensor.onDevice Device.Cpu x ] = fst data)
    let (whole, _), _ = Array.exactlyOne (DataParallel.share group data)
    Assert.True((whole = fst data))

[<Fact>]
let ``a batch of fewer examples than devices, or of none in common, is refused`` () =
    ready 2
    let group = Hosted.Group(2, false)
    let refused (f: unit -> unit) = Assert.Throws<System.ArgumentException>(f).Message

    Assert.Contains(
        "cannot share 1 examples among 2 devices",
        refused (fun () -> DataParallel.share group (Tensor.zeros Float64 [ 1; 3 ]) |> ignore)
    )

    let uneven = Tensor.zeros Float64 [ 4 ], Tensor.zeros Float64 [ 5 ]
    Assert.Contains("does not have 4 examples", refused (fun () -> DataParallel.share group uneven |> ignore))

[<Fact>]
let ``a learner's replicas take the steps of one`` () =
    ready 2
    let network = Network.ofModel (Classifiers.make "mlp" Float32 [ 6 ] 3 [ 5 ] 0.0)
    let optimizer = Recipes.hide (Optimizer.adam 0.01)
    let x = Random.normalOf Float32 (Key.ofSeed 8L) [ 7; 6 ]
    let classes = Tensor.ofArray [ 7 ] [| 0; 1; 2; 0; 1; 2; 1 |]
    let learner = Learning.start network optimizer 0.9 (Key.ofSeed 9L)
    let group = Hosted.Group(2, true)
    let one = Learning.step network optimizer 0.9 None Losses.crossEntropy
    let all = Learning.parallelStep group network optimizer 0.9 None Losses.crossEntropy
    let first, (loss, correct) = one learner (x, classes)
    let replicas, (sharedLoss, sharedCorrect) = all (DataParallel.replicate group learner) (x, classes)
    Assert.Equal(Tensor.toScalar loss, Tensor.toScalar sharedLoss, 1e-6)
    Assert.Equal(Tensor.toScalar correct, Tensor.toScalar sharedCorrect)
    let second, _ = one first (x, classes)
    let replicas, _ = all replicas (x, classes)

    let same (a: Named) (b: Named) =
        Array.iter2
            (fun (a: float32) (b: float32) -> Assert.Equal(float a, float b, 1e-6))
            (Tree.leaves a |> Array.collect Tensor.toArray<float32>)
            (Tree.leaves b |> Array.collect Tensor.toArray<float32>)

    for replica in replicas do
        same second.Parameters replica.Parameters
        same second.Average replica.Average
        Assert.True(replica.Key = replicas[0].Key)
