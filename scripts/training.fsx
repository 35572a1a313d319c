// Training: a perceptron learns two interleaved spirals. Parameters, optimizer and key are values; a step is a function.
#load "lib/Prelude.fsx"

open System
open Ad.Functional

// Points along two arms, 180 degrees apart, with a little noise.
let perArm = 100

let spiral arm key =
    let t = Tensor.linspace Float64 0.25 1.0 perArm
    let angle = 3.0 * Math.PI * t + Math.PI * float arm
    let points = Tensor.stack 1 [ t * cos angle; t * sin angle ]
    points + 0.02 * Random.normal key [ perArm; 2 ]

let keys = Key.split 3 (Key.ofSeed 1L)

let points, classes =
    Tensor.eval (
        Tensor.concat 0 [ spiral 0 keys[0]; spiral 1 keys[1] ],
        Tensor.concat 0 [ Tensor.zeros Int32 [ perArm ]; Tensor.ones Int32 [ perArm ] ]
    )

let layer = Layer.perceptron Float64 tanh 0.0 [ 2; 24; 24; 2 ]

let optimizer =
    Updates.clipByGlobalNorm 1.0
    >-> Optimizer.adamBy (Schedules.cosine 0.02 0.0 300)

// A step takes everything that changes and returns it; jit makes one program of it, gradient and optimizer included.
let step =
    jit (fun (parameters, state) ->
        let loss parameters = Losses.crossEntropy (layer.Apply Inference parameters points) classes

        let value, gradients = Reverse.valueAndGradient loss parameters
        let parameters, state = Optimizer.step optimizer gradients state parameters
        value, (parameters, state))

let first = layer.Init keys[2]
let start = first, optimizer.Init first

let run =
    Seq.scan (fun (_, state) _ -> step state) (step start) (seq { 2..300 })
    |> Seq.toArray

for i in [ 0; 50; 100; 200; 299 ] do
    printfn $"step {i + 1, 3}: loss {Tensor.toScalar (fst run[i]):F3}"
//> step   1: loss 0.788
//> step  51: loss 0.281
//> step 101: loss 0.072
//> step 201: loss 0.011
//> step 300: loss 0.009

let _, (trained, _) = run[299]
let logits = layer.Apply Inference trained points
printfn $"{Tensor.toScalar (Losses.correct logits classes)} of {2 * perArm} right"
//> 200 of 200 right

// Parameters in a file, and back; the first parameters only say what the tree is like.
let folder = IO.Directory.CreateTempSubdirectory "functional-"
let file = IO.Path.Combine(folder.FullName, "spirals.safetensors")
Saved.write file trained

printfn
    $"{Saved.read file first = trained}: {Tree.named trained |> Seq.map fst |> Seq.truncate 2 |> List.ofSeq}"
//> True: [0.Weights; 0.Bias]
folder.Delete true

// A picture of what was learned: where the plane belongs to which arm.
let side = 20
let axis = Tensor.linspace Float64 -1.0 1.0 side
let rows = Tensor.reshape [ side; 1 ] (-axis) + Tensor.zeros Float64 [ side; side ]
let columns = axis + Tensor.zeros Float64 [ side; side ]
let plane = Tensor.stack 2 [ columns; rows ] |> Tensor.reshape [ -1; 2 ]

let decided =
    layer.Apply Inference trained plane
    |> Tensor.argmaxOver [ -1 ]
    |> Tensor.toArray<int>

for row in Array.chunkBySize side decided do
    row
    |> Array.map (fun c -> if c = 0 then ".." else "##")
    |> String.Concat
    |> printfn "%s"
//> ........................................
//> ........................................
//> ........................................
//> ..................##....................
//> ..........################..............
//> ........####################............
//> ......######################............
//> ......########################..........
//> ......########....############..........
//> ....########........##########........##
//> ..########..........########........####
//> ##########............######........####
//> ##########..............##........######
//> ############......................######
//> ############....................########
//> ##############................##########
//> ##################......################
//> ########################################
//> ########################################
//> ########################################

// The step is a pure function: from the same state, the same numbers to the bit.
printfn $"{snd (step start) = snd (step start)}"
//> True
