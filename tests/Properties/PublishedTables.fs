/// Values and derivatives of operations, beside PyTorch's on the samples of its own tests (data/published.py).
module Properties.PublishedTables

open System
open System.IO
open Ad.Tensors
open Xunit
open Ad.Functional
open Properties.PublishedRows

let private operations: Map<string, Arguments -> Tensor list> =
    Map(PublishedElements.table @ PublishedArrays.table @ PublishedMatrices.table)

let private rows =
    File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "data", "published.tsv"))
    |> Array.mapi (fun i line -> parse (i + 1) line)
    |> Array.groupBy _.Operation

let private places (t: Tensor) = Tensor.arange Float64 (int t.Count)

// The weights and directions of the table.
let private weights k (t: Tensor) = cos (1.0 + 0.7 * places t + 1.9 * float k)

let private ofShape (t: Tensor) (v: Tensor) = Tensor.reshape t.Shape v

let private alongU j t = sin (2.0 + 1.3 * places t + 0.9 * float j) |> ofShape t

let private alongV j t = cos (0.3 + 2.1 * places t + 1.1 * float j) |> ofShape t

let private results (row: Row) (inputs: Tensor[]) =
    let tensors =
        List.fold2
            (fun all key t -> Map.add key t all)
            row.Arguments.Tensors
            row.Differentiated
            (List.ofArray inputs)

    operations[row.Operation] { row.Arguments with Tensors = tensors }

let private weighted isSmooth results =
    results
    |> List.indexed
    |> List.filter (fun (_, r: Tensor) -> r.Count > 0L && (not isSmooth || r.DType.IsFloat()))
    |> List.map (fun (k, r) -> Tensor.sum (weights k r * Tensor.flatten (Tensor.cast Float64 r)))
    |> List.fold (+) (Tensor.scalar 0.0)

/// a.b, and the sum of the sizes of its terms, which is what rounding is relative to.
let private product (a: Tensor[]) (b: Tensor[]) =
    Array.map2 (fun (a: Tensor) b -> Tensor.sum (Tensor.scale a b)) a b
    |> Array.fold (+) (Tensor.scalar 0.0)

let private size a b = Tensor.toScalar (product (Array.map abs a) (Array.map abs b))

let private agrees (row: Row) what tolerance (size: float) (expected: float) (actual: float) =
    Assert.True(
        abs (actual - expected) <= tolerance * (1.0 + size),
        $"{row.Operation}, row {row.Line}, {what}: {actual} for {expected}"
    )

let private agreesWith (row: Row) =
    let inputs = [| for key in row.Differentiated -> row.Arguments.Tensors[key] |]
    let found = results row inputs
    Assert.Equal<int list list>(row.Shapes, List.map Tensor.shape found)
    let terms = [| for k, r in Seq.indexed found -> weights k r, Tensor.flatten (Tensor.cast Float64 r) |]
    let scale = size (Array.map fst terms) (Array.map snd terms)
    agrees row "value" 1e-10 scale row.Value (Tensor.toScalar (weighted false found))

    if not (Double.IsNaN row.First) then
        let sum inputs = weighted true (results row inputs)
        let u, v = Array.mapi alongU inputs, Array.mapi alongV inputs
        let value, gradient = Reverse.valueAndGradient sum inputs
        let scale = size u gradient
        agrees row "reverse" 1e-9 scale row.First (Tensor.toScalar (product u gradient))
        agrees row "forward" 1e-9 scale row.First (Tensor.toScalar (snd (Forward.jvp sum inputs u)))
        let jitted, again = jit (Reverse.valueAndGradient sum) inputs
        agrees row "jit" 1e-9 scale row.First (Tensor.toScalar (product u again))

        agrees
            row
            "jit's value"
            1e-10
            (abs (Tensor.toScalar value))
            (Tensor.toScalar value)
            (Tensor.toScalar jitted)

        if not (Double.IsNaN row.Second) then
            let step inputs = product u (Reverse.gradient sum inputs)
            let _, nested = Forward.jvp (Reverse.gradient sum) inputs v
            let turned = Reverse.gradient (fun inputs -> snd (Forward.jvp sum inputs u)) inputs
            let scale = size v turned + size u nested

            agrees
                row
                "reverse over reverse"
                1e-8
                scale
                row.Second
                (Tensor.toScalar (product v (Reverse.gradient step inputs)))

            agrees row "forward over reverse" 1e-8 scale row.Second (Tensor.toScalar (product u nested))
            agrees row "reverse over forward" 1e-8 scale row.Second (Tensor.toScalar (product v turned))

let names = TheoryData<string>(rows |> Seq.map fst)

[<Theory; MemberData(nameof names)>]
let ``an operation has the published values and derivatives`` (name: string) =
    rows |> Array.find (fun (n, _) -> n = name) |> snd |> Array.iter agreesWith

[<Fact>]
let ``every operation named here has rows`` () =
    Assert.Equal<Set<string>>(Set(Map.keys operations), Set(Seq.map fst rows))
