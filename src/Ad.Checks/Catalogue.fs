namespace Ad.Checks

open Ad.Functional
open Ad.Tensors

/// Where an input's elements are drawn: inside the region where the operation is smooth, away from its edges and kinks.
type Domain =
    /// Anywhere between two numbers.
    | Between of Low: float * High: float
    /// Either side of 0, no nearer than the gap.
    | Outside of Gap: float * High: float
    /// Within 0.3 of whole numbers plus an offset.
    | NearWhole of Offset: float
    /// All elements at least 0.04 apart from each other, and 0.04 from those of inputs with the other parity.
    | Apart of Parity: int
    /// Whole numbers from 0 up to but not including a limit, Int32.
    | Index of Limit: int
    /// True or false.
    | Choice

/// One input: its shape and where its elements lie.
type Input = { Shape: int list; Domain: Domain }

/// The sizes that a case's shapes are made of; they shrink.
type Sizes = { A: int; B: int; C: int }

/// An operation with its parameters, for some sizes.
type Case =
    { Text: string
      Inputs: Input list
      Apply: Tensor[] -> Tensor }

/// A line of the catalogue: an operation, in all its forms.
type Entry =
    {
        /// The operation's name, as program text and errors have it.
        Name: string
        /// Whether it is linear in its float inputs together, so that its tangent is itself.
        IsLinear: bool
        /// Its forms.
        Forms: (Sizes -> Case) list
    }

