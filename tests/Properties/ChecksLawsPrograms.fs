module Properties.ChecksLawsPrograms

open Xunit
open Ad.Checks
open Ad.Functional
open Ad.Tensors

let private programs = [ for seed in 1..1000 -> Programs.ofSeed seed ]

[<Fact>]
let ``every operation is in a twentieth of random programs, and there are forty at least`` () =
    let coverage = Soak.coverage programs
    Assert.True(coverage.Count >= 40)

    Assert.All(
        coverage,
        (fun pair -> Assert.True(pair.Value >= 50, $"{pair.Key} is in {pair.Value} of 1000."))
    )

[<Fact>]
let ``programs have all ranks to 4, all sizes to 6, constants, shared values and inputs that nothing reads``
    ()
    =
    let inputs = programs |> List.collect Programs.inputs
    let ranks = inputs |> List.map _.Shape.Length |> Set.ofList
    Assert.True(Set.isSubset (set [ 0..4 ]) ranks)
    Assert.True(inputs |> List.collect _.Shape |> Set.ofList |> Set.isSubset (set [ 0..6 ]))
    let sources (p: RandomProgram) = p.Nodes |> List.collect _.Arguments
    let isRead p i = List.contains (FromInput i) (sources p)
    let unread (p: RandomProgram) = p.Inputs |> List.indexed |> List.exists (fun (i, _) -> not (isRead p i))
    let constant p = sources p |> List.exists _.IsFixed

    let shared p =
        sources p
        |> List.filter _.IsFromNode
        |> List.countBy id
        |> List.exists (fun (_, n) -> n > 1)

    for property in [ unread; constant; shared ] do
        Assert.InRange(programs |> List.filter property |> List.length, 200, 999)

[<Fact>]
let ``every law holds on random programs`` () =
    let result = Soak.run 1 200

    let failures =
        result.Failures
        |> Array.map (fun f -> $"{f.Law} on seed {f.Seed}: {f.Message}\n{f.Script}")

    Assert.Empty failures

[<Fact>]
let ``one seed makes one program, which gives the same bits each time`` () =
    for seed in 1..20 do
        let value () =
            let t = Programs.trial (Programs.ofSeed seed)
            t.Function t.Point, t.Direction

        Assert.Equal(value (), value ())

[<Fact>]
let ``a shrunk program is smaller, and as right as it was`` () =
    let size (p: RandomProgram) =
        p.Nodes.Length, (p.Nodes |> List.sumBy (fun n -> n.Sizes.A + n.Sizes.B + n.Sizes.C))

    for seed in 1..8 do
        let program = Programs.ofSeed seed

        for smaller in Shrinking.shrink program |> Seq.truncate 12 do
            Assert.True(size smaller <= size program)
            let t = Programs.trial smaller
            Assert.True(t.Function t.Point |> Tensor.isFinite |> Tensor.toArray<bool> |> Array.forall id)
            Assert.Equal(None, Laws.forwardAgainstReverse.Check t)
            Assert.Equal(None, Laws.againstDifferences.Check t)

[<Fact>]
let ``shrinking ends with one operation on one element when anything fails`` () =
    for seed in 1..20 do
        let smallest, _ = Shrinking.smallest (fun _ -> true) (Programs.ofSeed seed)
        Assert.Single smallest.Nodes |> ignore
        let s = smallest.Nodes.Head.Sizes
        Assert.True(max s.A (max s.B s.C) <= 1)

[<Fact>]
let ``values are moved into every domain, and stay smooth there`` () =
    let x = Tensor.vector [ -1e6; -1.0; 0.0; 0.5; 1e6; 3.0 ]
    let between low high (t: Tensor) = t.ToArray<float>() |> Array.forall (fun v -> low <= v && v <= high)
    Assert.True(Programs.fit [ 4 ] (Between(0.3, 3.0)) x |> between 0.3 3.0)
    Assert.True(Programs.fit [ 2; 3 ] (Outside(0.4, 2.0)) x |> between 0.4 2.0)
    Assert.True(Programs.fit [ 9 ] (NearWhole 0.5) x |> between 1.2 1.8)
    let apart = (Programs.fit [ 6 ] (Apart 0) x).ToArray<float>() |> Array.sort
    Assert.All(Array.pairwise apart, (fun (a, b) -> Assert.True(b - a > 0.1)))

    Gradients.assertCorrect
        (fun x -> Tensor.sum (Programs.fit [ 2; 2 ] (Between(-1.0, 1.0)) x))
        (Tensor.vector [ 0.3; -0.8; 1.9 ])

[<Fact>]
let ``a program's script names each of its operations and ends in the check`` () =
    for seed in 1..30 do
        let program = Programs.ofSeed seed
        let script = ProgramText.toScript program
        Assert.EndsWith("Gradients.assertCorrect f point", script)

        for k, node in List.indexed program.Nodes do
            Assert.Contains(
                $"let v{k} = Nestings.apply {node.Nesting} (Catalogue.apply \"{node.Operation}\" {node.Form}",
                script
            )

[<Fact>]
let ``programs as FsCheck makes them satisfy the laws`` () =
    Check.forAll Shrinking.arbitrary (fun program ->
        Laws.forwardAgainstReverse.Check(Programs.trial program) = None)

[<Fact>]
let ``a run over programs has one result for each law`` () =
    let seen = System.Collections.Generic.List<int>()

    let state =
        GradientCheck.Soak(
            Soak.start 900,
            5,
            (fun s -> seen.Add s.Programs),
            System.Threading.CancellationToken.None
        )

    let results = GradientCheck.ProgramResults state
    Assert.Equal<string seq>(Oracles.names, results |> Seq.map _.Law)

    for r in results do
        Assert.True(r.Passed, r.Message)
        Assert.InRange(r.Cases, (if Seq.contains r.Law GradientCheck.LawNames then 5 else 0), 5)

    Assert.Equal<int seq>([ 1..5 ], seen)

/// A law that fails on programs with many inputs.
let private short _ =
    [ Oracle.Of
          { Name = "short"
            Check = fun t -> if t.Point.Length > 5 then Some "it is long." else None } ]

[<Fact>]
let ``a run that is stopped again and again comes to the state of one that was not`` () =
    let never = System.Threading.CancellationToken.None
    let whole = Soak.advance short 40 ignore never (Soak.start 300)

    let rec inPieces (state: SoakState) =
        if state.Programs >= 40 then
            state
        else
            use stop = new System.Threading.CancellationTokenSource()

            let enough (s: SoakState) =
                if s.Programs >= state.Programs + 3 then
                    stop.Cancel()

            inPieces (Soak.advance short 40 enough stop.Token state)

    let pieces = inPieces (Soak.start 300)
    Assert.NotEmpty whole.Failures
    Assert.Equal<ProgramFailure[]>(whole.Failures, pieces.Failures)

    Assert.Equal<(string * int) seq>(
        whole.Coverage |> Seq.map (|KeyValue|),
        pieces.Coverage |> Seq.map (|KeyValue|)
    )

    Assert.Equal((40, 300, whole.Generator), (pieces.Programs, pieces.FirstSeed, pieces.Generator))

[<Fact>]
let ``operations stand within every transform, and the programs are right there too`` () =
    let nestings = programs |> List.collect _.Nodes |> List.countBy _.Nesting

    for nesting in Nestings.transforms do
        Assert.True(List.exists (fun (n, count) -> n = nesting && count >= 40) nestings, $"{nesting}")
