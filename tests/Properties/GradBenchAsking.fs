/// Asking the tool for GradBench, and what its answers are held against.
module Properties.GradBenchAsking

open System
open System.Text.Json
open Xunit
open GradBench

/// A line as JSON.
let parse (line: string) = JsonDocument.Parse(line).RootElement

/// What the tool answers to a function of a module for an input; the first timing is of its preparation.
let ask name wanted (input: obj) =
    let line =
        JsonSerializer.Serialize
            {| id = 7
               kind = "evaluate"
               ``module`` = name
               ``function`` = wanted
               input = input |}

    let answer = parse (Protocol.answer line)
    Assert.True(answer.GetProperty("success").GetBoolean(), string answer)
    let first = Seq.head (answer.GetProperty("timings").EnumerateArray())
    Assert.Equal("prepare", first.GetProperty("name").GetString())
    answer.GetProperty "output"

/// All numbers of an answer, in order.
let rec flat (json: JsonElement) : float list =
    match json.ValueKind with
    | JsonValueKind.Array -> json.EnumerateArray() |> Seq.collect flat |> List.ofSeq
    | JsonValueKind.Object -> json.EnumerateObject() |> Seq.collect (fun p -> flat p.Value) |> List.ofSeq
    | _ -> [ json.GetDouble() ]

/// Within a tolerance, relative to 1 and to the numbers.
let close tolerance (expected: float seq) (actual: float seq) =
    Assert.Equal(Seq.length expected, Seq.length actual)

    for e, a in Seq.zip expected actual do
        Assert.True(abs (e - a) <= tolerance * (1.0 + abs e + abs a), $"expected {e}, got {a}")

/// The central differences of a function at a point.
let differences (f: float array -> float) (x: float array) =
    [ for i in 0 .. x.Length - 1 ->
          let h = 1e-5
          let at d = f (Array.mapi (fun j v -> if i = j then v + d else v) x)
          (at h - at -h) / (2.0 * h) ]

/// Random numbers that a seed decides.
let random seed = Random(seed: int)
/// n numbers from 0 to 1.
let uniform (r: Random) n = Array.init n (fun _ -> r.NextDouble())
/// Rows of numbers from 0 to 1.
let matrix r rows columns = Array.init rows (fun _ -> uniform r columns)
