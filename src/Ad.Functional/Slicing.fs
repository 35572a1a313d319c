namespace Ad.Functional

open System

/// Indexing with brackets.
[<AutoOpen>]
module Slicing =
    /// What stands between the brackets, axis by axis: an index takes the axis away, a range keeps it, whatever its length.
    let private pick (t: Tensor) (arguments: objnull[]) =
        let rec read axis (arguments: objnull list) =
            match arguments with
            | [] -> []
            | (:? int as i) :: rest -> (axis, Choice1Of2 i) :: read (axis + 1) rest
            | first :: last :: rest ->
                let bound (o: objnull) =
                    match o with
                    | :? option<int> as b -> b
                    | _ -> None

                (axis, Choice2Of2(bound first, bound last)) :: read (axis + 1) rest
            | [ other ] -> Shapes.refuse "slice" $"{other} is neither an index nor a range."

        let wanted = read 0 (List.ofArray arguments)

        if wanted.Length > t.Rank then
            Shapes.refuse "slice" $"{wanted.Length} indices were given to {t.Signature}."

        let ranges =
            [ for axis, item in wanted do
                  let size = t.Shape[axis]

                  match item with
                  | Choice1Of2 i ->
                      if i < -size || i >= size then
                          Shapes.refuse "slice" $"index {i} is outside axis {axis} of {t.Signature}."

                      let i = if i < 0 then i + size else i
                      yield i, i + 1, 1
                  | Choice2Of2(first, last) ->
                      let fromEnd i = if i < 0 then i + size else i
                      let start = first |> Option.map fromEnd |> Option.defaultValue 0
                      let stop = last |> Option.map fromEnd |> Option.defaultValue (size - 1)
                      yield start, max start (stop + 1), 1
              for axis in wanted.Length .. t.Rank - 1 do
                  yield 0, t.Shape[axis], 1 ]

        let removed =
            wanted
            |> List.choose (fun (axis, item) ->
                match item with
                | Choice1Of2 _ -> Some axis
                | Choice2Of2 _ -> None)

        Tensor.slice ranges t |> Tensor.squeeze removed

    type Tensor with
        /// The part at indices, one for each of the first axes; negative ones count from the end.
        member t.Item
            with get ([<ParamArray>] indices: int[]) = pick t (Array.map box indices)

        /// The part in ranges (kept, both ends included) and at indices (removed), as in x[1.., 0].
        member t.GetSlice([<ParamArray>] arguments: objnull[]) = pick t arguments
