namespace Ad.Functional

open Ad.Tensors

/// Whole matrices of derivatives, by passes that carry several directions each.
[<AutoOpen>]
module Jacobians =
    /// A function of each unit tensor like x, so many at a time by vmap, one result after another along axis 0. Like is what the function gives for one.
    let private overUnits (chunk: int) (x: Tensor) (like: Signature) (f: Tensor -> Tensor) : Tensor =
        let n = int x.Count

        if n = 0 then
            Tensor.zeros like.Type (Seq.append [ 0 ] like.Shape)
        else
            [ for first in 0..chunk .. n - 1 do
                  let count = min chunk (n - first)
                  let places = Tensor.arange DType.Int32 count + first
                  let units = Tensor.oneHot x.DType n places |> Tensor.reshape (Seq.append [ count ] x.Shape)
                  Trace.settle [| vmap f units |] |> Array.head ]
            |> Tensor.concat 0

    // As many directions as keep a pass within some 32 MiB a value.
    let private fitting (count: int64) = int (max 1L (min 256L (4_194_304L / max 1L count)))

    let private jacobianBy (chunk: int64 -> int) (f: Tensor -> Tensor) (x: Tensor) : Tensor =
        let y, push = Forward.linearize f x
        let shape = Seq.append y.Shape x.Shape |> Seq.toArray
        let chunk = chunk (max x.Count y.Count)

        if x.Count <= y.Count then
            let columns = overUnits chunk x y.Signature push
            let order = Seq.append (Seq.init y.Rank ((+) 1)) [ 0 ]
            Tensor.permute order columns |> Tensor.reshape shape
        else
            let y, pull = Reverse.vjp f x
            overUnits chunk y x.Signature pull |> Tensor.reshape shape

    /// The Jacobian, shape of f(x) then shape of x: by forward mode when x has at most as many elements as f(x), else by reverse; as many directions a pass as fit
    /// some memory.
    let jacobian (f: Tensor -> Tensor) (x: Tensor) : Tensor = jacobianBy fitting f x

    /// <summary>The Jacobian, so many columns, or rows, a pass. A larger chunk takes fewer passes and more memory.</summary>
    /// <exception cref="T:System.ArgumentException">The chunk is less than 1.</exception>
    let jacobianChunked (chunk: int) (f: Tensor -> Tensor) (x: Tensor) : Tensor =
        if chunk < 1 then
            Shapes.refuse "jacobianChunked" $"cannot take {chunk} directions at a time."

        jacobianBy (fun _ -> chunk) f x

    /// The Hessian of a function with a scalar result, shape of x twice: forward over reverse, as many directions a pass as fit some memory.
    let hessian (f: Tensor -> Tensor) (x: Tensor) : Tensor = jacobian (Reverse.gradient f) x

    let private scalarOf (x: Tensor) : Signature = { Type = x.DType; Shape = Shape.Scalar }

    /// The sum of second derivatives by each element of x, by forward over forward, without the Hessian.
    let laplacian (f: Tensor -> Tensor) (x: Tensor) : Tensor =
        overUnits (fitting x.Count) x (scalarOf x) (fun unit ->
            let along x = snd (Forward.jvp f x unit)
            let second = snd (Forward.jvp along x unit)
            Forward.scalarResult "laplacian" second
            second)
        |> Tensor.sum

    let private sameShape name (x: Tensor) (y: Tensor) =
        if y.Shape <> x.Shape then
            Shapes.refuse name $"the function takes {x.Signature} to {y.Signature}; the shapes must be equal."

    /// The sum of df_i/dx_i of a function that keeps the shape, by forward mode.
    let divergence (f: Tensor -> Tensor) (x: Tensor) : Tensor =
        overUnits (fitting x.Count) x (scalarOf x) (fun unit ->
            let y, moved = Forward.jvp f x unit
            sameShape "divergence" x y
            Tensor.sum (moved * unit))
        |> Tensor.sum
