/// GradBench's protocol: a JSON object a line in, one a line out.
module GradBench.Protocol

open System.Collections.Generic
open System.IO
open System.Text.Json

let private text name (message: JsonElement) = string ((message.GetProperty(name: string)).GetString())

let private nanoseconds (time: System.TimeSpan) = time.Ticks * System.TimeSpan.NanosecondsPerTick

let private evaluate (message: JsonElement) : (string * objnull) list =
    let name, wanted = text "module" message, text "function" message

    let f =
        Catalogue.evaluations
        |> Map.tryFind name
        |> Option.bind (fun evaluation -> Map.tryFind wanted evaluation.Functions)

    match f with
    | None -> [ "success", false; "error", $"There is no function {wanted} of {name}." ]
    | Some f ->
        let answer = f (message.GetProperty "input")

        [ "success", true
          "output", answer.Output
          "timings",
          [ for name, time in answer.Timings ->
                {| name = name
                   nanoseconds = nanoseconds time |} ] ]

let private fields (message: JsonElement) : (string * objnull) list =
    match text "kind" message with
    | "start" -> [ "tool", "functional" ]
    | "define" -> [ "success", Catalogue.evaluations.ContainsKey(text "module" message) ]
    | "evaluate" -> evaluate message
    | _ -> []

let private write (id: int64) (fields: (string * objnull) list) =
    JsonSerializer.Serialize(Dictionary(Map(("id", box id) :: fields)))

/// The answer to a message. What fails, be it in an evaluation or in writing its result, is answered with an error.
/// A line that is no message, having no id, raises JsonException or KeyNotFoundException.
let answer (line: string) =
    use message = JsonDocument.Parse line
    let id = (message.RootElement.GetProperty "id").GetInt64()

    try
        write id (fields message.RootElement)
    with e ->
        write id [ "success", false; "error", e.Message ]

/// Answers lines until they end; a line that cannot be answered goes to the log.
let serve (input: TextReader) (output: TextWriter) (log: TextWriter) =
    let rec next () =
        match input.ReadLine() with
        | null -> ()
        | line ->
            match
                (try
                    Ok(answer line)
                 with e ->
                     Error e.Message)
            with
            | Ok answer ->
                output.WriteLine answer
                output.Flush()
            | Error reason -> log.WriteLine $"A line is not a message: {reason}"

            next ()

    next ()
