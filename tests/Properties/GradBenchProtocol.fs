/// The tool for GradBench: its protocol.
module Properties.GradBenchProtocol

open System
open System.IO
open System.Text.Json
open Xunit
open GradBench
open Properties.GradBenchAsking

let private serve (lines: string list) =
    let input, output, log =
        new StringReader(String.Join('\n', lines)), new StringWriter(), new StringWriter()

    Protocol.serve input output log
    let lines = output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries)
    lines |> Array.map parse, log.ToString()

[<Fact>]
let ``messages are answered in order, each with its id`` () =
    let answers, log =
        serve
            [ """{"id":0,"kind":"start","eval":"hello"}"""
              """{"id":1,"kind":"define","module":"hello"}"""
              """{"id":2,"kind":"evaluate","module":"hello","function":"square","input":3.0}"""
              """{"id":3,"kind":"analysis","of":2,"valid":true}"""
              """{"id":4,"kind":"something"}""" ]

    Assert.Equal<int array>([| 0..4 |], answers |> Array.map (fun a -> a.GetProperty("id").GetInt32()))
    Assert.Equal("functional", answers[0].GetProperty("tool").GetString())
    Assert.True(answers[1].GetProperty("success").GetBoolean())
    Assert.Equal(9.0, answers[2].GetProperty("output").GetDouble())
    Assert.Equal("""{"id":3}""", string answers[3])
    Assert.Equal("""{"id":4}""", string answers[4])
    Assert.Equal("", log)

[<Fact>]
let ``an unknown module and an unknown function fail`` () =
    let answers, _ =
        serve
            [ """{"id":1,"kind":"define","module":"unheard of"}"""
              """{"id":2,"kind":"evaluate","module":"hello","function":"cube","input":3.0}""" ]

    for answer in answers do
        Assert.False(answer.GetProperty("success").GetBoolean())

    Assert.Equal("There is no function cube of hello.", answers[1].GetProperty("error").GetString())

[<Fact>]
let ``an input that cannot be read and a result that is no number are errors`` () =
    let answers, _ =
        serve
            [ """{"id":1,"kind":"evaluate","module":"lse","function":"primal","input":{"y":[1]}}"""
              """{"id":2,"kind":"evaluate","module":"lse","function":"primal","input":{"x":[1e999]}}""" ]

    Assert.Equal(2, answers.Length)

    for answer in answers do
        Assert.False(answer.GetProperty("success").GetBoolean())
        Assert.NotEmpty(string (answer.GetProperty("error").GetString()))

[<Fact>]
let ``a line that is no message is logged, and the next one is answered`` () =
    let answers, log =
        serve
            [ "nonsense"
              """{"kind":"start"}"""
              """{"id":1,"kind":"define","module":"hello"}""" ]

    Assert.Single answers |> ignore
    Assert.Equal(2, log.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length)

[<Fact>]
let ``a function runs as often as it is told, and for as long`` () =
    let timings (least: int) (seconds: float) =
        let line =
            JsonSerializer.Serialize
                {| id = 1
                   kind = "evaluate"
                   ``module`` = "lse"
                   ``function`` = "primal"
                   input =
                    {| x = [ 1.0; 2.0 ]
                       min_runs = least
                       min_seconds = seconds |} |}

        [ for timing in (parse (Protocol.answer line)).GetProperty("timings").EnumerateArray() do
              if timing.GetProperty("name").GetString() = "evaluate" then
                  timing.GetProperty("nanoseconds").GetInt64() ]

    Assert.Equal(5, (timings 5 0.0).Length)
    Assert.True(List.sum (timings 1 0.02) >= 20_000_000L)

[<Fact>]
let ``the list of evaluations is that of the file beside the tool`` () =
    let rec root (folder: DirectoryInfo | null) =
        match folder with
        | null -> failwith "The repository is not around the tests."
        | folder when File.Exists(Path.Combine(folder.FullName, "Functional.sln")) -> folder.FullName
        | folder -> root folder.Parent

    let file = Path.Combine(root (DirectoryInfo AppContext.BaseDirectory), "bench", "gradbench", "evals.txt")
    Assert.Equal<string seq>(File.ReadLines file, Catalogue.evaluations.Keys)
