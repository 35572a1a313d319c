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

/// The layers after rows of the sequence, and the sum of what they say of the rows that follow each; the last row is only foretold.
let run parameters (sequence: Tensor) (layers: Layer list) =
    let rows = sequence.Shape[0]
    let weights = [ for i in 0 .. 2 * layers.Length - 1 -> parameters.Main[i] ]
    let weightsIn, weightsOut, biasesOut = parameters.Extra[0], parameters.Extra[1], parameters.Extra[2]

    let step (layers, outputs) (t: int) =
        let through (x, i) layer =
            let next = cell weights[2 * i] weights[2 * i + 1] x layer
            next, (next.Hidden, i + 1)

        let layers, (x, _) = List.mapFold through (sequence[t] * weightsIn, 0) layers
        layers, x :: outputs

    let layers, outputs = Seq.fold step (layers, []) (seq { 0 .. rows - 2 })
    let y = Tensor.stack 0 (List.rev outputs) * weightsOut + biasesOut
    let next = Tensor.sliceAxis 0 1 rows 1 sequence
    let logits = y - log (2.0 + Tensor.sumKeep [ 1 ] (exp y))
    layers, Tensor.sum (next * logits)

// The sequence is run in parts of so many rows, for each length of which there is one program. For the gradient the layers
// between parts are kept, and the parts are run again, last first: the pullback of each follows from that of its program.
let private rowsInPart = 33

/// Parts of a sequence, each beginning with the last row of the one before.
let private parts (sequence: float array array) =
    [ for first in 0 .. rowsInPart - 1 .. sequence.Length - 2 ->
          Tensor.matrix sequence[first .. min (first + rowsInPart - 1) (sequence.Length - 1)] ]

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
    parts input.Sequence

let private scale input = -1.0 / float ((input.Sequence.Length - 1) * input.Sequence[0].Length)

let private program () = jit (fun (p, sequence, layers) -> run p sequence layers)

let private objective input =
    let program = program ()

    fun () ->
        let p, layers, parts = tensors input

        let part (layers, total) sequence =
            let layers, more = program (p, sequence, layers)
            layers, total + Tensor.toScalar more

        scale input * (List.fold part (layers, 0.0) parts |> snd)

let private gradient input =
    let program = program ()

    let pullback =
        jit (fun (p, sequence, layers, cotangents) ->
            let _, pullback = Reverse.vjp (fun (p, layers) -> run p sequence layers) (p, layers)
            pullback cotangents)

    fun () ->
        let p, layers, parts = tensors input

        let kept, last =
            parts
            |> List.mapFold (fun layers s -> layers, fst (program (p, s, layers))) layers

        let ofTotal = Tensor.scalar (scale input)

        let part sequence layers (sum, ofLayers) =
            let ofParameters, ofLayers = pullback (p, sequence, layers, (ofLayers, ofTotal))
            Tensor.eval (Tree.map2 (+) sum ofParameters), ofLayers

        let start = Tree.map Tensor.zerosLike (p, last)
        let sum, _ = List.foldBack2 part parts kept start

        Array.append
            (Tensor.toArray<float>(Tensor.flatten sum.Main))
            (Tensor.toArray<float>(Tensor.flatten sum.Extra))

let evaluation =
    { Name = "lstm"
      Functions =
        Map
            [ "objective", Evaluation.functionOf read objective box
              "jacobian", Evaluation.functionOf read gradient box ] }
