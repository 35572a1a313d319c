namespace Ad.Checks

open System
open System.Collections.Generic
open System.Diagnostics
open System.Threading
open FsCheck
open FsCheck.FSharp
open Ad.Functional
open Ad.Tensors

/// A random trial of one operation: which form, for which sizes, and the seed of the numbers. Sizes shrink; the seed does not.
type Draw = { Form: int; Sizes: Sizes; Seed: int }

/// How one law fared on one operation.
type LawResult =
    {
        Operation: string
        Law: string
        /// The cases that were tried.
        Cases: int
        Passed: bool
        /// What was found, the smallest case of it; empty when the law holds.
        Message: string
        /// What repeats the failing case; empty when the law holds.
        Replay: string
        Seconds: float
    }

/// Draws trials from the catalogue.
[<RequireQualifiedAccess>]
module Draws =
    /// Draws of an entry; few sizes are 0, and shrinking makes sizes smaller.
    let arbitrary (entry: Entry) : Arbitrary<Draw> =
        let size = Gen.frequency [ 1, Gen.constant 0; 12, Gen.choose (1, 4) ]

        let gen =
            gen {
                let! form = Gen.choose (0, entry.Forms.Length - 1)
                let! a = size
                let! b = size
                let! c = size
                let! seed = Gen.choose (0, 1_000_000)

                return
                    { Form = form
                      Sizes = { A = a; B = b; C = c }
                      Seed = seed }
            }

        let smaller n =
            seq {
                if n > 1 then
                    yield! [ 1; n - 1 ]
            }
            |> Seq.distinct

        let shrink draw =
            seq {
                for a in smaller draw.Sizes.A do
                    { draw with Draw.Sizes.A = a }

                for b in smaller draw.Sizes.B do
                    { draw with Draw.Sizes.B = b }

                for c in smaller draw.Sizes.C do
                    { draw with Draw.Sizes.C = c }
            }

        Arb.fromGenShrink (gen, shrink)

    let private numbers (random: System.Random) (input: Input) : Tensor =
        let count = List.fold (*) 1 input.Shape
        let uniform low high = low + (high - low) * random.NextDouble()
        let floats f = Tensor.ofArray input.Shape (Array.init count f)

        match input.Domain with
        | Between(low, high) -> floats (fun _ -> uniform low high)
        | Outside(gap, high) -> floats (fun _ -> uniform gap high * (if random.Next 2 = 0 then 1.0 else -1.0))
        | NearWhole offset -> floats (fun _ -> float (random.Next(-3, 4)) + offset + uniform -0.3 0.3)
        | Apart parity ->
            let order = Array.init count id
            random.Shuffle order
            floats (fun i -> 0.2 * float (order[i] - count / 2) + 0.1 * float parity + uniform -0.03 0.03)
        | Index limit -> Tensor.ofArray input.Shape (Array.init count (fun _ -> random.Next limit))
        | Choice -> Tensor.ofArray input.Shape (Array.init count (fun _ -> random.Next 2 = 0))

    /// The trial of a draw: the same draw, the same numbers.
    let trial (entry: Entry) (draw: Draw) : Case * Trial =
        let case = entry.Forms[draw.Form] draw.Sizes
        let random = System.Random draw.Seed
        let point = case.Inputs |> List.map (numbers random) |> Array.ofList

        let direction () =
            case.Inputs
            |> List.mapi (fun i input ->
                if point[i].DType.IsFloat() then
                    numbers
                        random
                        { input with
                            Domain = Between(-1.0, 1.0) }
                else
                    point[i])
            |> Array.ofList

        let result = case.Apply point

        case,
        { Function = case.Apply
          IsLinear = entry.IsLinear
          Point = point
          Direction = direction ()
          Other = direction ()
          Cotangent =
            numbers
                random
                { Shape = Tensor.shape result
                  Domain = Between(-1.0, 1.0) } }

