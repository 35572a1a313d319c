namespace Ad.Checks

open System
open System.Numerics
open Ad.Functional
open Ad.Tensors

/// What an oracle says of a function.
type Examined =
    /// It can say nothing of such a function.
    | NotChosen
    /// The derivative is what it must be.
    | Holds
    /// It is not: a sentence why.
    | Breaks of string

/// The transforms that oracles examine, so that wrong ones can be put in their places.
type internal Calculus =
    { Taylor: int -> (Tensor[] -> Tensor) -> Tensor[] -> Tensor[] -> Tensor list
      Map: (Tensor[] -> Tensor) -> Tensor[] -> Tensor
      Linearize: (Tensor[] -> Tensor) -> Tensor[] -> Tensor[] -> Tensor
      Values: Tensor[] -> float[][] }

/// A way to know a derivative that has nothing in common with the others.
[<Sealed>]
type Oracle internal (name: string, scope: string, examine: Calculus -> Trial -> Examined) =
    /// Its name.
    member _.Name = name

    /// Which functions it is for.
    member _.Scope = scope

    member internal _.ExamineWith calculus trial = examine calculus trial

    /// A law that is for all functions.
    static member Of(law: Law) =
        let examine _ trial =
            match law.Check trial with
            | None -> Holds
            | Some why -> Breaks why

        Oracle(law.Name, "all functions", examine)

/// What oracles have in common.
module internal Examining =
    let floats (x: Tensor[]) = x |> Array.filter (fun t -> t.DType.IsFloat())
    let numbers (t: Tensor) : float[] = (Tensor.cast Float64 t).ToArray<float>()

    let pushed (t: Trial) x = snd (Forward.jvp t.Function x t.Direction)

    let compared what (a: float) (b: float) tight (slack: unit -> float) =
        // What is not a number on both sides agrees.
        if abs (a - b) <= tight || (Double.IsNaN a && Double.IsNaN b) then
            Holds
        else
            let tolerance = tight + slack ()

            if abs (a - b) <= tolerance then
                Holds
            else
                Breaks $"{what}: {a:R} against {b:R}, {abs (a - b):G3} apart where {tolerance:G3} is allowed."

    let unit = Differences.unit64

    /// Rounding, ample: first what the terms of the sum allow, then what is measured on the way to them.
    let close what a b size f x g =
        compared what a b (64.0 * unit * (size + 1e-290)) (fun () -> 64.0 * unit * Rounding.spread f x g)

    let firstOf (examined: Examined seq) =
        let all = Seq.cache examined

        match all |> Seq.tryFind (fun (e: Examined) -> e.IsBreaks) with
        | Some broken -> broken
        | None ->
            if all |> Seq.exists (fun (e: Examined) -> e.IsHolds) then
                Holds
            else
                NotChosen
