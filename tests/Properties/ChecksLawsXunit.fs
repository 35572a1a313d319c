module Properties.ChecksLawsXunit

open System
open System.Collections.Concurrent
open System.Diagnostics
open System.IO
open System.Reflection
open Xunit
open Xunit.Sdk
open Xunit.v3
open Ad.Checks
open Ad.Checks.Xunit
open Ad.Functional

[<GradientProperty(Cases = 10)>]
let ``rows that are normalized`` (x: Tensor) : Tensor =
    let centred = x - Tensor.meanKeep [ 1 ] x
    centred / sqrt (Tensor.meanKeep [ 1 ] (centred * centred) + 0.01)

[<GradientProperty(Cases = 10)>]
let ``a layer with positive weights``
    ([<Drawn("A, B", 0.3, 3.0)>] w: Tensor)
    ([<Drawn("B")>] x: Tensor)
    ([<Drawn("", 0.0, 2.0, Gap = 0.5)>] scale: Tensor)
    : Tensor =
    Tensor.matmul (log w) x / scale

/// Functions that are no tests, checked by hand below.
type Unmarked() =
    member val Seen = 0 with get, set

    /// Its derivative lacks a factor 3.
    static member Cube([<Drawn("A")>] x: Tensor) : Tensor =
        customJvp (fun (x: Tensor) -> x * x * x) (fun x v -> x * x * v) x

    member u.Counted(x: Tensor) : Tensor =
        u.Seen <- u.Seen + 1
        Tensor.sin x

    static member Number(x: float) : Tensor = Tensor.scalar x
    static member Value(x: Tensor) : float = Tensor.toScalar (Tensor.sum x)
    static member Misshapen([<Drawn("A, D")>] x: Tensor) : Tensor = x

let private methodOf name = nonNull (typeof<Unmarked>.GetMethod(name: string))

[<Fact>]
let ``a function that is right has no report, and an instance's is called on it`` () =
    let owner = Unmarked()
    Assert.Equal(None, GradientProperties.check 3 (methodOf "Counted") owner)
    Assert.True(owner.Seen > 3)

[<Fact>]
let ``what is no gradient property is refused by name`` () =
    for name, why in
        [ "Number", "has a parameter that is no tensor"
          "Value", "gives Double"
          "Misshapen", "has a parameter with the size 'D'" ] do
        let error =
            Assert.Throws<ArgumentException>(fun () ->
                GradientProperties.entry (methodOf name) null |> ignore)

        Assert.StartsWith($"Properties.ChecksLawsXunit+Unmarked.{name} {why}", error.Message)

let private report = lazy (GradientProperties.check 20 (methodOf "Cube") null |> Option.get)

[<Fact>]
let ``a report says what is wrong, where, and how to see it again`` () =
    let text = report.Value

    Assert.StartsWith(
        "Properties.ChecksLawsXunit+Unmarked.Cube breaks the law 'against differences', at case 1:",
        text
    )

    Assert.Contains("the derivative and the difference", text)
    // Shrunk to one element.
    Assert.Matches(@"\n    x = \[-?[0-9.e-]+\] : float64\[1\]\n", text)
    Assert.Matches(@"AD_REPLAY=""\(\d+,\d+,\d+\)""", text)

[<Fact>]
let ``the script in a report shows the same by itself`` () =
    let text = report.Value
    let start = text.IndexOf "---- repeat.fsx\n" + "---- repeat.fsx\n".Length
    let file = Path.Combine(Path.GetTempPath(), $"repeat-{Environment.ProcessId}.fsx")
    File.WriteAllText(file, text.Substring(start, text.IndexOf "---- end" - start))

    try
        let info =
            ProcessStartInfo(
                "dotnet",
                [ "fsi"; "--quiet"; "--exec"; file ],
                RedirectStandardError = true,
                RedirectStandardOutput = true
            )

        use ran = nonNull (Process.Start info)
        let output = ran.StandardOutput.ReadToEndAsync()
        let errors = ran.StandardError.ReadToEnd()
        ran.WaitForExit()
        Assert.Equal(1, ran.ExitCode)
        // The very sentence of the report.
        let lines = text.Split '\n'
        let sentence = lines[1].Trim()
        Assert.Contains($"LawException: against differences: {sentence}", errors + output.Result)
    finally
        File.Delete file

/// Everything that a test run reports.
type private Bus() =
    let messages = ConcurrentQueue<IMessageSinkMessage>()
    member _.Messages = messages.ToArray()

    interface IMessageBus with
        member _.QueueMessage message =
            messages.Enqueue message
            true

        member _.Dispose() = ()

/// Runs a method as xunit does, as a gradient property.
let private run name =
    let assembly = XunitTestAssembly(Assembly.GetExecutingAssembly(), null, null)
    let collection = XunitTestCollection(assembly, null, false, "properties")
    let owner = XunitTestClass(typeof<Unmarked>, collection)
    let m = XunitTestMethod(owner, methodOf name, [||])

    let case =
        new GradientPropertyCase(
            m,
            name,
            name,
            false,
            null,
            null,
            null,
            null,
            null,
            Collections.Generic.Dictionary(),
            0
        )

    let bus = new Bus()
    use stop = new Threading.CancellationTokenSource()

    let summary =
        (case :> ISelfExecutingXunitTestCase)
            .Run(ExplicitOption.Off, bus, [||], ExceptionAggregator(), stop)
            .AsTask()
            .Result

    summary, bus.Messages

[<Fact>]
let ``xunit counts a right function as passed and a wrong one as failed, with the report as its message`` () =
    let summary, _ = run "Counted"
    Assert.Equal((1, 0), (summary.Total, summary.Failed))
    let summary, messages = run "Cube"
    Assert.Equal((1, 1), (summary.Total, summary.Failed))

    let failed =
        messages
        |> Array.pick (function
            | :? ITestFailed as f -> Some f
            | _ -> None)

    Assert.Contains("Unmarked.Cube breaks the law 'against differences'", failed.Messages[0])

let private replay =
    lazy
        (let parts = report.Value.Split "AD_REPLAY=\""
         parts[1].Substring(0, parts[1].IndexOf '"'))

/// With an environment variable set; tests of one class run one after another.
let private withVariable (name: string) (value: string) body =
    Environment.SetEnvironmentVariable(name, value)

    try
        body ()
    finally
        Environment.SetEnvironmentVariable(name, null)

[<Fact>]
let ``AD_REPLAY repeats the case to the letter`` () =
    let again =
        withVariable "AD_REPLAY" replay.Value (fun () -> GradientProperties.check 20 (methodOf "Cube") null)

    Assert.Equal(Some report.Value, again)

[<Fact>]
let ``AD_CASES says how many cases there are, and what is no number is refused`` () =
    let calls text =
        let owner = Unmarked()

        withVariable "AD_CASES" text (fun () ->
            GradientProperties.check 3 (methodOf "Counted") owner |> ignore)

        owner.Seen

    Assert.True(calls "9" > calls "1")
    let error = Assert.Throws<ArgumentException>(fun () -> calls "none" |> ignore)
    Assert.Equal("AD_CASES must be a number above 0.", error.Message)
