namespace Ad.Checks

open System
open System.Collections.Generic
open System.Globalization
open Ad.Functional
open Ad.Tensors

/// Where an argument of a program's operation comes from. Whatever it is, it is made to fit the shape and the domain that the operation wants.
type Source =
    /// An input of the program.
    | FromInput of int
    /// The result of an earlier operation.
    | FromNode of int
    /// An input that nothing else reads, drawn where the operation wants it.
    | Own
    /// Constant numbers, from a seed.
    | Fixed of Seed: int

/// One operation of a program: a form of a line of the catalogue, for some sizes, what it stands within, and its arguments.
type ProgramNode =
    { Operation: string
      Form: int
      Sizes: Sizes
      Nesting: Nesting
      Arguments: Source list }

/// <summary>A composition of operations of the catalogue; its result is all values that no operation reads, one after another.</summary>
/// <remarks>It is right by construction: a value is moved into an operation's shape and smooth region on its way there, so any source may stand anywhere.</remarks>
type RandomProgram =
    {
        /// The inputs that operations share.
        Inputs: Input list
        /// The operations, each after those that it reads.
        Nodes: ProgramNode list
        /// The seed of the numbers.
        Seed: int
    }

/// Makes random programs and runs them.
[<RequireQualifiedAccess>]
module Programs =
    /// The form that an operation is.
    let internal case (node: ProgramNode) = (Catalogue.find node.Operation).Forms[node.Form] node.Sizes

    /// The operation as the program runs it, replaced by what `change` makes of it.
    let internal operation change (node: ProgramNode) : Tensor[] -> Tensor =
        Nestings.apply node.Nesting (change node.Operation (case node).Apply)

    let private isFloat (input: Input) =
        match input.Domain with
        | Index _
        | Choice -> false
        | Between _
        | Outside _
        | NearWhole _
        | Apart _ -> true

    let internal count (shape: int list) = List.fold (*) 1 shape

    /// A value with another shape: its elements in order, over and over.
    let private reshaped (shape: int list) (x: Tensor) =
        if Tensor.shape x = shape then
            x
        elif x.Count = 0L || count shape = 0 then
            Tensor.zeros x.DType shape
        elif int x.Count = count shape then
            Tensor.reshape shape x
        else
            let places = Array.init (count shape) (fun i -> i % int x.Count)
            Tensor.take 0 (Tensor.ofArray shape places) (Tensor.flatten x)

    /// <summary>A value moved into a shape and a domain: elements repeat, and x becomes center + width x / sqrt(1 + x^2), smooth everywhere.</summary>
    let fit (shape: int list) (domain: Domain) (x: Tensor) : Tensor =
        let x = reshaped shape x
        let bounded () = x * Tensor.rsqrt (x * x + 1.0)
        let into (low: float) (high: float) = (low + high) / 2.0 + 0.475 * (high - low) * bounded ()

        match domain with
        | Between(low, high) -> into low high
        | Outside(gap, high) -> into gap high
        | NearWhole offset -> (1.0 + offset) + 0.25 * bounded ()
        | Apart parity ->
            let order = Array.init (count shape) id
            (System.Random(count shape + parity)).Shuffle order
            let base' = order |> Array.map (fun k -> 0.2 * float k + 0.1 * float parity)
            Tensor.cast x.DType (Tensor.ofArray shape base') + 0.02 * bounded ()
        | Index _
        | Choice -> raise (ArgumentException "Only floats are fitted.")

    let private entries = Array.ofList Catalogue.all

    /// The operation at a position of an endless sequence: in each stretch as long as the catalogue every operation stands once, in an order of its own.
    let private entryAt (position: int64) =
        let order = Array.copy entries
        System.Random(int (position / int64 entries.Length)).Shuffle order
        order[int (position % int64 entries.Length)]

    /// <summary>A program from a seed: up to 12 operations on up to 4 inputs of rank 0 to 4 and sizes 0 to 6, an operation in fifteen within a transform.</summary>
    /// <remarks>Programs of consecutive seeds go through the catalogue evenly.</remarks>
    let ofSeed (seed: int) : RandomProgram =
        let random = System.Random seed

        let size () =
            if random.Next 30 = 0 then
                0
            else
                1 + random.Next(1 + random.Next 6)

        let rec shape rank =
            let sizes = List.init rank (fun _ -> size ())
            if count sizes <= 60 then sizes else shape rank

        let rec sizes () =
            let a = size ()
            // Equal sizes are common enough to show what mixes up two axes.
            let b = if random.Next 2 = 0 then a else size ()
            let c = if random.Next 2 = 0 then b else size ()
            let s = { A = a; B = b; C = c }

            if s.A * s.B * s.C <= 48 then s else sizes ()

        let inputs =
            List.init (1 + random.Next 4) (fun _ ->
                { Shape = shape (random.Next 5)
                  Domain = Between(-2.0, 2.0) })

        let node k =
            // Some programs overlap with the next one's stretch, others leave a part of theirs out.
            let entry = entryAt (7L * int64 seed + int64 k)

            let bare =
                { Operation = entry.Name
                  Form = random.Next entry.Forms.Length
                  Sizes = sizes ()
                  Nesting =
                    (if random.Next 15 = 0 then
                         Nestings.transforms[random.Next Nestings.transforms.Length]
                     else
                         Bare)
                  Arguments = [] }

            let isShared =
                function
                | (FromInput _ | FromNode _) :: _ -> true
                | (Own | Fixed _) :: _
                | [] -> false

            let source (earlier: Source list) input =
                let draw = random.Next 20

                if not (isFloat input) || draw = 0 then
                    Fixed(random.Next 1000)
                elif draw < 8 && isShared earlier then
                    earlier.Head
                elif draw < 10 then
                    Own
                elif draw < 16 && k > 0 then
                    FromNode(random.Next k)
                else
                    FromInput(random.Next inputs.Length)

            { bare with
                Arguments =
                    ([], (case bare).Inputs)
                    ||> List.fold (fun earlier input -> source earlier input :: earlier)
                    |> List.rev }

        { Inputs = inputs
          Nodes = List.init (1 + random.Next 12) node
          Seed = seed }

    /// The inputs that operations have for themselves, by operation and argument.
    let internal owned (program: RandomProgram) =
        [ for k, node in List.indexed program.Nodes do
              for a, (source, input) in List.indexed (List.zip node.Arguments (case node).Inputs) do
                  if source = Own then
                      (k, a), input ]

    /// All inputs: those that operations share, then those that one has for itself.
    let inputs (program: RandomProgram) : Input list = program.Inputs @ (owned program |> List.map snd)

    /// What the programs of seeds are made from, as a short text: another one, other programs.
    let generator: string =
        let text =
            [ for seed in 1..100 -> let p = ofSeed seed in $"{p} {inputs p}" ]
            |> String.concat "\n"

        Security.Cryptography.SHA256.HashData(Text.Encoding.UTF8.GetBytes text)
        |> Convert.ToHexStringLower
        |> fun hash -> hash.Substring(0, 12)

    /// Runs a program up to each operation, each replaced by what `change` makes of it; gives every operation's arguments and result.
    let internal values change (program: RandomProgram) (x: Tensor[]) : (Tensor[] * Tensor) list =
        let own =
            owned program
            |> List.mapi (fun i (place, _) -> place, x[program.Inputs.Length + i])
            |> dict

        let known = List<Tensor[] * Tensor>()

        // Constants take the type of the inputs, where there are any.
        let dtype =
            x
            |> Array.tryFind (fun t -> t.DType.IsFloat())
            |> Option.map _.DType
            |> Option.defaultValue Float64

        let fitted = Dictionary<Source * Input, Tensor>()

        for k, node in List.indexed program.Nodes do
            let case = case node

            let argument a source input =
                let adapted (given: Input option) value =
                    match given with
                    | Some g when g = input -> value
                    | _ ->
                        match fitted.TryGetValue((source, input)) with
                        | true, t -> t
                        | _ ->
                            let t = fit input.Shape input.Domain value
                            fitted[(source, input)] <- t
                            t

                match source with
                | Own -> own[(k, a)]
                | Fixed seed ->
                    let t = Catalogue.draw (System.Random seed) input
                    if isFloat input then Tensor.cast dtype t else t
                | FromInput i -> adapted (Some program.Inputs[i]) x[i]
                | FromNode i -> adapted None (snd known[i])

            let arguments = List.map2 argument [ 0 .. node.Arguments.Length - 1 ] node.Arguments
            let arguments = List.map2 (fun f input -> f input) arguments case.Inputs |> Array.ofList
            known.Add((arguments, operation change node arguments))

        List.ofSeq known

    /// The operations that others read.
    let internal read (program: RandomProgram) =
        program.Nodes
        |> List.collect _.Arguments
        |> List.choose (function
            | FromNode i -> Some i
            | FromInput _
            | Own
            | Fixed _ -> None)
        |> Set.ofList

    /// The program as a function, each operation replaced by what `change` makes of it.
    let internal changed change (program: RandomProgram) (x: Tensor[]) : Tensor =
        let inner = read program

        match
            values change program x
            |> List.indexed
            |> List.filter (fun (k, _) -> not (inner.Contains k))
            |> List.map (fun (_, (_, y)) -> y)
        with
        | [ single ] -> single
        | several -> several |> List.map Tensor.flatten |> Tensor.concat 0

    let private asIs (_: string) (f: Tensor[] -> Tensor) = f

    /// The program as a function of its inputs.
    let run (program: RandomProgram) (x: Tensor[]) : Tensor = changed asIs program x

    /// A trial of the program at random numbers; each operation replaced.
    let internal changedTrial change (program: RandomProgram) : Trial =
        Trial.make false (inputs program) program.Seed (changed change program)

    /// A trial of the program at random numbers: what laws are held against.
    let trial (program: RandomProgram) : Trial = changedTrial asIs program
