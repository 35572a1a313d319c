namespace Ad.Functional

open Ad.Tensors

/// Einstein's summation, within the module of matrices.
[<AutoOpen>]
module LinalgEinsum =
    /// Products named by the letters of their axes.
    [<RequireQualifiedAccess>]
    module Linalg =
        /// One axis for each label: labels that stand twice become the diagonal of their axes.
        let rec private diagonals (labels: char list) (t: Tensor) : char list * Tensor =
            match labels |> List.countBy id |> List.tryFind (fun (_, count) -> count > 1) with
            | None -> labels, t
            | Some(label, _) ->
                let first = List.findIndex ((=) label) labels
                let second = first + 1 + List.findIndex ((=) label) (List.skip (first + 1) labels)

                if t.Shape[first] <> t.Shape[second] then
                    Shapes.refuse
                        "einsum"
                        $"{label} stands for sizes {t.Shape[first]} and {t.Shape[second]} in {t.Signature}."

                let others = [ 0 .. t.Rank - 1 ] |> List.filter (fun a -> a <> first && a <> second)
                let rest = others |> List.map (fun a -> labels[a])
                diagonals (rest @ [ label ]) (Linalg.diagonal (Tensor.permute (others @ [ first; second ]) t))

        /// The tensor without the axes of labels that nothing else needs: they are summed.
        let private sumOut (needed: char -> bool) (labels: char list, t: Tensor) : char list * Tensor =
            let summed =
                labels
                |> List.indexed
                |> List.filter (fun (_, l) -> not (needed l))
                |> List.map fst

            List.filter needed labels, Tensor.sumOver summed t

        let private pair (needed: char -> bool) (left: char list, a: Tensor) (right: char list, b: Tensor) =
            let shared = left |> List.filter (fun l -> List.contains l right)
            let batch, summed = List.partition needed shared
            let placesIn labels = List.map (fun l -> List.findIndex ((=) l) labels) >> axesOf
            let free labels = labels |> List.filter (fun l -> not (List.contains l shared))

            for l in shared do
                let m, n = a.Shape[List.findIndex ((=) l) left], b.Shape[List.findIndex ((=) l) right]

                if m <> n then
                    Shapes.refuse
                        "einsum"
                        $"{l} stands for size {m} in {a.Signature} and {n} in {b.Signature}."

            let contraction =
                Contract(
                    placesIn left batch,
                    placesIn right batch,
                    placesIn left summed,
                    placesIn right summed
                )

            batch @ free left @ free right, Tensor.Create(contraction, a, b)

        // Letters in place of "...", for the axes that it stands for: the last ones' first, so that shapes broadcast from the end.
        let private unfold (formula: string) (tensors: Tensor list) : string * Tensor list =
            let sides = formula.Split "->"
            let inputs = sides[0].Split ','

            if not (formula.Contains "...") || inputs.Length <> tensors.Length then
                formula, tensors
            else
                let counts =
                    Seq.map2
                        (fun (labels: string) (t: Tensor) ->
                            if labels.Contains "..." then
                                t.Rank - (labels.Length - 3)
                            else
                                0)
                        inputs
                        tensors
                    |> Seq.toList

                let most = max 0 (List.max counts)

                let free =
                    Seq.append [ 'A' .. 'Z' ] [ 'a' .. 'z' ]
                    |> Seq.filter (fun l -> not (formula.Contains l))
                    |> Seq.truncate most
                    |> Seq.toArray

                if sides.Length > 1 && not (sides[1].Contains "...") && most > 0 then
                    Shapes.refuse "einsum" $"the result of '{formula}' lacks the '...' that its tensors have."

                let sizes =
                    Array.init most (fun k ->
                        Seq.zip3 inputs counts tensors
                        |> Seq.map (fun (labels, count, t) ->
                            let a = labels.IndexOf "..." + k - (most - count)
                            if k >= most - count then t.Shape[a] else 1)
                        |> Seq.max)

                // An axis of size 1 that meets a larger one is left out, so that it counts for all of it.
                let each (labels: string) count (t: Tensor) =
                    if count <= 0 then
                        labels.Replace("...", ""), t
                    else
                        let at = labels.IndexOf "..."
                        let places = [ for k in most - count .. most - 1 -> k, at + k - (most - count) ]

                        let single, kept =
                            places |> List.partition (fun (k, a) -> t.Shape[a] = 1 && sizes[k] <> 1)

                        let letters = kept |> List.map (fun (k, _) -> free[k]) |> System.String.Concat
                        labels.Replace("...", letters), Tensor.squeeze (List.map snd single) t

                let renamed, tensors = List.map3 each (List.ofArray inputs) counts tensors |> List.unzip
                let every = System.String.Concat free

                let result =
                    if sides.Length > 1 then
                        sides[1].Replace("...", every)
                    else
                        let single =
                            Seq.concat inputs
                            |> Seq.filter ((<>) '.')
                            |> Seq.countBy id
                            |> Seq.filter (fun (_, n) -> n = 1)
                            |> Seq.map fst
                            |> Seq.sort

                        every + System.String.Concat single

                String.concat "," renamed + "->" + result, tensors

        /// <summary>
        /// Einstein's summation: a letter for each axis of each tensor, and those of the result, such as "bij,bjk->bik". Letters that the result lacks are
        /// summed over; a letter twice in one tensor takes the diagonal. Without "->" the result has the letters that stand once, in alphabetical order. "..." stands for
        /// axes without a letter, which broadcast together.
        /// </summary>
        /// <exception cref="T:System.ArgumentException">The letters do not fit the tensors; the message says where.</exception>
        let einsum (formula: string) (tensors: Tensor seq) : Tensor =
            let formula, tensors = unfold (formula.Replace(" ", "")) (List.ofSeq tensors)
            let sides = formula.Split "->"
            let inputs = sides[0].Split ',' |> Array.map List.ofSeq |> List.ofArray

            let output =
                if sides.Length > 1 then
                    List.ofSeq sides[1]
                else
                    List.concat inputs
                    |> List.countBy id
                    |> List.filter (fun (_, n) -> n = 1)
                    |> List.map fst
                    |> List.sort

            if sides.Length > 2 || inputs.Length <> tensors.Length then
                Shapes.refuse
                    "einsum"
                    $"'{formula}' names {inputs.Length} tensors, but {tensors.Length} were given."

            for labels, t in List.zip inputs tensors do
                if labels.Length <> t.Rank || not (List.forall System.Char.IsAsciiLetter labels) then
                    Shapes.refuse
                        "einsum"
                        $"'{System.String.Concat labels}' does not name the axes of {t.Signature} by a letter each."

            match output |> List.tryFind (fun l -> not (List.exists (List.contains l) inputs)) with
            | Some l -> Shapes.refuse "einsum" $"the result's letter {l} stands in no tensor of '{formula}'."
            | None -> ()

            if (List.distinct output).Length < output.Length then
                Shapes.refuse "einsum" $"the result of '{formula}' names a letter twice."

            let neededBy (rest: (char list * Tensor) list) l =
                List.contains l output
                || List.exists (fun (labels, _) -> List.contains l labels) rest

            let rec combine (current: char list * Tensor) rest =
                match rest with
                | [] -> sumOut (neededBy []) current
                | next :: later ->
                    let current = sumOut (neededBy (next :: later)) current
                    let next = sumOut (neededBy (current :: later)) next
                    combine (pair (neededBy later) current next) later

            match List.map2 diagonals inputs tensors with
            | [] -> Shapes.refuse "einsum" "was given no tensors."
            | first :: rest ->
                let labels, t = combine first rest
                Tensor.permute (output |> List.map (fun l -> List.findIndex ((=) l) labels)) t
