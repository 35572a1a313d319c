namespace Ad.Checks

open System.Collections.Generic
open FsCheck
open FsCheck.FSharp

/// Makes failing programs small.
[<RequireQualifiedAccess>]
module Shrinking =
    /// Only what one operation depends on, that operation last.
    let private cone (program: RandomProgram) (k: int) =
        let nodes = Array.ofList program.Nodes
        let needed = HashSet [ k ]

        for i in k .. -1 .. 0 do
            if needed.Contains i then
                for source in nodes[i].Arguments do
                    match source with
                    | FromNode j -> needed.Add j |> ignore
                    | FromInput _
                    | Own
                    | Fixed _ -> ()

        let kept = needed |> Seq.sort |> Array.ofSeq

        let renumber source =
            match source with
            | FromNode j -> FromNode(Array.findIndex ((=) j) kept)
            | FromInput _
            | Own
            | Fixed _ -> source

        { program with
            Nodes =
                [ for i in kept ->
                      { nodes[i] with
                          Arguments = List.map renumber nodes[i].Arguments } ] }

    let private replaceSource (program: RandomProgram) from into =
        let change source = if source = from then into else source

        { program with
            Nodes =
                program.Nodes
                |> List.map (fun n ->
                    { n with
                        Arguments = List.map change n.Arguments }) }

    let private smaller n =
        if n > 2 then [ 1; n - 1 ]
        elif n = 2 then [ 1 ]
        else []

    /// Smaller programs, the smallest first: fewer operations, sources replaced by inputs of their own, sizes toward 1. All are as smooth as the program is.
    let shrink (program: RandomProgram) : RandomProgram seq =
        let nodes = program.Nodes

        let put k node =
            { program with
                Nodes = List.updateAt k node nodes }

        seq {
            if nodes.Length > 1 then
                // One operation by itself, then with what it depends on.
                for k in 0 .. nodes.Length - 1 do
                    let alone =
                        nodes[k].Arguments
                        |> List.map (function
                            | FromNode _ -> Own
                            | FromInput _
                            | Own
                            | Fixed _ as source -> source)

                    cone (put k { nodes[k] with Arguments = alone }) k

                for k in 0 .. nodes.Length - 1 do
                    let part = cone program k

                    if part.Nodes.Length < nodes.Length then
                        part

            for k in 0 .. nodes.Length - 1 do
                if (Programs.read program).Contains k then
                    // An input in its place keeps it shared.
                    let wanted =
                        List.zip
                            nodes[nodes.Length - 1].Arguments
                            (Programs.case nodes[nodes.Length - 1]).Inputs
                        |> List.tryFind (fun (source, _) -> source = FromNode k)

                    match wanted with
                    | Some(_, input) ->
                        let shared =
                            { program with
                                Inputs = program.Inputs @ [ input ] }

                        cone
                            (replaceSource shared (FromNode k) (FromInput program.Inputs.Length))
                            (nodes.Length - 1)
                    | None -> ()

            for k in 0 .. nodes.Length - 1 do
                if nodes[k].Nesting <> Bare then
                    put k { nodes[k] with Nesting = Bare }

                // The first forms are the simplest.
                for form in 0 .. nodes[k].Form - 1 do
                    let simpler = { nodes[k] with Form = form }

                    if (Programs.case simpler).Inputs.Length = nodes[k].Arguments.Length then
                        put k simpler

            for k in 0 .. nodes.Length - 1 do
                for a, source in List.indexed nodes[k].Arguments do
                    match source with
                    | FromNode _
                    | FromInput _ ->
                        put
                            k
                            { nodes[k] with
                                Arguments = List.updateAt a Own nodes[k].Arguments }
                    | Own
                    | Fixed _ -> ()

                let sizes = nodes[k].Sizes

                // What takes a square to show stays square.
                if sizes.A = sizes.B && sizes.B = sizes.C then
                    for n in smaller sizes.A do
                        put
                            k
                            { nodes[k] with
                                Sizes = { A = n; B = n; C = n } }

                if sizes.A = sizes.B then
                    for n in smaller sizes.A do
                        put
                            k
                            { nodes[k] with
                                Sizes = { sizes with A = n; B = n } }

                if sizes.B = sizes.C then
                    for n in smaller sizes.B do
                        put
                            k
                            { nodes[k] with
                                Sizes = { sizes with B = n; C = n } }

                for a in smaller sizes.A do
                    put
                        k
                        { nodes[k] with
                            ProgramNode.Sizes.A = a }

                for b in smaller sizes.B do
                    put
                        k
                        { nodes[k] with
                            ProgramNode.Sizes.B = b }

                for c in smaller sizes.C do
                    put
                        k
                        { nodes[k] with
                            ProgramNode.Sizes.C = c }

            let isRead i = nodes |> List.exists (fun n -> List.contains (FromInput i) n.Arguments)

            for i, input in List.indexed program.Inputs do
                let wanted =
                    [ for n in nodes do
                          for source, input in List.zip n.Arguments (Programs.case n).Inputs do
                              if source = FromInput i then
                                  input ]
                    |> List.distinct

                // Where all readers want the same, the input may be just that, and nothing stands between.
                match wanted with
                | [ single ] when single <> input ->
                    { program with
                        Inputs = List.updateAt i single program.Inputs }
                | _ -> ()

                if not (isRead i) && i = program.Inputs.Length - 1 then
                    { program with
                        Inputs = List.removeAt i program.Inputs }
                elif not (isRead i) && input.Shape <> [] then
                    { program with
                        Inputs = List.updateAt i { input with Shape = [] } program.Inputs }
                elif not input.Shape.IsEmpty then
                    if List.length wanted <> 1 then
                        { program with
                            Inputs = List.updateAt i { input with Shape = input.Shape.Tail } program.Inputs }
        }

    /// The smallest program that still fails, as far as single steps lead, and the number of steps.
    let smallest (fails: RandomProgram -> bool) (program: RandomProgram) : RandomProgram * int =
        let rec go program steps =
            match shrink program |> Seq.tryFind fails with
            | Some smaller when steps < 500 -> go smaller (steps + 1)
            | _ -> program, steps

        go program 0

    /// Random programs as FsCheck makes and shrinks them.
    let arbitrary: Arbitrary<RandomProgram> =
        Arb.fromGenShrink (Gen.choose (1, 1_000_000_000) |> Gen.map Programs.ofSeed, shrink)
