namespace Ad.Functional

open System
open System.Text
open Ad.Tensors

/// Tensors by name: parameters or states of layers of different kinds.
type Named = Map<string, Tensor>

/// Layers of different kinds in one: each finds its parameters and its state by name.
type Network = StatefulLayer<Named, Named>

/// A network in named parts, one after another, and the size of one example.
type Model =
    { Title: string
      DType: DType
      Example: int list
      Parts: (string * Network) list }

/// A part of a model: its result for one example, the numbers it trains, and the floating-point operations of one example.
type PartSummary =
    { Part: string
      Result: int list
      Parameters: int64
      Flops: int64 }

/// Networks of layers of different kinds.
[<RequireQualifiedAccess>]
module Network =
    let private under name path = if path = "" then name else $"{name}.{path}"

    let private toNamed name (tree: 'a) : Named =
        Tree.named tree
        |> Array.map (fun (path, t) -> under name path, t)
        |> Map.ofArray

    let private ofNamed name (like: 'a) (named: Named) : 'a =
        let find (path, expected: Tensor) =
            match Map.tryFind (under name path) named with
            | Some t when Seq.toList t.Shape = Seq.toList expected.Shape -> t
            | Some t ->
                Shapes.refuse
                    "network"
                    $"{under name path} is {t.Signature}, but should be {expected.Signature}."
            | None -> Shapes.refuse "network" $"there is no {under name path}."

        Tree.withLeaves (Tree.named like |> Array.map find) like

    let private union (a: Named) (b: Named) : Named =
        Map.fold
            (fun all name t ->
                if Map.containsKey name all then
                    Shapes.refuse "network" $"two parts are called {name}."

                Map.add name t all)
            a
            b

    /// A layer with a state under a name: its parameters are called name.path.
    [<CompiledName("Stateful")>]
    let stateful (name: string) (layer: StatefulLayer<'P, 'S>) : Network =
        // Only structure and shapes are read of it, so that nothing is computed.
        let like = lazy layer.Init(Key.ofSeed 0L)

        { Init =
            fun key ->
                let p, s = layer.Init key
                toNamed name p, toNamed name s
          Apply =
            fun mode parameters state x ->
                let p, s = like.Value
                let y, next = layer.Apply mode (ofNamed name p parameters) (ofNamed name s state) x
                y, toNamed name next }

    /// A layer under a name.
    [<CompiledName("Layer")>]
    let layer (name: string) (layer: Layer<'P>) : Network = stateful name (Stateful.ofLayer layer)

    /// A function as a network without parameters.
    [<CompiledName("OfFunction")>]
    let ofFunction (f: Tensor -> Tensor) : Network = layer "" (Layer.ofFunction f)

    let private initAll (networks: Network list) key : Named * Named =
        let keys = Key.split (max 1 networks.Length) key

        networks
        |> List.mapi (fun i network -> network.Init keys[i])
        |> List.fold (fun (p, s) (q, t) -> union p q, union s t) (Map.empty, Map.empty)

    /// One network after another.
    [<CompiledName("Chain")>]
    let chain (networks: Network list) : Network =
        { Init = initAll networks
          Apply =
            fun mode p state x ->
                let modes = Mode.split (max 1 networks.Length) mode

                List.indexed networks
                |> List.fold
                    (fun (x, next) (i, network: Network) ->
                        let y, s = network.Apply modes[i] p state x
                        y, union next s)
                    (x, Map.empty) }

    /// Networks applied to the same input, their results joined by a function.
    [<CompiledName("Branches")>]
    let branches (join: Tensor list -> Tensor) (networks: Network list) : Network =
        { Init = initAll networks
          Apply =
            fun mode p state x ->
                let modes = Mode.split (max 1 networks.Length) mode

                let results = networks |> List.mapi (fun i network -> network.Apply modes[i] p state x)

                join (List.map fst results), results |> List.map snd |> List.fold union Map.empty }

    /// The model as one network.
    [<CompiledName("OfModel")>]
    let ofModel (model: Model) : Network = chain (List.map snd model.Parts)

    /// How many numbers a model trains; nothing is computed.
    [<CompiledName("Parameters")>]
    let parameters (model: Model) : int64 = (ofModel model).Init(Key.ofSeed 0L) |> fst |> Tree.count

    /// Each part of a model for one example; shapes and programs are made and nothing is computed.
    [<CompiledName("Summarize")>]
    let summarize (model: Model) : PartSummary list =
        let part (shape: int list) (name, network: Network) =
            let p, s = network.Init(Key.ofSeed 0L)
            let x = Tensor.zeros model.DType (1 :: shape)
            let zeros = Tree.map Tensor.zerosLike
            let y, _ = network.Apply Inference (zeros p) (zeros s) x
            let program = (Evaluate.lower null false [ y :> Node ] (fun _ _ -> false)).Program

            let summary =
                { Part = name
                  Result = Seq.toList (Seq.tail y.Shape)
                  Parameters = Tree.count p
                  Flops = ProgramCost.Of(program).Flops }

            summary, summary.Result

        List.mapFold part model.Example model.Parts |> fst

    /// A table of a model's parts: results, parameters and floating-point operations for one example, and their sums.
    [<CompiledName("Table")>]
    let table (model: Model) : string =
        let rows = summarize model
        let text = StringBuilder()

        let line (a: string) (b: string) (c: string) (d: string) =
            text.Append(String.Format("{0,-16}{1,-16}{2,16}{3,20}", a, b, c, d).TrimEnd()).Append('\n')
            |> ignore

        let number (n: int64) = n.ToString("#,0", Globalization.CultureInfo.InvariantCulture)
        line model.Title "result" "parameters" "flops"

        for row in rows do
            line row.Part (String.Join(" x ", row.Result)) (number row.Parameters) (number row.Flops)

        line "all" "" (number (rows |> List.sumBy _.Parameters)) (number (rows |> List.sumBy _.Flops))
        text.ToString()