/// Runs the laws of gradients over the operations.
[<AbstractClass; Sealed>]
type GradientCheck =
    /// The text of a replay as FsCheck has it: (rnd,gamma,size).
    static member private Replay(text: string) : Replay =
        match text.Trim('(', ')').Split ',' |> Array.map UInt64.TryParse with
        | [| true, rnd; true, gamma; true, size |] ->
            { Rnd = Rnd(rnd, gamma)
              Size = Some(int size) }
        | [| true, rnd; true, gamma |] -> { Rnd = Rnd(rnd, gamma); Size = None }
        | _ ->
            raise (
                ArgumentException
                    $"The replay is '{text}'; it takes (rnd,gamma,size), as a failure prints it."
            )

    /// The operations that there are to check.
    static member Operations: IReadOnlyList<string> = Catalogue.all |> List.map _.Name |> ResizeArray :> _

    /// The laws that there are.
    static member LawNames: IReadOnlyList<string> = Laws.all |> List.map _.Name |> ResizeArray :> _

    /// <summary>Tries one law on one operation.</summary>
    static member Try(entry: Entry, law: Law, cases: int, replay: string | null) : LawResult =
        let clock = Stopwatch.StartNew()
        let mutable outcome: TestResult option = None

        let runner =
            { new IRunner with
                member _.OnStartFixture _ = ()
                member _.OnArguments(_, _, _) = ()
                member _.OnShrink(_, _) = ()
                member _.OnFinished(_, result) = outcome <- Some result }

        let check draw =
            let _, trial = Draws.trial entry draw

            try
                law.Check trial
            with error ->
                Some $"{error.GetType().Name}: {error.Message}"

        let config =
            Config.Quick
                .WithMaxTest(cases)
                .WithRunner(runner)
                .WithReplay(replay |> Option.ofObj |> Option.map (fun text -> GradientCheck.Replay text))

        Check.One(config, Prop.forAll (Draws.arbitrary entry) (fun draw -> (check draw).IsNone))

        let result cases passed message replay =
            { Operation = entry.Name
              Law = law.Name
              Cases = cases
              Passed = passed
              Message = message
              Replay = replay
              Seconds = clock.Elapsed.TotalSeconds }

        match outcome with
        | Some(TestResult.Passed(data, _)) -> result data.NumberOfTests true "" ""
        | Some(TestResult.Failed(data, _, shrunk, _, _, rnd, size)) ->
            let draw = Seq.head (Seq.cast<Draw> shrunk)
            let case, trial = Draws.trial entry draw
            let found = check draw |> Option.defaultValue "it does not fail again."
            let point = trial.Point |> Array.map string |> String.concat "; "

            result
                data.NumberOfTests
                false
                $"{case.Text} at {point}: {found}"
                $"({rnd.Seed},{rnd.Gamma},{size})"
        | Some(TestResult.Exhausted data) -> result data.NumberOfTests false "no cases could be made." ""
        | None -> result 0 false "FsCheck gave no result." ""

    /// <summary>Tries every law on the named operations, or on all when none is named, each with so many random cases.</summary>
    /// <remarks>A result is reported as soon as it is known; a cancelled run raises an OperationCanceledException between laws.</remarks>
    /// <exception cref="T:System.ArgumentException">An operation or the replay is not known.</exception>
    static member Run
        (
            cases: int,
            replay: string | null,
            operations: IReadOnlyList<string>,
            progress: Action<LawResult>,
            cancellation: CancellationToken
        ) : IReadOnlyList<LawResult> =
        let entries =
            if operations.Count = 0 then
                Catalogue.all
            else
                operations |> Seq.map Catalogue.find |> List.ofSeq

        let results = ResizeArray()

        for entry in entries do
            for law in Laws.all do
                cancellation.ThrowIfCancellationRequested()
                let result = GradientCheck.Try(entry, law, cases, replay)
                results.Add result
                progress.Invoke result

        results
