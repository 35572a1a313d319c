namespace Ad.Checks

open System
open System.Collections.Concurrent
open System.Collections.Generic
open System.Diagnostics
open System.Threading
open System.Threading.Tasks
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

    /// The trial of a draw: the same draw, the same numbers.
    let trial (entry: Entry) (draw: Draw) : Case * Trial =
        let case = entry.Forms[draw.Form] draw.Sizes
        case, Trial.make entry.IsLinear case.Inputs draw.Seed case.Apply

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

    /// <summary>Checks the first and second derivatives of a function of a tree of tensors at a point.</summary>
    static member Verify(f: Func<'T, Tensor>, x: 'T) : Report = Gradients.check f.Invoke x

    /// <summary>Checks the derivatives of a function of a tree of tensors at a point, as the settings say.</summary>
    static member Verify(f: Func<'T, Tensor>, x: 'T, settings: CheckSettings) : Report =
        Gradients.checkWith settings f.Invoke x

    /// <summary>Checks the gradient that is claimed for a function of plain numbers, whatever library or hand it comes from.</summary>
    static member Verify(f: Func<float[], float>, gradient: Func<float[], float[]>, at: float[]) : Report =
        Gradients.plain f.Invoke gradient.Invoke at

    /// <summary>Checks the claimed product with the Jacobian, jvp(x, v) = J(x) v, of a function of plain numbers.</summary>
    static member VerifyJvp
        (f: Func<float[], float[]>, jvp: Func<float[], float[], float[]>, at: float[])
        : Report =
        Gradients.plainMany f.Invoke (Some(fun x v -> jvp.Invoke(x, v))) None at

    /// <summary>Checks the claimed product with the Jacobian's transpose, vjp(x, g) = J(x)' g, of a function of plain numbers.</summary>
    static member VerifyVjp
        (f: Func<float[], float[]>, vjp: Func<float[], float[], float[]>, at: float[])
        : Report =
        Gradients.plainMany f.Invoke None (Some(fun x g -> vjp.Invoke(x, g))) at

    /// The operations that there are to check.
    static member Operations: IReadOnlyList<string> = Catalogue.all |> List.map _.Name |> ResizeArray :> _

    /// The laws that there are.
    static member LawNames: IReadOnlyList<string> = Laws.all |> List.map _.Name |> ResizeArray :> _

    /// One law tried on one operation, with the smallest case that fails.
    static member internal Attempt(entry: Entry, law: Law, cases: int, replay: string | null) =
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
        | Some(TestResult.Passed(data, _)) -> result data.NumberOfTests true "" "", None
        | Some(TestResult.Failed(data, _, shrunk, _, _, rnd, size)) ->
            let draw = Seq.head (Seq.cast<Draw> shrunk)
            let case, trial = Draws.trial entry draw
            let found = check draw |> Option.defaultValue "it does not fail again."
            let point = trial.Point |> Array.map string |> String.concat "; "

            result
                data.NumberOfTests
                false
                $"{case.Text} at {point}: {found}"
                $"({rnd.Seed},{rnd.Gamma},{size})",
            Some(draw, trial, found)
        | Some(TestResult.Exhausted data) ->
            result data.NumberOfTests false "no cases could be made." "", None
        | None -> result 0 false "FsCheck gave no result." "", None

    /// <summary>Tries one law on one operation.</summary>
    static member Try(entry: Entry, law: Law, cases: int, replay: string | null) : LawResult =
        fst (GradientCheck.Attempt(entry, law, cases, replay))

    /// <summary>Tries every law on the named operations, or on all when none is named, each with so many random cases.</summary>
    /// <remarks>
    /// All cores take part. A result is reported as soon as it is known, one after another; all are given in the order of the catalogue. A cancelled run raises
    /// an OperationCanceledException between laws.
    /// </remarks>
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

        // The dearest operations stand last in the catalogue and are begun first, so that no core is left with one of them at the end.
        let tried =
            [| for entry in entries do
                   for law in Laws.all -> entry, law |]

        let results = Array.zeroCreate tried.Length
        let gate = obj ()

        let options =
            ParallelOptions(
                CancellationToken = cancellation,
                MaxDegreeOfParallelism = Ad.Tensors.Device.CpuThreads
            )

        Parallel.ForEach(
            Partitioner.Create([| tried.Length - 1 .. -1 .. 0 |], true),
            options,
            fun i ->
                let entry, law = tried[i]
                let result = GradientCheck.Try(entry, law, cases, replay)
                results[i] <- result
                lock gate (fun () -> progress.Invoke result)
        )
        |> ignore

        results

    /// What results over random programs have in place of an operation.
    static member RandomPrograms: string = "random programs"

    /// <summary>Goes on trying every law, and oracles in turn, on random programs, on all cores, until so many were tried in all or it is told to stop.</summary>
    /// <remarks>Progress is told every state, one after another; whatever state was kept, the run goes on from there.</remarks>
    static member Soak
        (from: SoakState, programs: int, progress: Action<SoakState>, stopping: CancellationToken)
        : SoakState =
        Soak.advance Oracles.forSeed programs progress.Invoke stopping from

    /// A result for each law and each oracle over the random programs that it could judge, with its first failure; the replay is the seed of its program.
    static member ProgramResults(state: SoakState) : IReadOnlyList<LawResult> =
        Oracles.names
        |> List.map (fun name ->
            let found = state.Failures |> Array.filter (fun f -> f.Law = name)

            let message, replay =
                match Array.tryHead found with
                | None -> "", ""
                | Some f ->
                    let seeds =
                        found |> Seq.map _.Seed |> Seq.distinct |> Seq.map string |> String.concat ", "

                    $"{f.Message}\nSeeds: {seeds}\nBlamed: {f.Blamed}\n{f.Script}", string f.Seed

            { Operation = GradientCheck.RandomPrograms
              Law = name
              Cases =
                (match state.Asked.TryGetValue name with
                 | true, count -> count
                 | _ -> 0)
              Passed = found.Length = 0
              Message = message
              Replay = replay
              Seconds = state.Seconds / float Oracles.names.Length })
        |> ResizeArray
        :> _
