namespace Ad.Functional

open Ad.Tensors

/// Products and parts of matrices and of tensors with more axes.
[<RequireQualifiedAccess>]
module Linalg =
    let private square operation (t: Tensor) =
        if t.Rank < 2 || t.Shape[t.Rank - 1] <> t.Shape[t.Rank - 2] then
            Shapes.refuse
                operation
                $"takes square matrices in the last two axes, but was given {t.Signature}."

        t.Shape[t.Rank - 1]

    /// The diagonal of the last two axes, which have one size.
    let diagonal (t: Tensor) : Tensor =
        let n = square "diagonal" t
        let leading = Seq.take (t.Rank - 2) t.Shape |> Seq.toList
        // Every (n + 1)-th element of the rows one after another.
        Tensor.reshape (leading @ [ n * n ]) t |> Tensor.sliceAxis -1 0 (n * n) (n + 1)

    /// The matrix with a vector on its diagonal and zeros elsewhere.
    let diag (v: Tensor) : Tensor =
        if v.Rank <> 1 then
            Shapes.refuse "diag" $"takes a vector, but was given {v.Signature}."

        let n = v.Shape[0]
        Tensor.where (Tensor.eye DType.Bool n) v (Tensor.zeros v.DType [ n; n ])

    let private triangle operation keep (t: Tensor) =
        if t.Rank < 2 then
            Shapes.refuse operation $"takes matrices, but was given {t.Signature}."

        let place axis = Tensor.iota DType.Int32 (Seq.skip (t.Rank - 2) t.Shape) axis
        Tensor.where (keep (place 1 - place 0)) t (Tensor.zerosLike t)

    /// The elements on and above the k-th diagonal of the last two axes (k = 0 the main one, above it k > 0), zeros elsewhere.
    let triu (k: int) (t: Tensor) : Tensor =
        triangle "triu" (fun above -> Tensor.greaterEqual above (Tensor.fullLike above (float k))) t

    /// The elements on and below the k-th diagonal of the last two axes, zeros elsewhere.
    let tril (k: int) (t: Tensor) : Tensor =
        triangle "tril" (fun above -> Tensor.lessEqual above (Tensor.fullLike above (float k))) t

    /// Products summed over axes of a paired with axes of b: a's other axes, then b's.
    let tensordot (axesOfA: int seq) (axesOfB: int seq) (a: Tensor) (b: Tensor) : Tensor =
        let resolve (t: Tensor) axes = axes |> Seq.map (Shapes.axis "tensordot" t.Rank) |> axesOf
        let none = axesOf []
        Tensor.Create(Contract(none, none, resolve a axesOfA, resolve b axesOfB), a, b)

    /// The Kronecker product of two matrices: every element of a times all of b.
    let kron (a: Tensor) (b: Tensor) : Tensor =
        if a.Rank <> 2 || b.Rank <> 2 then
            Shapes.refuse "kron" $"takes two matrices, but was given {a.Signature} and {b.Signature}."

        Tensor.outer a b
        |> Tensor.permute [ 0; 2; 1; 3 ]
        |> Tensor.reshape [ a.Shape[0] * b.Shape[0]; a.Shape[1] * b.Shape[1] ]

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
            diagonals (rest @ [ label ]) (diagonal (Tensor.permute (others @ [ first; second ]) t))

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
                Shapes.refuse "einsum" $"{l} stands for size {m} in {a.Signature} and {n} in {b.Signature}."

        let contraction =
            Contract(placesIn left batch, placesIn right batch, placesIn left summed, placesIn right summed)

        batch @ free left @ free right, Tensor.Create(contraction, a, b)

    /// <summary>
    /// Einstein's summation: a letter for each axis of each tensor, and those of the result, such as "bij,bjk->bik". Letters that the result lacks are
    /// summed over; a letter twice in one tensor takes the diagonal. Without "->" the result has the letters that stand once, in alphabetical order.
    /// </summary>
    /// <exception cref="T:System.ArgumentException">The letters do not fit the tensors; the message says where.</exception>
    let einsum (formula: string) (tensors: Tensor seq) : Tensor =
        let tensors = List.ofSeq tensors
        let sides = formula.Replace(" ", "").Split "->"
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
