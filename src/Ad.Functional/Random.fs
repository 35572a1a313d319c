namespace Ad.Functional

open System
open Ad.Tensors

/// A key for random numbers: two 32-bit words in a tensor, so that it may be an argument of jit. Never changed: the same key gives the same
/// numbers, so split it rather than use it twice.
type Key = { Words: Tensor }

/// Makes keys from keys.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Key =
    /// The key of a seed.
    let ofSeed (seed: int64) = { Words = Tensor.vector [ int32 (seed >>> 32); int32 seed ] }

    let private bits (key: Key) (shape: int seq) =
        Tensor.Create(Op.Random(DType.Int32, shapeOf shape), key.Words)

    /// Several new keys, unrelated to each other and to the numbers of any of them.
    let split (count: int) (key: Key) : Key[] =
        let words = bits key [ count; 2 ]
        Array.init count (fun i -> { Words = words[i] })

    /// A new key for a number (a step, an epoch), a tensor so that jit need not know it.
    let foldInTensor (number: Tensor) (key: Key) : Key =
        let hashed = bits key [ 2 ]
        let second = Tensor.Create(Iota(DType.Int32, shapeOf [ 2 ], 0))

        bits { Words = hashed + second * Tensor.cast DType.Int32 number } [ 2 ]
        |> fun words -> { Words = words }

    /// A new key for a number (a step, an epoch).
    let foldIn (number: int) (key: Key) : Key = foldInTensor (Tensor.scalar number) key

/// Random tensors, each a pure function of a key (Threefry-2x32, Salmon et al. 2011).
[<RequireQualifiedAccess>]
module Random =
    /// Uniform in [0, 1) in a float type.
    let uniformOf (dtype: DType) (key: Key) (shape: int seq) : Tensor =
        if not (dtype.IsFloat()) then
            Shapes.refuse "uniform" $"makes floats, not {dtype.Name()}."

        Tensor.Create(Op.Random(dtype, shapeOf shape), key.Words)

    /// Uniform in [0, 1), Float64.
    let uniform key shape = uniformOf DType.Float64 key shape

    /// Standard normal in a float type, by the transform of Box and Muller (1958): sqrt(-2 log u) cos(2 pi v).
    let rec normalOf (dtype: DType) (key: Key) (shape: int seq) : Tensor =
        let shape = Seq.toArray shape

        if dtype.IsHalf() then
            // Of few bits, uniform numbers would leave out the tails.
            Tensor.cast dtype (normalOf DType.Float32 key shape)
        else
            let u = uniformOf dtype key (Array.append [| 2 |] shape)
            // 1 - u lies in (0, 1], where the logarithm is finite.
            let radius = sqrt (-2.0 * log (1.0 - u[0]))
            radius * cos (2.0 * Math.PI * u[1])

    /// Standard normal, Float64.
    let normal key shape = normalOf DType.Float64 key shape

    /// True with a probability, independently.
    let bernoulli (probability: float) (key: Key) (shape: int seq) : Tensor =
        if not (probability >= 0.0 && probability <= 1.0) then
            Shapes.refuse "bernoulli" $"the probability {probability} is not between 0 and 1."

        let u = uniform key shape
        Tensor.less u (Tensor.fullLike u probability)

    /// Whole numbers from low up to but not including high, Int32.
    let integers (low: int) (high: int) (key: Key) (shape: int seq) : Tensor =
        if high <= low then
            Shapes.refuse "integers" $"there is no whole number from {low} up to but not including {high}."

        let u = uniform key shape

        Tensor.floor (u * (float high - float low)) + float low
        |> Tensor.cast DType.Int32
