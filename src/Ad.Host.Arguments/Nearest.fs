namespace Ad.Host.Arguments

open System

/// Finds the word somebody meant.
[<RequireQualifiedAccess>]
module Nearest =
    /// How many letters must be added, dropped, changed or swapped with their neighbour to get from one word to
    /// the other (Damerau 1964, optimal string alignment).
    let private distance (a: string) (b: string) =
        let cost = Array2D.init (a.Length + 1) (b.Length + 1) (fun i j -> if i = 0 then j else i)

        for i in 1 .. a.Length do
            for j in 1 .. b.Length do
                let change = if a[i - 1] = b[j - 1] then 0 else 1

                let plain = min (cost[i - 1, j - 1] + change) (1 + min cost[i - 1, j] cost[i, j - 1])

                let swapped = i > 1 && j > 1 && a[i - 1] = b[j - 2] && a[i - 2] = b[j - 1]

                cost[i, j] <-
                    if swapped then
                        min plain (cost[i - 2, j - 2] + 1)
                    else
                        plain

        cost[a.Length, b.Length]

    /// " Did you mean 'x'?" for the known word nearest to the given one, case aside; empty when none is near.
    [<CompiledName("Suggestion")>]
    let suggestion (known: string seq) (word: string) =
        let bare (w: string) = w.TrimStart('-').ToLowerInvariant()

        let near =
            known
            |> Seq.map (fun k -> distance (bare k) (bare word), k)
            |> Seq.filter (fun (d, k) -> 2 * d < min 7 (max (bare k).Length (bare word).Length))
            |> Seq.sortBy fst
            |> Seq.tryHead

        match near with
        | Some(_, k) -> $" Did you mean '{k}'?"
        | None -> String.Empty
