namespace Ad.Functional

open Ad.Tensors

/// <summary>Mixed precision (Micikevicius et al. 2018): parameters and what optimizers keep stay in their own type, and networks compute in another.</summary>
/// <remarks>
/// A cast is linear, so that gradients come back in the parameters' type. Sums, products of matrices, softmax, means and normalizations of 16 bits add up in Float32; running
/// statistics are not cast. Float16 needs a loss scale; BFloat16, with Float32's range, does not.
/// </remarks>
[<RequireQualifiedAccess>]
module Precision =
    /// The tree with its floats in another type; integers and booleans stay as they are.
    [<CompiledName("Cast")>]
    let cast (dtype: DType) (tree: 'a) : 'a = Leaves.map (Tensor.cast dtype) tree

    let private floating (dtype: DType) =
        if not (dtype.IsFloat()) then
            Shapes.refuse "precision" $"takes a float type to compute in, but was given {dtype.Name()}."

    /// A function of parameters and inputs, computed in a type: both are cast to it, and its results to the type of the first float parameter, or Float32.
    [<CompiledName("Compute")>]
    let compute (dtype: DType) (f: 'P -> 'a -> 'b) : 'P -> 'a -> 'b =
        floating dtype

        fun p x ->
            let own =
                Tree.leaves p
                |> Array.tryFind (fun t -> t.DType.IsFloat())
                |> Option.map _.DType
                |> Option.defaultValue DType.Float32

            cast own (f (cast dtype p) (cast dtype x))

    /// A network that computes in a type: parameters and inputs are cast to it, states stay as they are.
    [<CompiledName("Network")>]
    let network (dtype: DType) (network: Network) : Network =
        floating dtype

        { Init = network.Init
          Apply = fun mode p state x -> network.Apply mode (cast dtype p) state (cast dtype x) }

    /// A model whose parts compute in a type, and whose results are of the model's own.
    [<CompiledName("Model")>]
    let model (dtype: DType) (model: Model) : Model =
        let last = model.Parts.Length - 1

        { model with
            Parts =
                model.Parts
                |> List.mapi (fun i (name, part) ->
                    let inner = network dtype part

                    let outer: Network =
                        { Init = inner.Init
                          Apply =
                            fun mode p state x ->
                                let y, state = inner.Apply mode p state x
                                (if i = last then cast model.DType y else y), state }

                    name, outer) }
