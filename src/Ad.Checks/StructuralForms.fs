namespace Ad.Checks

open Ad.Functional
open Ad.Tensors
open Forms

/// Operations that move, combine or reduce elements.
[<RequireQualifiedAccess>]
module internal StructuralForms =
    /// Their lines.
    let all: Entry list =
        [ reduction "sum" true anywhere cube Tensor.sumOver
          reduction "mean" true anywhere full Tensor.meanOver
          reduction "prod" false anywhere cube Tensor.prodOver
          reduction "max" false (Apart 0) full Tensor.maxOver
          reduction "min" false (Apart 0) full Tensor.minOver
          reduction "logSumExp" false anywhere full (fun over x ->
              if over.IsEmpty then x else Tensor.logSumExpOver over x)
          { Name = "cumsum"
            IsLinear = true
            Forms =
              [ for axis in 0..2 do
                    unary $"cumsum {axis}" anywhere cube (Tensor.cumsum axis)
                    unary $"cumsumReverse {axis}" anywhere cube (Tensor.cumsumReverse axis) ] }
          { Name = "cast"
            IsLinear = true
            Forms = [ unary "cast to its own type" anywhere cube (fun x -> Tensor.cast x.DType x) ] }
          movement
              "reshape"
              [ "reshape to one axis", cube, (fun x -> Tensor.reshape [ int x.Count ] x)
                "reshape with a new axis", cube, Tensor.expandDims 1 ]
          movement
              "permute"
              [ "permute [2; 0; 1]", cube, Tensor.permute [ 2; 0; 1 ]
                "permute [1; 0; 2]", cube, Tensor.permute [ 1; 0; 2 ]
                "transpose", cube, Tensor.transpose ]
          movement
              "broadcast"
              [ "broadcast to a new axis", cube, (fun x -> Tensor.broadcastTo (2 :: Tensor.shape x) x)
                "broadcast an axis of 1",
                (fun s -> [ s.A; 1; s.C ]),
                (fun x -> Tensor.broadcastTo [ x.Shape[0]; 3; x.Shape[2] ] x) ]
          movement
              "slice"
              [ "every second", cube, (fun x -> Tensor.slice (x.Shape |> Seq.map (fun n -> 0, n, 2)) x)
                "from one", full, (fun x -> Tensor.slice (x.Shape |> Seq.map (fun n -> n / 2, n, 1)) x)
                "every third from one",
                full,
                (fun x -> Tensor.slice (x.Shape |> Seq.map (fun n -> min 1 (n - 1), n, 3)) x) ]
          movement "pad" [ "pad", cube, Tensor.pad [ 1, 2; 0, 1; 2, 0 ] ]
          movement "flip" [ for over in axes -> $"flip {named over}", cube, Tensor.flip over ]
          { Name = "concat"
            IsLinear = true
            Forms =
              [ for axis in 0..1 ->
                    fun s ->
                        let other = if axis = 0 then [ s.C; s.B ] else [ s.A; s.C ]

                        { Text = $"concat {axis}"
                          Inputs =
                            [ input [ s.A; s.B ] anywhere
                              input other anywhere
                              input [ s.A; s.B ] anywhere ]
                          Apply = Tensor.concat axis } ] }
          { Name = "take"
            IsLinear = true
            Forms =
              [ for axis in 0..2 do
                    yield
                        fun s ->
                            let shape = full s

                            { Text = $"take {axis}"
                              Inputs = [ input shape anywhere; input [ s.B; 2 ] (Index shape[axis]) ]
                              Apply = fun x -> Tensor.take axis x[1] x[0] }
                yield
                    fun s ->
                        let shape = full s

                        { Text = "takeAlong 1"
                          Inputs = [ input shape anywhere; input [ shape[0]; 3; shape[2] ] (Index shape[1]) ]
                          Apply = fun x -> Tensor.takeAlong 1 x[1] x[0] } ] }
          { Name = "scatterAdd"
            IsLinear = true
            Forms =
              [ fun s ->
                    let shape = full s

                    { Text = "scatterAdd 1"
                      Inputs =
                        [ input shape anywhere
                          input [ 4 ] (Index shape[1])
                          input [ shape[0]; 4; shape[2] ] anywhere ]
                      Apply = fun x -> Tensor.scatterAdd 1 x[1] x[2] x[0] } ] }
          yield! DecompositionForms.all
          { Name = "contract"
            IsLinear = false
            Forms =
              [ contraction "matrix by matrix" (fun s -> [ s.A; s.B ]) (fun s -> [ s.B; s.C ]) Tensor.matmul
                contraction "matrix by vector" (fun s -> [ s.A; s.B ]) (fun s -> [ s.B ]) Tensor.matmul
                contraction "vector by matrix" (fun s -> [ s.B ]) (fun s -> [ s.B; s.C ]) Tensor.matmul
                contraction "vector by vector" (fun s -> [ s.B ]) (fun s -> [ s.B ]) Tensor.matmul
                contraction "vector by matrices" (fun s -> [ s.B ]) (fun s -> [ 2; s.B; s.C ]) Tensor.matmul
                contraction
                    "matrices by matrices"
                    (fun s -> [ 2; s.A; s.B ])
                    (fun s -> [ 2; s.B; s.C ])
                    Tensor.matmul
                contraction
                    "broadcast batch"
                    (fun s -> [ 2; 1; s.A; s.B ])
                    (fun s -> [ 3; s.B; s.C ])
                    Tensor.matmul
                contraction "outer" (fun s -> [ s.A; s.B ]) (fun s -> [ s.C ]) Tensor.outer ] }
          yield! WindowForms.all
          { Name = "sort"
            IsLinear = false
            Forms =
              [ unary "sort 1" (Apart 0) full (Ordering.sort 1)
                unary "sortDescending 0" (Apart 0) full (Ordering.sortDescending 0)
                unary "topK" (Apart 0) full (Ordering.topK 2 1 >> fst)
                unary "quantile" (Apart 0) full (Ordering.quantile 0.3 1) ] }
          { Name = "norm"
            IsLinear = false
            Forms =
              [ for p in [ 1.0; 2.0; 3.5; infinity ] ->
                    fun s ->
                        { Text = $"norm of order {p}"
                          Inputs = [ input (full s) (if p = infinity then Apart 1 else Outside(0.3, 2.0)) ]
                          Apply =
                            fun x ->
                                // Of the largest size, not a sum: the sizes must lie apart.
                                Stats.norm p [ 1 ] (if p = infinity then x[0] + 20.0 else x[0]) } ] }
          { Name = "logCumSumExp"
            IsLinear = false
            Forms = [ unary "logCumSumExp 1" anywhere cube (Stats.logCumSumExp 1) ] }
          { Name = "softmax"
            IsLinear = false
            Forms =
              [ unary "softmax 1" anywhere full (Tensor.softmax 1)
                unary "logSoftmax 0" anywhere full (Tensor.logSoftmax 0) ] } ]
