namespace Ad.Host.Arguments

open Argu

/// What may follow the verb gradcheck.
[<HelpFlags("--help", "-h")>]
type GradcheckArgument =
    | [<Unique; AltCommandLine("-n")>] Cases of count: int
    | [<Unique>] Replay of seed: string
    | Operation of name: string
    | [<Unique>] Programs of count: int
    | [<Unique>] Seed of number: int
    | [<Unique>] Minutes of count: float
    | [<Unique>] State of file: string
    | [<Unique>] Assembly of file: string
    | [<Unique>] Junit of file: string
    | [<Unique>] Json of file: string

    interface IArgParserTemplate with
        member x.Usage =
            match x with
            | Cases _ -> "random cases for each law (100)."
            | Replay _ -> "repeat one case, as a failure prints it: \"(1,2,3)\"."
            | Operation _ -> "check this operation only; may be given more than once (all of them)."
            | Programs _ -> "check this many random programs instead of operations."
            | Seed _ -> "the seed of the first random program; the others follow (1)."
            | Minutes _ -> "check random programs for this long, or until there were --programs of them."
            | State _ ->
                "keep how far the check of random programs is in this file, and go on from there when it is there."
            | Assembly _ ->
                "check the functions that this assembly marks [GradientChecked] instead of operations."
            | Junit _ -> "write the results into this file as JUnit XML."
            | Json _ -> "write the results into this file as JSON."

/// From what follows the verb gradcheck to configuration.
module internal GradcheckArguments =
    /// Configuration keys and their values; the operations become one value, comma between them.
    let settings (found: GradcheckArgument list) =
        let operations =
            found
            |> List.choose (function
                | Operation name -> Some name
                | Cases _
                | Replay _
                | Programs _
                | Seed _
                | Minutes _
                | State _
                | Assembly _
                | Junit _
                | Json _ -> None)

        let all =
            match operations with
            | [] -> []
            | names -> [ "Gradcheck:Operations", String.concat "," names ]

        all
        @ (found
           |> List.collect (fun argument ->
               match argument with
               | Cases count -> [ "Gradcheck:Cases", string count ]
               | Replay seed -> [ "Gradcheck:Replay", seed ]
               | Operation _ -> []
               | Programs count -> [ "Gradcheck:Programs", string count ]
               | Seed number -> [ "Gradcheck:Seed", string number ]
               | Minutes count -> [ "Gradcheck:Minutes", string count ]
               | State file -> [ "Gradcheck:State", file ]
               | Assembly file -> [ "Gradcheck:Assembly", file ]
               | Junit file -> [ "Gradcheck:Junit", file ]
               | Json file -> [ "Gradcheck:Json", file ]))
