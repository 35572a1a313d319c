namespace Ad.Functional

open Ad.Tensors

/// Products and parts of matrices and of tensors with more axes.
[<RequireQualifiedAccess>]
module Linalg =
    /// The number of rows of square matrices in the last two axes.
    let internal square operation (t: Tensor) =
        if t.Rank < 2 || t.Shape[t.Rank - 1] <> t.Shape[t.Rank - 2] then
            Shapes.refuse
                operation
                $"takes square matrices in the last two axes, but was given {t.Signature}."

        t.Shape[t.Rank - 1]

    let private diagonalOf name k (t: Tensor) =
        if t.Rank < 2 then
            Shapes.refuse name $"takes matrices in the last two axes, but was given {t.Signature}."

        let n, m = t.Shape[t.Rank - 2], t.Shape[t.Rank - 1]
        let leading = Seq.take (t.Rank - 2) t.Shape |> Seq.toList
        let count = if k >= 0 then min n (m - k) else min (n + k) m
        // Every (m + 1)-th element of the rows one after another.
        let start, stop =
            if count <= 0 then
                0, 0
            else
                let start = if k >= 0 then k else -k * m
                start, start + (count - 1) * (m + 1) + 1

        Tensor.reshape (leading @ [ n * m ]) t |> Tensor.sliceAxis -1 start stop (m + 1)

    /// The diagonal of the last two axes, as long as the shorter of them.
    let diagonal (t: Tensor) : Tensor = diagonalOf "diagonal" 0 t

    /// The k-th diagonal of the last two axes (k = 0 the main one, above it k > 0): element i of it is t[..., i, i + k]. Empty where there is none.
    let diagonalAt (k: int) (t: Tensor) : Tensor = diagonalOf "diagonalAt" k t

    /// The matrix with a vector on its diagonal and zeros elsewhere.
    let diag (v: Tensor) : Tensor =
        if v.Rank <> 1 then
            Shapes.refuse "diag" $"takes a vector, but was given {v.Signature}."

        let n = v.Shape[0]
        Tensor.where (Tensor.eye DType.Bool n) v (Tensor.zeros v.DType [ n; n ])

    let private triangle operation keep (t: Tensor) =
        if t.Rank < 2 then
            Shapes.refuse operation $"takes matrices, but was given {t.Signature}."

        let place axis = Tensor.iota DType.Int32 (Seq.skip (t.Rank - 2) t.Shape) axis
        Tensor.where (keep (place 1 - place 0)) t (Tensor.zerosLike t)

    /// The elements on and above the k-th diagonal of the last two axes (k = 0 the main one, above it k > 0), zeros elsewhere.
    let triu (k: int) (t: Tensor) : Tensor =
        triangle "triu" (fun above -> Tensor.greaterEqual above (Tensor.fullLike above (float k))) t

    /// The elements on and below the k-th diagonal of the last two axes, zeros elsewhere.
    let tril (k: int) (t: Tensor) : Tensor =
        triangle "tril" (fun above -> Tensor.lessEqual above (Tensor.fullLike above (float k))) t

    /// Products summed over axes of a paired with axes of b: a's other axes, then b's.
    let tensordot (axesOfA: int seq) (axesOfB: int seq) (a: Tensor) (b: Tensor) : Tensor =
        let resolve (t: Tensor) axes = axes |> Seq.map (Shapes.axis "tensordot" t.Rank) |> axesOf
        let none = axesOf []
        Tensor.Create(Contract(none, none, resolve a axesOfA, resolve b axesOfB), a, b)

    /// The Kronecker product: every element of a times all of b, along each axis; of tensors of any ranks, axes of size 1 put before the fewer.
    let kron (a: Tensor) (b: Tensor) : Tensor =
        let rank = max a.Rank b.Rank

        let filled (t: Tensor) = Tensor.reshape (Seq.append (Seq.replicate (rank - t.Rank) 1) t.Shape) t

        let a, b = filled a, filled b

        Tensor.outer a b
        |> Tensor.permute (Seq.init (2 * rank) (fun i -> if i % 2 = 0 then i / 2 else rank + i / 2))
        |> Tensor.reshape (Seq.map2 (*) a.Shape b.Shape)

    /// The numbers of rows and columns of matrices in the last two axes.
    let internal matrix name (a: Tensor) =
        if a.Rank < 2 then
            Shapes.refuse name $"takes matrices, but was given {a.Signature}."

        a.Shape[a.Rank - 2], a.Shape[a.Rank - 1]

    /// Each matrix transposed.
    let internal turned (a: Tensor) = Tensor.swapAxes -1 -2 a

    /// The identity, as often as there are matrices.
    let internal eyeLike (a: Tensor) = Tensor.eye a.DType a.Shape[a.Rank - 1] + Tensor.zerosLike a
