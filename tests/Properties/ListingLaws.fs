/// Programs found by the form of a graph are the programs that would have been written for it.
module Properties.ListingLaws

open System.Threading.Tasks
open Xunit
open Ad.Checks
open Ad.Functional
open Ad.Tensors

let private nothingElse (_: Node) (_: int) = false

/// What two listings say of each other, and what their programs are.
let private compare (a: Tensor list) (b: Tensor list) =
    let nodes (ts: Tensor list) = ts |> List.map (fun t -> t :> Node)
    use first = Listing.Of(Device.Cpu, nodes a, nothingElse)
    let form, hash = first.Form Device.Cpu, first.Hash
    let program = first.Lower(Device.Cpu, false).Program
    use second = Listing.Of(Device.Cpu, nodes b, nothingElse)
    let other = second.Lower(Device.Cpu, false).Program

    {| IsLike = hash = second.Hash && second.Has(Device.Cpu, form)
       IsForm = second.Has(Device.Cpu, form)
       IsProgram = program.Equals other |}

let private isLike a b = (compare a b).IsLike

let private random seed =
    let program = Programs.ofSeed seed

    fun salt ->
        let inputs =
            Programs.inputs program
            |> List.mapi (fun i input -> Catalogue.draw (System.Random(seed * 1000 + salt * 100 + i)) input)

        Programs.run program (Array.ofList inputs)

[<Fact>]
let ``the same function of other numbers is found, and its program is the same`` () =
    for seed in 1..300 do
        let f = random seed
        let a, b = f 1, f 2

        if isNull a.Value && isNull b.Value then
            let found = compare [ a ] [ b ]
            Assert.True(found.IsProgram, $"The program of seed {seed} depends on the numbers.")
            Assert.True(found.IsLike, $"The form of seed {seed} depends on the numbers.")

[<Fact>]
let ``what has the form of another graph has its program`` () =
    let graphs =
        [ for seed in 1..60 ->
              let y = random seed 1
              if isNull y.Value then [ y ] else [ y + y ] ]

    let mutable alike = 0

    for a in graphs do
        for b in graphs do
            let found = compare a b
            Assert.Equal(found.IsProgram, found.IsForm)
            Assert.True(found.IsLike = found.IsForm, "Like graphs differ in their numbers.")
            alike <- alike + if found.IsLike then 1 else 0

    Assert.InRange(alike, graphs.Length, graphs.Length * graphs.Length / 2)

let private x = Tensor.vector [ 1.0; 2.0; 3.0 ]
let private y = Tensor.vector [ 4.0; 5.0; 6.0 ]

[<Fact>]
let ``what makes another program makes another form`` () =
    let others =
        [ [ x + y ], [ x - y ]
          [ x - y ], [ x - x ]
          [ (x + y) * x ], [ (x + y) * y ]
          [ x + 1.0 ], [ x + 2.0 ]
          [ x + 0.0 ], [ x + -0.0 ]
          [ x + 1.0 ], [ x + 3.0 ]
          [ x + y ], [ x + y; x - y ]
          [ sin x; cos x ], [ cos x; sin x ]
          [ x + y ], [ x[0..1] + y[0..1] ]
          [ x[0..1] + y[0..1] ], [ x[0..1] + y[1..2] ]
          [ x + y ],
          [ Tensor.ofArray [ 3; 1 ] [| 1.0; 2.0; 3.0 |]
            + Tensor.ofArray [ 3; 1 ] [| 1.0; 2.0; 3.0 |] ]
          [ Tensor.cast Float32 x ], [ Tensor.cast Int32 x ]
          [ Tensor.sum x ], [ Tensor.maxOver [ 0 ] x ]
          [ Tensor.cumsum 0 x ], [ Tensor.flip [ 0 ] x ] ]

    for a, b in others do
        Assert.False(isLike a b, $"{a} and {b} were taken for each other.")

[<Fact>]
let ``a number that changes from call to call is an argument of one program`` () =
    Assert.True(isLike [ x * 0.3 + y ] [ y * 0.7 + x ])

    Assert.Equal<float[]>(
        Tensor.toArray<float>(x * 0.3 + y),
        Tensor.toArray<float>(y + x * Tensor.scalar 0.3)
    )

    Assert.NotEqual<float[]>(Tensor.toArray<float>(x * 0.3), Tensor.toArray<float>(x * 0.7))

[<Fact>]
let ``the arguments are those of the program, in its order`` () =
    let graph = 0.3 * x + Tensor.broadcastTo [ 2; 3 ] (y * 0.7) * Tensor.scalar 5.0
    use listing = Listing.Of(Device.Cpu, [ graph :> Node ], nothingElse)
    let expected = listing.Lower(Device.Cpu, false).Arguments
    let given = listing.Arguments()
    Assert.Equal(expected.Length, given.Length)

    for a, b in Array.zip expected given do
        let a, b = (nonNull a).ToHost(), b.ToHost()
        Assert.True(a.Shape.Equals b.Shape)
        Assert.Equal<byte[]>(a.Bytes.ToArray(), b.Bytes.ToArray())

[<Fact>]
let ``marks that are open at once keep their own numbers`` () =
    let nodes = [| for i in 1..100 -> Tensor.scalar (float i) :> Node |]

    let number (marks: Marks) salt =
        nodes
        |> Array.iteri (fun i node ->
            if i % 3 <> salt % 3 then
                marks.Put(node, i * salt))

    let all = Array.init 8 (fun _ -> new Marks())
    Parallel.For(0, 8, (fun k -> number all[k] (k + 1))) |> ignore

    for k in 0..7 do
        let expected =
            nodes
            |> Array.mapi (fun i _ -> if i % 3 <> (k + 1) % 3 then i * (k + 1) else -1)

        Assert.Equal<int[]>(expected, nodes |> Array.map all[k].Find)

    all |> Array.iter _.Close()
    use after = new Marks()
    Assert.All(nodes, fun node -> Assert.Equal(-1, after.Find node))

[<Fact>]
let ``graphs that share nodes, walked by eight threads at once, give the serial values and derivatives`` () =
    let build () =
        let shared = [| for i in 1..50 -> sin (x * float i) + y |]

        Array.init 8 (fun k ->
            shared
            |> Array.mapi (fun i t -> if i % (k + 2) = 0 then t * t else t)
            |> Array.reduce (+))

    let serial = build () |> Array.map (fun t -> Tensor.toArray<float> t)

    for _ in 1..20 do
        let graphs = build ()
        let together = graphs |> Array.Parallel.map (fun t -> Tensor.toArray<float> t)
        Assert.Equal<float[][]>(serial, together)

    let values = build ()

    let slope k = Tensor.toArray<float>(Reverse.gradient (fun v -> Tensor.sum (v * values[k] * v)) x)
    let alone = Array.init 8 slope
    Assert.Equal<float[][]>(alone, Array.Parallel.init 8 slope)
