namespace Ad.Functional

open Ad.Tensors

/// Whole matrices of derivatives, by passes that carry several directions each.
[<AutoOpen>]
module Jacobians =
    /// A function of each unit tensor like x, so many at a time by vmap, one result after another along axis 0. Like are what the function gives for one.
    let private eachUnit (chunk: int) (x: Tensor) (like: Signature[]) (f: Tensor -> Tensor[]) : Tensor[] =
        let n = int x.Count

        if n = 0 then
            like |> Array.map (fun s -> Tensor.zeros s.Type (Seq.append [ 0 ] s.Shape))
        else
            let parts =
                [ for first in 0..chunk .. n - 1 do
                      let count = min chunk (n - first)
                      let places = Tensor.arange DType.Int32 count + first

                      let units =
                          Tensor.oneHot x.DType n places |> Tensor.reshape (Seq.append [ count ] x.Shape)

                      Trace.settle (vmap f units) ]

            like
            |> Array.mapi (fun i _ -> parts |> List.map (Array.item i) |> Tensor.concat 0)

    let private overUnits chunk (x: Tensor) (like: Signature) (f: Tensor -> Tensor) : Tensor =
        eachUnit chunk x [| like |] (fun unit -> [| f unit |]) |> Array.head

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

    /// The axes of a block, so many of them first as they came, put last.
    let private turned (first: int) (block: Tensor) =
        Tensor.permute (Seq.append (Seq.init (block.Rank - first) ((+) first)) (Seq.init first id)) block

    /// <summary>
    /// The Jacobian by blocks, of trees by trees: for each tensor of f(x), in order, a tree like x, whose leaf for a tensor of x has the shape of the result's
    /// tensor, then that of x's. By forward mode when x has at most as many elements as f(x), else by reverse.
    /// </summary>
    /// <remarks>Blocks of integers and booleans are zeros.</remarks>
    let jacobianTree (f: 'a -> 'b) (x: 'a) : 'a list =
        let y, push = Forward.linearize f x
        let xs, ys = Tree.leaves x, Tree.leaves y
        let isFloat (t: Tensor) = t.DType.IsFloat()
        let count (all: Tensor[]) = all |> Array.sumBy (fun t -> if isFloat t then t.Count else 0L)
        let chunk = fitting (max (count xs) (count ys))

        let zeros (y: Tensor) (x: Tensor) =
            Tensor.zeros (if isFloat y then x.DType else y.DType) (Seq.append y.Shape x.Shape)

        // The others hold zeros while units go through one.
        let only (all: Tensor[]) i unit =
            all |> Array.mapi (fun k t -> if k = i then unit else Tensor.zerosLike t)

        let blocks =
            if count xs <= count ys then
                let columns =
                    xs
                    |> Array.mapi (fun j x' ->
                        if isFloat x' then
                            eachUnit chunk x' (ys |> Array.map _.Signature) (fun unit ->
                                Tree.leaves (push (Tree.withLeaves (only xs j unit) x)))
                            |> Array.map2
                                (fun (y: Tensor) block ->
                                    turned 1 block |> Tensor.reshape (Seq.append y.Shape x'.Shape))
                                ys
                        else
                            ys |> Array.map (fun y -> zeros y x'))

                ys |> Array.mapi (fun i _ -> columns |> Array.map (Array.item i))
            else
                let y, pull = Reverse.vjp f x

                ys
                |> Array.mapi (fun i y' ->
                    if isFloat y' then
                        eachUnit chunk y' (xs |> Array.map _.Signature) (fun unit ->
                            Tree.leaves (pull (Tree.withLeaves (only ys i unit) y)))
                        |> Array.map2
                            (fun (x: Tensor) block -> Tensor.reshape (Seq.append y'.Shape x.Shape) block)
                            xs
                    else
                        xs |> Array.map (zeros y'))

        blocks |> Array.map (fun row -> Tree.withLeaves row x) |> List.ofArray

    /// The Hessian by blocks of a function of a tree with a scalar result: for each tensor of x, in order, a tree like x, whose leaf has the shape of the one,
    /// then of the other.
    let hessianTree (f: 'a -> Tensor) (x: 'a) : 'a list = jacobianTree (Reverse.gradient f) x

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
