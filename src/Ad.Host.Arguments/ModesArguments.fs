namespace Ad.Host.Arguments

open Argu

/// What may follow the verb modes.
[<HelpFlags("--help", "-h")>]
type ModesArgument =
    | [<Unique; AltCommandLine("-n")>] Inputs of most: int
    | [<Unique>] Repeats of count: int
    | [<Unique>] Svg of file: string
    | [<Unique>] Csv of file: string

    interface IArgParserTemplate with
        member x.Usage =
            match x with
            | Inputs _ -> "the most inputs; n doubles from 1 up to it (1024)."
            | Repeats _ -> "how often each gradient is timed; the median counts (5)."
            | Svg _ -> "draw the times into this file."
            | Csv _ -> "write the table into this file."

/// From what follows the verb modes to configuration.
module internal ModesArguments =
    /// Configuration keys and their values.
    let settings (found: ModesArgument list) =
        found
        |> List.map (fun argument ->
            match argument with
            | Inputs most -> "Modes:Inputs", string most
            | Repeats count -> "Modes:Repeats", string count
            | Svg file -> "Modes:Svg", file
            | Csv file -> "Modes:Csv", file)
