/// A long short-term memory network, and how well it foretells a sequence.
module GradBench.Lstm

open Ad.Functional

/// What is differentiated by. Main has for each layer a row of weights and one of biases of the gates f, i, o and g, and Extra
/// the weights of the input, the weights of the output and its biases.
type Parameters = { Main: Tensor; Extra: Tensor }

/// Hidden and cell of a layer, each a vector.
type Layer = { Hidden: Tensor; Cell: Tensor }

let private cell weights biases (x: Tensor) layer =
    let width = x.Shape[0]

    let gate k input =
        input * Tensor.sliceAxis 0 (k * width) ((k + 1) * width) 1 weights
        + Tensor.sliceAxis 0 (k * width) ((k + 1) * width) 1 biases

    let forget = Tensor.sigmoid (gate 0 x)
    let ingate = Tensor.sigmoid (gate 1 layer.Hidden)
    let outgate = Tensor.sigmoid (gate 2 x)
    let change = tanh (gate 3 layer.Hidden)
    let cell = layer.Cell * forget + ingate * change

    { Hidden = outgate * tanh cell
      Cell = cell }

/// How well the layers foretell each row of a sequence from those before it, summed.
let run parameters (layers: Layer list) (sequence: Tensor) =
    let rows = sequence.Shape[0]
    let weights = [ for i in 0 .. 2 * layers.Length - 1 -> parameters.Main[i] ]
    let weightsIn, weightsOut, biasesOut = parameters.Extra[0], parameters.Extra[1], parameters.Extra[2]

    let step layers row =
        let through (x, i) layer =
            let next = cell weights[2 * i] weights[2 * i + 1] x layer
            next, (next.Hidden, i + 1)

        let layers, (x, _) = List.mapFold through (row * weightsIn, 0) layers
        layers, x

    let _, outputs = scan step layers (Tensor.sliceAxis 0 0 (rows - 1) 1 sequence)
    let y = outputs * weightsOut + biasesOut
    let next = Tensor.sliceAxis 0 1 rows 1 sequence
    let logits = y - log (2.0 + Tensor.sumKeep [ 1 ] (exp y))
    Tensor.sum (next * logits)

let private loss p layers (sequence: Tensor) =
    let rows, width = sequence.Shape[0], sequence.Shape[1]
    run p layers sequence * (-1.0 / float ((rows - 1) * width))

type private Input =
    { Parameters: float array array * float array array
      State: float array array
      Sequence: float array array }

let private read json =
    let rows name = Read.rows (Read.field name json)

    { Parameters = rows "main_params", rows "extra_params"
      State = rows "state"
      Sequence = rows "sequence" }

let private tensors input =
    let main, extra = input.Parameters

    let layers =
        [ for pair in Array.chunkBySize 2 input.State ->
              { Hidden = Tensor.vector pair[0]
                Cell = Tensor.vector pair[1] } ]

    { Main = Tensor.matrix main
      Extra = Tensor.matrix extra },
    layers,
    Tensor.matrix input.Sequence

let private objective input =
    let f = jit (fun (p, layers, sequence) -> loss p layers sequence)
    fun () -> Tensor.toScalar (f (tensors input))

let private gradient input =
    let f =
        jit (fun (p, layers, sequence) ->
            let g = grad (fun p -> loss p layers sequence) p
            Tensor.concat 0 [ Tensor.flatten g.Main; Tensor.flatten g.Extra ])

    fun () -> Tensor.toArray<float>(f (tensors input))

let evaluation =
    { Name = "lstm"
      Functions =
        Map
            [ "objective", Evaluation.functionOf read objective box
              "jacobian", Evaluation.functionOf read gradient box ] }
