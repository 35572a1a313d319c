namespace Ad.Checks

open Ad.Functional
open Ad.Tensors
open Forms

/// Loops, branches and checkpoints.
[<RequireQualifiedAccess>]
module internal ControlForms =
    /// A state and what it goes along, or is chosen by, as one vector of results.
    let private loop text (inputs: Sizes -> Input list) (f: Tensor[] -> Tensor list) (s: Sizes) =
        { Text = text
          Inputs = inputs s
          Apply = fun x -> f x |> List.map Tensor.flatten |> Tensor.concat 0 }

    let private small = Between(-0.8, 0.8)

    /// Their lines.
    let all: Entry list =
        let cell (w: Tensor) (s: Tensor) (x: Tensor) =
            let next = tanh (Tensor.matmul w s + x)
            next, next * x + s

        let recurrent (s: Sizes) = [ input [ s.A ] small; input [ s.B; s.A ] small; input [ s.A; s.A ] small ]

        let chosen (s: Sizes) = [ input [] Choice; input [ s.A; s.B ] positive; input [ s.B ] positive ]

        [ { Name = "scan"
            IsLinear = false
            Forms =
              [ loop "scan of a recurrent cell" recurrent (fun x ->
                    let last, all = scan (cell x[2]) x[0] x[1]
                    [ last; all ])
                loop "scanReverse of a recurrent cell" recurrent (fun x ->
                    let last, all = scanReverse (cell x[2]) x[0] x[1]
                    [ last; all ])
                loop "iterate with the step's number" recurrent (fun x ->
                    let step i (s, w) = Tensor.matmul (Tensor.sigmoid w) s + Tensor.cast s.DType i, w * 0.7

                    let s, w = iterate 3 step (x[0], x[2])
                    [ s; w; x[1] ])
                loop "a scan of scans" recurrent (fun x ->
                    let outer s _ =
                        let s, all = scan (cell x[2]) s x[1]
                        s, Tensor.sum all

                    let last, all = scan outer x[0] (Tensor.arange DType.Int32 2)
                    [ last; all ])
                loop "whileLoopUpTo" recurrent (fun x ->
                    let goesOn (s: Tensor, _) =
                        Tensor.less (Tensor.sum (Tensor.square s)) (Tensor.cast s.DType (Tensor.scalar 3.0))

                    let s, w =
                        whileLoopUpTo 4 goesOn (fun (s, w) -> s * 1.5 + Tensor.matmul w s, w) (x[0], x[2])

                    [ s; w; x[1] ]) ] }
          { Name = "cond"
            IsLinear = false
            Forms =
              [ loop "cond" chosen (fun x ->
                    [ cond
                          x[0]
                          (fun (a, b) -> a * Tensor.log b)
                          (fun (a, _) -> Tensor.sin a * 0.3)
                          (x[1], x[2]) ])
                loop "cond on what it closes over" chosen (fun x ->
                    [ cond x[0] (fun a -> a + x[2]) (fun a -> a * a) x[1] ]) ] }
          { Name = "checkpoint"
            IsLinear = false
            Forms =
              [ loop "checkpoint" chosen (fun x ->
                    let y, z = checkpoint (fun (a, b) -> Tensor.sin (a * b), exp b * x[2]) (x[1], x[2])
                    [ y; z ])
                loop "checkpoint in a checkpoint" chosen (fun x ->
                    [ checkpoint (fun a -> Tensor.tanh (checkpoint (fun a -> Tensor.sin a * x[2]) a)) x[1] ]) ] } ]
