namespace Ad.Functional

open System
open Ad.Tensors

/// First values of weights. Fan-in and fan-out are the numbers of a unit's inputs and of a layer's outputs.
[<RequireQualifiedAccess>]
module Initializers =
    let private fan name (count: int) =
        if count < 1 then
            Shapes.refuse name $"takes a fan of at least 1, but was given {count}."

        float count

    /// Normal with a standard deviation.
    [<CompiledName("Normal")>]
    let normal (deviation: float) (dtype: DType) (key: Key) (shape: int seq) : Tensor =
        Random.normalOf dtype key shape * deviation

    /// Uniform in [-bound, bound).
    [<CompiledName("Uniform")>]
    let uniform (bound: float) (dtype: DType) (key: Key) (shape: int seq) : Tensor =
        Random.uniformOf dtype key shape * (2.0 * bound) - bound

    /// Uniform in [-b, b) with b = sqrt(6 / (fanIn + fanOut)) (Glorot and Bengio 2010, eq. 16).
    [<CompiledName("GlorotUniform")>]
    let glorotUniform (dtype: DType) (fanIn: int) (fanOut: int) : Key -> int seq -> Tensor =
        uniform (Math.Sqrt(6.0 / (fan "glorotUniform" fanIn + fan "glorotUniform" fanOut))) dtype

    /// Normal with variance 2 / (fanIn + fanOut) (Glorot and Bengio 2010, eq. 12).
    [<CompiledName("GlorotNormal")>]
    let glorotNormal (dtype: DType) (fanIn: int) (fanOut: int) : Key -> int seq -> Tensor =
        normal (Math.Sqrt(2.0 / (fan "glorotNormal" fanIn + fan "glorotNormal" fanOut))) dtype

    /// Normal with variance 4 / (fanIn + fanOut): between what keeps the variance of values and of gradients behind rectifiers.
    [<CompiledName("BalancedNormal")>]
    let balancedNormal (dtype: DType) (fanIn: int) (fanOut: int) : Key -> int seq -> Tensor =
        normal (Math.Sqrt(4.0 / (fan "balancedNormal" fanIn + fan "balancedNormal" fanOut))) dtype

    /// Normal with variance 2 / fanIn, which keeps the variance of values behind rectifiers (He et al. 2015, eq. 10).
    [<CompiledName("HeNormal")>]
    let heNormal (dtype: DType) (fanIn: int) : Key -> int seq -> Tensor =
        normal (Math.Sqrt(2.0 / fan "heNormal" fanIn)) dtype

    /// Normal with variance 2 / fanOut, which keeps the variance of gradients behind rectifiers (He et al. 2015, eq. 14).
    [<CompiledName("HeNormalBackward")>]
    let heNormalBackward (dtype: DType) (fanOut: int) : Key -> int seq -> Tensor =
        normal (Math.Sqrt(2.0 / fan "heNormalBackward" fanOut)) dtype

    /// Uniform with variance 2 / fanIn (He et al. 2015).
    [<CompiledName("HeUniform")>]
    let heUniform (dtype: DType) (fanIn: int) : Key -> int seq -> Tensor =
        uniform (Math.Sqrt(6.0 / fan "heUniform" fanIn)) dtype

    /// Normal with variance 1 / fanIn (LeCun et al. 1998).
    [<CompiledName("LecunNormal")>]
    let lecunNormal (dtype: DType) (fanIn: int) : Key -> int seq -> Tensor =
        normal (Math.Sqrt(1.0 / fan "lecunNormal" fanIn)) dtype

    /// Orthonormal columns, or rows if those are fewer, uniform among all such (Saxe, McClelland and Ganguli 2014): a normal matrix made orthogonal by Gram and
    /// Schmidt's method, twice, which leaves errors of rounding only (Giraud et al. 2005).
    [<CompiledName("Orthogonal")>]
    let orthogonal (dtype: DType) (key: Key) (rows: int) (columns: int) : Tensor =
        let count, length = min rows columns, max rows columns
        let normals = Random.normalOf dtype key [ count; length ]

        let without (basis: Tensor list) (v: Tensor) =
            match basis with
            | [] -> v
            | _ ->
                let basis = Tensor.stack 0 basis
                v - Tensor.matmul (Tensor.matmul basis v) basis

        let basis =
            ([], seq { 0 .. count - 1 })
            ||> Seq.fold (fun basis i ->
                let v = normals[i] |> without basis |> without basis
                let v = v * Tensor.rsqrt (Tensor.sum (Tensor.square v))
                Tensor.eval v :: basis)
            |> List.rev
            |> Tensor.stack 0

        if rows <= columns then basis else Tensor.transpose basis

    /// Normal with a standard deviation in so many places of each row, 0 elsewhere (Martens 2010).
    [<CompiledName("Sparse")>]
    let sparse
        (perRow: int)
        (deviation: float)
        (dtype: DType)
        (key: Key)
        (rows: int)
        (columns: int)
        : Tensor =
        if perRow < 0 || perRow > columns then
            Shapes.refuse
                "sparse"
                $"takes 0 to {columns} places in a row of {columns}, but was given {perRow}."

        let keys = Key.split 2 key
        let order = Tensor.toArray<float>(Random.uniform keys[0] [ rows; columns ])

        let chosen =
            [| for row in 0 .. rows - 1 do
                   let places = Array.sub order (row * columns) columns
                   let limit = if perRow = 0 then -1.0 else (Array.sort places)[perRow - 1]
                   for place in places -> place <= limit |]

        let values = normal deviation dtype keys[1] [ rows; columns ]
        Tensor.where (Tensor.ofArray [ rows; columns ] chosen) values (Tensor.zerosLike values)