/// Every operation with a derivative, with the shapes and regions to try it on: what tests, checks and documentation go through.
[<RequireQualifiedAccess>]
module Catalogue =
    let private anywhere = Between(-2.0, 2.0)
    let private positive = Between(0.3, 3.0)
    let private input shape domain = { Shape = shape; Domain = domain }

    /// An elementwise function, by its derivative-carrying domains.
    let private elementwise (f: Pointwise) (isLinear: bool) (domains: Domain list) =
        { Name = f.Name()
          IsLinear = isLinear
          Forms =
            [ fun s ->
                  { Text = f.Name()
                    Inputs = domains |> List.map (input [ s.A; s.B ])
                    Apply = fun x -> Tensor.Pointwise(f, x) } ] }

    let private pointwise (f: Pointwise) : Entry option =
        let smooth domains = Some(elementwise f false domains)
        let linear domains = Some(elementwise f true domains)

        match f with
        | Pointwise.Negate -> linear [ anywhere ]
        | Pointwise.Abs
        | Pointwise.Sign -> smooth [ Outside(0.2, 3.0) ]
        | Pointwise.Exp
        | Pointwise.Expm1
        | Pointwise.Sin
        | Pointwise.Cos
        | Pointwise.Atan
        | Pointwise.Sinh
        | Pointwise.Cosh
        | Pointwise.Tanh
        | Pointwise.Asinh
        | Pointwise.Sigmoid
        | Pointwise.Erf -> smooth [ anywhere ]
        | Pointwise.Log
        | Pointwise.Sqrt
        | Pointwise.Rsqrt
        | Pointwise.Lgamma
        | Pointwise.Digamma -> smooth [ positive ]
        | Pointwise.Log1p -> smooth [ Between(-0.6, 3.0) ]
        | Pointwise.Tan -> smooth [ Between(-1.2, 1.2) ]
        | Pointwise.Asin
        | Pointwise.Acos
        | Pointwise.Atanh -> smooth [ Between(-0.8, 0.8) ]
        | Pointwise.Acosh -> smooth [ Between(1.3, 4.0) ]
        | Pointwise.Floor
        | Pointwise.Ceil -> smooth [ NearWhole 0.5 ]
        | Pointwise.Round -> smooth [ NearWhole 0.0 ]
        | Pointwise.Add
        | Pointwise.Subtract -> linear [ anywhere; anywhere ]
        | Pointwise.Multiply -> smooth [ anywhere; anywhere ]
        | Pointwise.Divide -> smooth [ anywhere; Outside(0.4, 2.0) ]
        | Pointwise.Remainder -> smooth [ Between(2.2, 2.7); Between(0.97, 1.03) ]
        | Pointwise.Power -> smooth [ positive; anywhere ]
        | Pointwise.Atan2 -> smooth [ Outside(0.3, 2.0); anywhere ]
        | Pointwise.Maximum
        | Pointwise.Minimum -> smooth [ Apart 0; Apart 1 ]
        | Pointwise.Scale -> smooth [ Outside(0.1, 2.0); anywhere ]
        | Pointwise.MultiplyAdd -> smooth [ anywhere; anywhere; anywhere ]
        | Pointwise.Select -> linear [ Choice; anywhere; anywhere ]
        | Pointwise.Polygamma ->
            // The order is a whole number, and held: it has no derivative.
            let order k s =
                { Text = $"polygamma {k}"
                  Inputs = [ input [ s.A; s.B ] positive ]
                  Apply = fun x -> Tensor.polygamma (Tensor.fullLike x[0] (float (k: int))) x[0] }

            Some
                { Name = f.Name()
                  IsLinear = false
                  Forms = [ order 0; order 1; order 2 ] }
        | Pointwise.Not
        | Pointwise.Equal
        | Pointwise.NotEqual
        | Pointwise.Less
        | Pointwise.LessEqual
        | Pointwise.And
        | Pointwise.Or
        | Pointwise.Xor -> None

    let private unary text domain (shape: Sizes -> int list) (f: Tensor -> Tensor) (s: Sizes) : Case =
        { Text = text
          Inputs = [ input (shape s) domain ]
          Apply = fun x -> f x[0] }

    let private cube (s: Sizes) = [ s.A; s.B; s.C ]
    let private full (s: Sizes) = [ max 1 s.A; max 1 s.B; max 1 s.C ]
    let private axes = [ []; [ 0 ]; [ 1 ]; [ 2 ]; [ 0; 2 ]; [ -1; 0 ]; [ 0; 1; 2 ] ]
    let private named (x: 'a) = sprintf "%A" x

    let private reduction name isLinear domain shape (f: int list -> Tensor -> Tensor) =
        { Name = name
          IsLinear = isLinear
          Forms =
            axes
            |> List.map (fun over -> unary $"{name} over {named over}" domain shape (f over)) }

    let private movement name (forms: (string * (Sizes -> int list) * (Tensor -> Tensor)) list) =
        { Name = name
          IsLinear = true
          Forms = forms |> List.map (fun (text, shape, f) -> unary text anywhere shape f) }

    let private contraction
        text
        (left: Sizes -> int list)
        (right: Sizes -> int list)
        (f: Tensor -> Tensor -> Tensor)
        (s: Sizes)
        =
        { Text = text
          Inputs = [ input (left s) anywhere; input (right s) anywhere ]
          Apply = fun x -> f x[0] x[1] }

    /// Channels and rows by the sizes, a group's each; axes of at least two elements, in which windows have room where they are padded.
    let private convolution text groups spatial window options (s: Sizes) =
        let image =
            [ s.A; groups * s.B ]
            @ List.init spatial (fun a -> [ max 2 (s.C + 1); 2; 1 ][a])

        { Text = text
          Inputs =
            [ input image anywhere
              input ([ groups * (1 + (s.C + 1) % 2); s.B ] @ window) anywhere ]
          Apply = fun x -> Conv.conv options x[1] x[0] }

    /// Windows over the last two axes of a cube, of at least two elements each.
    let private windowed name isLinear domain (forms: (string * (Tensor -> Tensor)) list) =
        let shape (s: Sizes) = [ s.A; max 2 s.B; max 2 s.C ]

        { Name = name
          IsLinear = isLinear
          Forms = forms |> List.map (fun (text, f) -> unary text domain shape f) }

    let private overlapping =
        { Pool.defaults with
            Strides = [ 2; 1 ]
            Padding = Padding.Explicit [ 1, 0; 1, 1 ] }

    /// Windows of two, one apart, that begin before the first of so many elements.
    let private pairs n =
        axesOf [ n ], Windows(axesOf [ 2 ], axesOf [ 1 ], axesOf [ 1 ], axesOf [ 1 ], axesOf [ 1 ])

    /// What flows between an image and the extremes of its windows, for every kind of extreme.
    let private flowing name extra (op: Reduction -> int -> Op) =
        let form kind s =
            let n = s.B + 2

            { Text = $"{name} {named kind}"
              Inputs = [ input [ s.A; n ] (Apart 0); input [ s.A; n + extra ] anywhere ]
              Apply = fun x -> Tensor.Create(op kind n, x[0], x[1]) }

        { Name = name
          IsLinear = false
          Forms = [ form Reduction.Max; form Reduction.Min ] }

    /// Two matrices, or fewer.
    let private several (s: Sizes) = min 2 s.A

    /// A form on square matrices with so much on the diagonal that they are regular and their elements keep their order of size.
    let private squares text (diagonal: int -> float) (f: Tensor -> Tensor) =
        fun s ->
            let shift =
                Tensor.eye DType.Float64 s.B
                * Tensor.vector [ for i in 0 .. s.B - 1 -> diagonal i ]

            { Text = text
              Inputs = [ input [ several s; s.B; s.B ] anywhere ]
              Apply = fun x -> f (x[0] + Tensor.cast x[0].DType shift) }

    let private packed kind (a: Tensor) = Tensor.Create(Decompose kind, a)
    let private dominant (i: int) = 10.0 + float i

    let private decompositions =
        let entry name forms =
            { Name = name
              IsLinear = false
              Forms = forms }

        let system text system =
            fun s ->
                let shift = 10.0 * Tensor.eye DType.Float64 s.B

                { Text = text
                  Inputs =
                    [ input [ several s; s.B; s.B ] anywhere
                      input [ several s; s.B; s.C ] anywhere ]
                  Apply = fun x -> Tensor.Create(Solve system, x[0] + Tensor.cast x[0].DType shift, x[1]) }

        let rectangle text (rows: Sizes -> int) (columns: Sizes -> int) kind =
            fun s ->
                let m, n = rows s, columns s
                let place axis = Tensor.iota DType.Int32 [ m; n ] axis
                let onDiagonal = Tensor.cast DType.Float64 (Tensor.equal (place 0) (place 1))
                let shift = onDiagonal * (12.0 * (1.0 + Tensor.cast DType.Float64 (place 0)))

                { Text = text
                  Inputs = [ input [ several s; m; n ] anywhere ]
                  Apply = fun x -> packed kind (x[0] + Tensor.cast x[0].DType shift) }

        [ entry "cholesky" [ squares "cholesky" dominant (packed Decomposition.Cholesky) ]
          entry
              "lu"
              [ squares "lu" dominant (packed Decomposition.Lu)
                squares "lu, rows exchanged" dominant (Tensor.flip [ 1 ] >> packed Decomposition.Lu) ]
          entry
              "qr"
              [ rectangle "qr" _.B _.B Decomposition.Qr
                rectangle "qr of a tall matrix" (fun s -> s.B + s.C) _.B Decomposition.Qr ]
          entry "eigh" [ squares "eigh" (fun i -> 12.0 * float i) (packed Decomposition.Eigh) ]
          entry
              "svd"
              [ rectangle "svd" _.B _.B Decomposition.Svd
                rectangle "svd of a tall matrix" (fun s -> s.B + s.C) _.B Decomposition.Svd
                rectangle "svd of a wide matrix" _.B (fun s -> s.B + s.C) Decomposition.Svd ]
          entry "det" [ squares "det" (fun _ -> 1.0) (packed Decomposition.Determinant) ]
          entry "cofactors" [ squares "cofactors" dominant (packed Decomposition.Cofactors) ]
          entry
              "solve"
              [ system "solve" LinearSystem.General
                system "solve, lower" LinearSystem.Lower
                system "solve, upper" LinearSystem.Upper ] ]

    let private structural =
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
          yield! decompositions
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
          { Name = "conv"
            IsLinear = false
            Forms =
              [ let simple = Conv.defaults
                let padded = Padding.Explicit [ 1, 2 ]

                convolution "conv1d" 1 1 [ 2 ] simple

                convolution
                    "conv2d, padded"
                    1
                    2
                    [ 2; 2 ]
                    { simple with
                        Padding = Padding.Explicit [ 1, 0; 2, 1 ] }

                convolution
                    "conv2d, stride 2, same"
                    1
                    2
                    [ 2; 2 ]
                    { simple with
                        Strides = [ 2 ]
                        Padding = Padding.Same }

                convolution
                    "conv1d, dilated by 2"
                    1
                    1
                    [ 2 ]
                    { simple with
                        Dilation = [ 2 ]
                        Padding = padded }

                convolution
                    "conv1d, image dilated by 2"
                    1
                    1
                    [ 3 ]
                    { simple with
                        InputDilation = [ 2 ]
                        Padding = padded }

                convolution
                    "conv1d, stride 3, dilated by 2 and 3"
                    1
                    1
                    [ 2 ]
                    { simple with
                        Strides = [ 3 ]
                        Dilation = [ 2 ]
                        InputDilation = [ 3 ]
                        Padding = padded }

                convolution
                    "conv1d, cropped"
                    1
                    1
                    [ 1 ]
                    { simple with
                        Padding = Padding.Explicit [ -1, 2 ] }

                convolution
                    "conv1d, 2 groups"
                    2
                    1
                    [ 2 ]
                    { simple with
                        Groups = 2
                        Padding = padded }

                convolution
                    "conv3d"
                    1
                    3
                    [ 1; 2; 1 ]
                    { simple with
                        Padding = Padding.Explicit [ 0, 1 ] } ] }
          { Name = "convTranspose"
            IsLinear = false
            Forms =
              [ fun s ->
                    { Text = "convTranspose1d, stride 2"
                      Inputs = [ input [ 1; 2; max 1 s.B ] anywhere; input [ 2; s.C; 2 ] anywhere ]
                      Apply = fun x -> Conv.convTranspose1d 2 1 1 x[1] (Tensor.concat 2 [ x[0]; x[0]; x[0] ]) } ] }
          windowed
              "windowSum"
              true
              anywhere
              [ "average pooling, side by side", Pool.average Pool.defaults [ 2 ]
                "average pooling, overlapping", Pool.average overlapping [ 3; 2 ]
                "average pooling, dilated",
                Pool.average
                    { Pool.defaults with
                        Strides = [ 1 ]
                        Padding = Padding.Explicit [ 1, 1 ]
                        Dilation = [ 2 ] }
                    [ 2 ]
                "average pooling, without padding",
                Pool.average
                    { overlapping with
                        CountPadding = false
                        Ceil = true }
                    [ 3; 2 ] ]
          windowed
              "windowMax"
              false
              (Apart 0)
              [ "max pooling, side by side", Pool.max Pool.defaults [ 2 ]
                "max pooling, overlapping", Pool.max overlapping [ 3; 2 ]
                "max pooling, dilated",
                Pool.max
                    { Pool.defaults with
                        Strides = [ 1 ]
                        Padding = Padding.Explicit [ 1, 1 ]
                        Dilation = [ 2 ] }
                    [ 2 ]
                "adaptive max pooling", Pool.adaptiveMax [ 2 ] ]
          windowed
              "windowMin"
              false
              (Apart 0)
              [ "min pooling",
                fun x ->
                    let ones = axesOf [ 1; 1 ]
                    let windows = Windows(axesOf [ 2; 2 ], ones, ones, ones, ones)
                    let positions = axesOf [ x.Shape[1]; x.Shape[2] ]
                    Tensor.Create(Window(Reduction.Min, positions, windows), x) ]
          flowing "windowShare" 0 (fun kind n ->
              let positions, windows = pairs n
              WindowShare(kind, positions, windows))
          flowing "windowSpread" 1 (fun kind n -> WindowSpread(kind, snd (pairs n)))
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

    /// A state and what it goes along, or is chosen by, as one vector of results.
    let private loop text (inputs: Sizes -> Input list) (f: Tensor[] -> Tensor list) (s: Sizes) =
        { Text = text
          Inputs = inputs s
          Apply = fun x -> f x |> List.map Tensor.flatten |> Tensor.concat 0 }

    let private small = Between(-0.8, 0.8)

    let private control =
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

    /// Every line.
    let all: Entry list =
        (System.Enum.GetValues<Pointwise>() |> Seq.choose pointwise |> List.ofSeq)
        @ structural
        @ control

    /// The line of an operation, or an ArgumentException that names those there are.
    let find (name: string) : Entry =
        match all |> List.tryFind (fun e -> e.Name = name) with
        | Some entry -> entry
        | None ->
            let known = all |> List.map _.Name |> String.concat ", "
            raise (System.ArgumentException $"There is no operation '{name}'; there are {known}.")

    /// Numbers for an input: elements anywhere in its domain.
    let draw (random: System.Random) (input: Input) : Tensor =
        let count = List.fold (*) 1 input.Shape
        let uniform low high = low + (high - low) * random.NextDouble()
        let floats f = Tensor.ofArray input.Shape (Array.init count f)

        match input.Domain with
        | Between(low, high) -> floats (fun _ -> uniform low high)
        | Outside(gap, high) -> floats (fun _ -> uniform gap high * (if random.Next 2 = 0 then 1.0 else -1.0))
        | NearWhole offset -> floats (fun _ -> float (random.Next(-3, 4)) + offset + uniform -0.3 0.3)
        | Apart parity ->
            let order = Array.init count id
            random.Shuffle order
            floats (fun i -> 0.2 * float (order[i] - count / 2) + 0.1 * float parity + uniform -0.03 0.03)
        | Index limit -> Tensor.ofArray input.Shape (Array.init count (fun _ -> random.Next limit))
        | Choice -> Tensor.ofArray input.Shape (Array.init count (fun _ -> random.Next 2 = 0))

    /// A form of a line, by number, for some sizes, on arguments: what printed programs are made of.
    let apply (name: string) (form: int) (sizes: Sizes) (arguments: Tensor[]) : Tensor =
        ((find name).Forms[form] sizes).Apply arguments
