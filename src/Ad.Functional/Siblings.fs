namespace Ad.Functional

open System.Collections.Generic
open Ad.Tensors

/// Results of one control structure, or of one function with a rule by hand, which are made, differentiated and mapped together.
[<RequireQualifiedAccess>]
module internal Siblings =
    let private hash (x: obj) = System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode x

    let private key =
        HashIdentity.FromFunctions
            (fun (struct (family: obj, inputs: Tensor[])) ->
                inputs |> Array.fold (fun code input -> code * 31 + hash input) (hash family))
            (fun (struct (a, x)) (struct (b, y)) ->
                obj.ReferenceEquals(a, b)
                && x.Length = y.Length
                && Array.forall2 (fun (p: Tensor) q -> obj.ReferenceEquals(p, q)) x y)

    /// What a node has in common with its siblings, and which result it is. A function with a rule by hand has its own value as first input.
    let private place (t: Tensor) (inputs: Tensor[]) =
        match t.Op with
        | Control(structure, result) -> ValueSome(struct (struct (structure :> obj, inputs), result))
        | Custom(rule, result) -> ValueSome(struct (struct (rule :> obj, Array.tail inputs), result))
        | _ -> ValueNone

    /// For a node of the list with these inputs, those of its family, in order, with the results that they are.
    let find (nodes: struct (Tensor * Tensor[]) seq) : Tensor -> Tensor[] -> (Tensor * int)[] =
        let groups = Dictionary<struct (obj * Tensor[]), List<Tensor * int>>(key)

        for struct (t, inputs) in nodes do
            match place t inputs with
            | ValueSome(struct (k, result)) ->
                match groups.TryGetValue k with
                | true, group -> group.Add((t, result))
                | _ -> groups[k] <- List [ t, result ]
            | ValueNone -> ()

        fun t inputs ->
            match place t inputs with
            | ValueSome(struct (k, _)) -> groups[k].ToArray()
            | ValueNone -> [||]
