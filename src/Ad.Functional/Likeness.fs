namespace Ad.Functional

open System
open Ad.Tensors

/// What stretches of graphs have in common that become one program: everything but the values.
[<RequireQualifiedAccess>]
module internal Likeness =
    /// Whether a number is part of a program, because simplification can use it; others are arguments, so that a changing learning rate does not make a new
    /// program at every step.
    let isStructural (value: Scalar) =
        not (value.Type.IsFloat())
        || (match value.ToDouble() with
            | 0.0
            | 1.0
            | -1.0
            | 2.0
            | 0.5 -> true
            | _ -> false)

    /// A number that equal types and shapes have in common.
    let ofSignature (s: Signature) = (s.Shape.GetHashCode() <<< 3) + int s.Type

    /// Whether two types and shapes are one.
    let isOne (a: Signature) (b: Signature) =
        a.Type = b.Type
        && (obj.ReferenceEquals(a.Shape, b.Shape) || a.Shape.Equals b.Shape)

    /// A number that like operations have in common.
    let ofOp (op: Op) : int =
        match op with
        | Pointwise f -> int f
        | Constant(value, _) ->
            if isStructural value then
                value.GetHashCode()
            else
                1_000 + int value.Type
        | Cast t -> 2_000 + int t
        | Reshape shape
        | Broadcast shape -> 3_000 + shape.GetHashCode()
        | Control(structure, result) -> (structure.Operation result).GetHashCode()
        | Reduce(kind, axes) -> (4_000 + int kind) ^^^ axes.GetHashCode()
        | Permute axes -> 5_000 ^^^ axes.GetHashCode()
        | Flip axes -> 6_000 ^^^ axes.GetHashCode()
        | Slice(starts, sizes, steps) ->
            HashCode.Combine(7_000, starts.GetHashCode(), sizes.GetHashCode(), steps.GetHashCode())
        | Pad(low, high, interior) ->
            HashCode.Combine(8_000, low.GetHashCode(), high.GetHashCode(), interior.GetHashCode())
        | Variable
        | Custom _
        | Data
        | Iota _
        | Random _
        | StopGradient
        | OnDevice _
        | CumulativeSum _
        | Concatenate _
        | Take _
        | ScatterAdd _
        | Contract _
        | Decompose _
        | Solve _
        | Convolve _
        | Window _
        | Sort _
        | WindowShare _
        | WindowSpread _ -> op.GetHashCode()

    /// Whether nodes of one type and shape with like operations are computed alike.
    let areLike (a: Op) (b: Op) : bool =
        obj.ReferenceEquals(a, b)
        || (match a, b with
            | Pointwise f, Pointwise g -> f = g
            | Constant(x, _), Constant(y, _) ->
                // Types and shapes are those of the nodes.
                if isStructural x then x.Equals y else not (isStructural y)
            | Control(_, i), Control(_, j) when i <> j -> false
            | Control(s, i), Control(t, _) ->
                obj.ReferenceEquals(s, t) || (s.Operation i).Equals(t.Operation i)
            | Slice(starts, _, steps), Slice(starts', _, steps') ->
                starts.Equals starts' && steps.Equals steps'
            | Reshape _, Reshape _
            | Broadcast _, Broadcast _ -> true
            | Reduce(kind, axes), Reduce(kind', axes') -> kind = kind' && axes.Equals axes'
            | a, b -> a.Equals b)

    /// Whether an operation only passes its first input on, for a device.
    let passesOn (device: Device | null) (op: Op) =
        match op with
        | Variable
        | Custom _
        | StopGradient -> true
        | OnDevice target -> obj.ReferenceEquals(target, device)
        | _ -> false
