// Convolutions, pooling, and a small network of both.
#load "lib/Prelude.fsx"

open Ad.Functional

// Images are [N; C; spatial...] and kernels [O; C; window...]; the tensor comes last. A stride, and as many zeros at both ends.
let image = Tensor.arange Float64 5 |> Tensor.reshape [ 1; 1; 5 ]
let difference = Tensor.reshape [ 1; 1; 2 ] (Tensor.vector [ -1.0; 1.0 ])
printfn $"{Conv.conv1d 1 0 difference (image * image)}"
//> [[[1.0, 3.0, 5.0, 7.0]]] : float64[1, 1, 4]

// The general one has everything else: padding on either side, dilation of window and image, groups, any number of spatial axes.
let options =
    { Conv.defaults with
        Padding = Padding.Same
        Dilation = [ 2 ] }

printfn $"{Conv.conv options difference image}"
//> [[[1.0, 2.0, 2.0, 2.0, -3.0]]] : float64[1, 1, 5]

// It is linear in the image and in the kernel; the transpose in the image is the transposed convolution.
let g = Tensor.vector [ 1.0; 0.0; 2.0; 0.0 ] |> Tensor.reshape [ 1; 1; 4 ]
let _, pull = Reverse.vjp (Conv.conv1d 1 0 difference) image
printfn $"{pull g}"
printfn $"{Conv.convTranspose1d 1 0 0 difference g}"
//> [[[-1.0, 1.0, -2.0, 2.0, 0.0]]] : float64[1, 1, 5]
//> [[[-1.0, 1.0, -2.0, 2.0, 0.0]]] : float64[1, 1, 5]

// Pooling works on the last axes. Maxima know where they came from, and can be put back.
let x = Tensor.matrix [ [ 1.0; 5.0; 2.0; 2.0 ]; [ 3.0; 4.0; 0.0; 1.0 ] ]
let largest, places = Pool.maxWithIndices Pool.defaults [ 2; 2 ] x
printfn $"{largest} at {places}"
//> [[5.0, 2.0]] : float64[1, 2] at [[1, 2]] : int32[1, 2]
printfn $"{Pool.unpool [ 2; 4 ] places largest}"
//> [[0.0, 5.0, 2.0, 0.0], [0.0, 0.0, 0.0, 0.0]] : float64[2, 4]

// Where several are the largest they share the derivative.
printfn $"{grad (Pool.max Pool.defaults [ 2; 2 ] >> Tensor.sum) x}"
//> [[0.0, 1.0, 0.5, 0.5], [0.0, 0.0, 0.0, 0.0]] : float64[2, 4]

// A network in the manner of LeNet (LeCun et al. 1998), in small.
let conv inputs outputs =
    Layer.conv Float32 inputs outputs [ 5; 5 ] Conv.defaults
    |> Layer.map Tensor.relu

let net =
    conv 1 4
    --> Layer.maxPool Pool.defaults [ 2; 2 ]
    --> conv 4 8
    --> Layer.maxPool Pool.defaults [ 2; 2 ]
    --> Layer.flatten
    --> Layer.dense Float32 128 10

let keys = Key.split 3 (Key.ofSeed 5L)

// Images of noise with a bright bar at the height of their class: the shape of MNIST, without its files.
let classes = Tensor.arange Int32 60 |> fun i -> i - i / 10 * 10

let bars =
    let rows = Tensor.iota Int32 [ 60; 1; 28; 28 ] 2
    let height = Tensor.reshape [ 60; 1; 1; 1 ] (2 * classes + 4)

    Tensor.cast Float32 (Tensor.equal rows height)
    + 0.3 * Random.normalOf Float32 keys[0] [ 60; 1; 28; 28 ]

let images = Tensor.eval bars
let optimizer = Optimizer.adam 0.005

let step =
    jit (fun (p, state) ->
        let loss p = Losses.crossEntropy (net.Apply Inference p images) classes
        let value, slopes = Reverse.valueAndGradient loss p
        value, Optimizer.step optimizer slopes state p)

let mutable state = let p = net.Init keys[1] in p, optimizer.Init p

for i in 1..40 do
    let _, next = step state
    state <- next

let logits = net.Apply Inference (fst state) images
printfn $"{Tensor.toScalar (Losses.correct logits classes)} of 60 right"
//> 60 of 60 right
