namespace Ad.Checks

open Ad.Functional
open Ad.Tensors

/// What an operation of a random program stands within.
type Nesting =
    /// Nothing: it is used as it is.
    | Bare
    /// The gradient of half the sum of its squares, by all its float arguments.
    | WithinGradient
    /// Its derivative along half its arguments.
    | WithinTangent
    /// A map over two examples, which share all arguments but the first.
    | WithinMap
    /// jit.
    | WithinJit
    /// checkpoint.
    | WithinCheckpoint
    /// A function whose pullback is given by hand.
    | PullbackByHand
    /// A function whose directional derivative is given by hand.
    | TangentByHand

/// Puts functions within transforms.
[<RequireQualifiedAccess>]
module Nestings =
    /// All but Bare.
    let transforms: Nesting list =
        [ WithinGradient
          WithinTangent
          WithinMap
          WithinJit
          WithinCheckpoint
          PullbackByHand
          TangentByHand ]

    let private isFloat (t: Tensor) = t.DType.IsFloat()

    /// <summary>The function within a transform, at some arguments. Right when the function is, and smooth where it is.</summary>
    let apply (nesting: Nesting) (f: Tensor[] -> Tensor) (x: Tensor[]) : Tensor =
        match nesting with
        | Bare -> f x
        | WithinGradient ->
            Reverse.gradient (fun x -> 0.5 * Tensor.sum (Tensor.square (f x))) x
            |> Array.filter isFloat
            |> Array.map Tensor.flatten
            |> Tensor.concat 0
        | WithinTangent ->
            let direction = x |> Array.map (fun t -> if isFloat t then 0.5 * t else t)
            snd (Forward.jvp f x direction)
        | WithinMap ->
            let first = Array.findIndex isFloat x
            let axes = Array.init x.Length (fun i -> if i = first then Some 0 else None)
            vmapAxes axes 0 f (Array.updateAt first (Tensor.stack 0 [ x[first]; x[first] ]) x)
        | WithinJit -> jit f x
        | WithinCheckpoint -> checkpoint f x
        | PullbackByHand -> customVjp f (fun x g -> snd (Reverse.vjp f x) g) x
        | TangentByHand -> customJvp f (fun x v -> snd (Forward.jvp f x v)) x
