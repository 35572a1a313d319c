namespace Ad.Functional

open System
open Ad.Tensors

/// <summary>An optimizer: two pure functions. Its state is a tree, so that it can be saved, resumed and differentiated through.</summary>
/// <remarks>The interface of optax (Babuschkin et al. 2020): updates are added to the parameters. Parts are chained by <c>&gt;-&gt;</c>.</remarks>
type Optimizer<'P, 'S> =
    {
        /// The state before the first step.
        Init: 'P -> 'S
        /// From gradients, state and parameters to updates and the next state.
        Update: 'P -> 'S -> 'P -> 'P * 'S
    }

/// A number that depends on the step, counted from 0 in an Int32 tensor of rank 0: a schedule's value has rank 0.
type Schedule = Tensor -> Tensor

/// What an optimizer does leaf by leaf: floats move, integers and booleans stay as they are.
[<RequireQualifiedAccess>]
module internal Leaves =
    let private onFloats f (leaf: Tensor) = if leaf.DType.IsFloat() then f leaf else leaf

    let map f (tree: 'P) : 'P = Tree.map (onFloats f) tree

    let map2 f (a: 'P) (b: 'P) : 'P = Tree.map2 (fun a b -> onFloats (fun a -> f a b) a) a b

    /// The leaves of trees of one structure, taken together: the first decides which are floats.
    let mapAll (f: Tensor[] -> Tensor) (trees: 'P list) : 'P =
        let leaves = trees |> List.map Tree.leaves

        leaves.Head
        |> Array.mapi (fun i leaf -> onFloats (fun _ -> f [| for l in leaves -> l[i] |]) leaf)
        |> fun mapped -> Tree.withLeaves mapped trees.Head

    let map3 f (a: 'P) (b: 'P) (c: 'P) : 'P = mapAll (fun x -> f x[0] x[1] x[2]) [ a; b; c ]
    let map4 f (a: 'P) (b: 'P) (c: 'P) (d: 'P) : 'P = mapAll (fun x -> f x[0] x[1] x[2] x[3]) [ a; b; c; d ]
    let zeros (tree: 'P) : 'P = Tree.map Tensor.zerosLike tree

    /// A factor of rank 0 in the leaf's own type.
    let times (factor: Tensor) (leaf: Tensor) = leaf * Tensor.cast leaf.DType factor

    /// decay average + (1 - decay) x.
    let average (decay: float) (x: 'P) (averages: 'P) : 'P =
        map2 (fun x m -> decay * m + (1.0 - decay) * x) x averages

    /// Averages over 1 - decay^count, by which an average that began at 0 is too small after so many steps. One division for a whole leaf: a product an element is
    /// several times as fast as a quotient.
    let unbiased (decay: float) (count: Tensor) (averages: 'P) : 'P =
        averages
        |> map (fun leaf ->
            let count = Tensor.cast leaf.DType count
            leaf * (1.0 / (1.0 - Tensor.Pow(Tensor.fullLike count decay, count))))

    let squares (tree: 'P) : 'P = map Tensor.square tree

    /// The sum over all float leaves, in Float64.
    let total (f: Tensor -> Tensor) (tree: 'P) : Tensor =
        Tree.leaves tree
        |> Array.filter (fun t -> t.DType.IsFloat())
        |> Array.map (Tensor.cast DType.Float64 >> f >> Tensor.sum)
        |> Array.fold (+) (Tensor.zeros DType.Float64 [])

    let dot (a: 'P) (b: 'P) : Tensor = total id (map2 (*) a b)

    /// 0 / 0 = 0.
    let ratio (a: Tensor) (b: Tensor) =
        let isZero = Tensor.equal b (Tensor.zerosLike b)
        Tensor.where isZero (Tensor.zerosLike a) (a / Tensor.where isZero (Tensor.onesLike b) b)

    /// Per leaf: the first tree where the condition of rank 0 holds, the second elsewhere.
    let choose (condition: Tensor) (a: 'T) (b: 'T) : 'T = Tree.map2 (Tensor.where condition) a b
