namespace Ad.Functional

open Ad.Tensors

/// One step of a recurrent network: how parameters and the first state of a batch are made, the next state, and what is seen of a state.
type Cell<'P, 'H> =
    { Init: Key -> 'P
      Start: 'P -> int -> 'H
      Step: 'P -> 'H -> Tensor -> 'H
      Seen: 'H -> Tensor }

/// Weights of the input and of the state before it, with biases; gates side by side along the last axis.
type Recurrence =
    { Input: Tensor
      Recurrent: Tensor
      Bias: Tensor }

/// The parameters of a gated unit: its recurrent bias lies inside the reset gate.
type Gru =
    { Gates: Recurrence; StateBias: Tensor }

/// The state of a long short-term memory: what is seen of it, and its memory.
type Lstm = { Hidden: Tensor; Memory: Tensor }

/// Recurrent networks over sequences [N; T; features], by scan: one operation for any length.
[<RequireQualifiedAccess>]
module Recurrent =
    let private start (p: Recurrence) batch = Tensor.zeros p.Recurrent.DType [ batch; p.Recurrent.Shape[0] ]

    /// Weights of the input after Glorot and Bengio (2010), of the state orthogonal for each gate (Saxe et al. 2014).
    let private init dtype inputs size gates key : Recurrence =
        if inputs < 1 || size < 1 then
            Shapes.refuse
                "recurrent"
                $"takes at least one input and one unit, but was given {inputs} and {size}."

        let keys = Key.split (1 + gates) key

        { Input = Initializers.glorotUniform dtype inputs size keys[0] [ inputs; gates * size ]
          Recurrent = Tensor.concat 1 [ for g in 1..gates -> Initializers.orthogonal dtype keys[g] size size ]
          Bias = Tensor.zeros dtype [ gates * size ] }

    let private gate (size: int) i (x: Tensor) = Tensor.sliceAxis -1 (i * size) ((i + 1) * size) 1 x

    /// h' = tanh(x W + h U + b) (Elman 1990).
    [<CompiledName("Elman")>]
    let elman (dtype: DType) (inputs: int) (size: int) : Cell<Recurrence, Tensor> =
        { Init = init dtype inputs size 1
          Start = start
          Step = fun p h x -> tanh (Tensor.matmul x p.Input + Tensor.matmul h p.Recurrent + p.Bias)
          Seen = id }

    /// Gates i, f, g, o of x W + h U + b: c' = sigmoid(f) c + sigmoid(i) tanh(g), h' = sigmoid(o) tanh(c') (Hochreiter and Schmidhuber 1997; forgetting
    /// after Gers et al. 2000, its bias 1 at first).
    [<CompiledName("Lstm")>]
    let lstm (dtype: DType) (inputs: int) (size: int) : Cell<Recurrence, Lstm> =
        { Init =
            fun key ->
                let p = init dtype inputs size 4 key
                let zeros, ones = Tensor.zeros dtype [ size ], Tensor.ones dtype [ size ]

                { p with
                    Bias = Tensor.concat 0 [ zeros; ones; zeros; zeros ] }
          Start =
            fun p batch ->
                { Hidden = start p batch
                  Memory = start p batch }
          Step =
            fun p s x ->
                let z = Tensor.matmul x p.Input + Tensor.matmul s.Hidden p.Recurrent + p.Bias
                let gate i = gate size i z

                let memory = Tensor.sigmoid (gate 1) * s.Memory + Tensor.sigmoid (gate 0) * tanh (gate 2)

                { Hidden = Tensor.sigmoid (gate 3) * tanh memory
                  Memory = memory }
          Seen = _.Hidden }

    /// Gates r, z, n: n = tanh(x W_n + b_n + r (h U_n + c)), h' = (1 - z) n + z h (Cho et al. 2014, reset after the product).
    [<CompiledName("Gru")>]
    let gru (dtype: DType) (inputs: int) (size: int) : Cell<Gru, Tensor> =
        { Init =
            fun key ->
                { Gates = init dtype inputs size 3 key
                  StateBias = Tensor.zeros dtype [ size ] }
          Start = fun p batch -> start p.Gates batch
          Step =
            fun p h x ->
                let a = Tensor.matmul x p.Gates.Input + p.Gates.Bias
                let b = Tensor.matmul h p.Gates.Recurrent
                let gated i = Tensor.sigmoid (gate size i a + gate size i b)
                let fresh = tanh (gate size 2 a + gated 0 * (gate size 2 b + p.StateBias))
                let keep = gated 1
                (1.0 - keep) * fresh + keep * h
          Seen = id }

    let private along
        name
        (scan: ('H -> Tensor -> 'H * Tensor) -> 'H -> Tensor -> 'H * Tensor)
        (cell: Cell<'P, 'H>)
        p
        (x: Tensor)
        =
        if x.Rank <> 3 then
            Shapes.refuse name $"takes sequences [N; T; features], but was given {x.Signature}."

        let step h x =
            let next = cell.Step p h x
            next, cell.Seen next

        let last, seen = scan step (cell.Start p x.Shape[0]) (Tensor.swapAxes 0 1 x)
        last, Tensor.swapAxes 0 1 seen

    /// The last state, and what is seen after each step, [N; T; units].
    [<CompiledName("Run")>]
    let run (cell: Cell<'P, 'H>) (p: 'P) (x: Tensor) : 'H * Tensor = along "recurrent" Control.scan cell p x

    /// What is seen of a cell after each step, as a layer.
    [<CompiledName("Layer")>]
    let layer (cell: Cell<'P, 'H>) : Layer<'P> =
        { Init = cell.Init
          Apply = fun _ p x -> snd (run cell p x) }

    /// Two runs, from the first step and from the last, what is seen of both side by side (Schuster and Paliwal 1997).
    [<CompiledName("Bidirectional")>]
    let bidirectional (forward: Cell<'P, 'H>) (backward: Cell<'Q, 'G>) : Layer<'P * 'Q> =
        { Init =
            fun key ->
                let keys = Key.split 2 key
                forward.Init keys[0], backward.Init keys[1]
          Apply =
            fun _ (p, q) x ->
                let _, ahead = along "bidirectional" Control.scan forward p x
                let _, back = along "bidirectional" Control.scanReverse backward q x
                Tensor.concat -1 [ ahead; back ] }
