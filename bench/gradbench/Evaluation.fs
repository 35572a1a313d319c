namespace GradBench

open System
open System.Diagnostics
open System.Text.Json

/// What one message brings: the result to be written as JSON, and how long each part took.
type Answer =
    { Output: objnull
      Timings: (string * TimeSpan) list }

/// A function of an evaluation: from the input of a message to its answer.
type Function = JsonElement -> Answer

/// An evaluation: its name and its functions by name.
type Evaluation =
    { Name: string
      Functions: Map<string, Function> }

/// Reads inputs.
module Read =
    /// The field of an object.
    let field (name: string) (json: JsonElement) = json.GetProperty name

    /// A whole number.
    let int name json = (field name json).GetInt32()

    /// A number.
    let float name json = (field name json).GetDouble()

    /// The elements of a list.
    let list (item: JsonElement -> 'a) (json: JsonElement) =
        let items = Array.zeroCreate (json.GetArrayLength())
        let mutable i = 0

        for element in json.EnumerateArray() do
            items[i] <- item element
            i <- i + 1

        items

    /// A list of numbers.
    let numbers json = list _.GetDouble() json

    /// A list of lists of numbers.
    let rows json = list numbers json

/// Times functions.
module Evaluation =
    let private optional name (read: JsonElement -> 'a) (otherwise: 'a) (json: JsonElement) =
        match json.ValueKind with
        | JsonValueKind.Object ->
            match json.TryGetProperty(name: string) with
            | true, value -> read value
            | _ -> otherwise
        | _ -> otherwise

    // Enough calls for code to be compiled at its last tier where it is quick, and one where it is not.
    let private warmUp (run: unit -> 'a) =
        let clock = Stopwatch.StartNew()
        run () |> ignore

        while clock.Elapsed.TotalSeconds < 1.5 do
            run () |> ignore

    /// A function from how its input is read, what is made of the input before it can be run, and how the result is written.
    /// Only the runs count as "evaluate"; making and warming up are "prepare".
    let functionOf
        (read: JsonElement -> 'input)
        (prepare: 'input -> unit -> 'output)
        (write: 'output -> objnull)
        : Function =
        fun json ->
            let least = optional "min_runs" _.GetInt32() 1 json
            let seconds = optional "min_seconds" _.GetDouble() 0.0 json
            let input = read json

            let clock = Stopwatch.StartNew()
            let run = prepare input
            warmUp run
            let prepared = clock.Elapsed

            let times = ResizeArray()
            let mutable total = TimeSpan.Zero
            let mutable output = Unchecked.defaultof<'output>

            while times.Count < max 1 least || total.TotalSeconds < seconds do
                let clock = Stopwatch.StartNew()
                output <- run ()
                let time = clock.Elapsed
                times.Add("evaluate", time)
                total <- total + time

            { Output = write output
              Timings = ("prepare", prepared) :: List.ofSeq times }
