namespace Ad.Checks

open Ad.Functional
open Ad.Tensors

/// Every operation with a derivative, with the shapes and regions to try it on: what tests, checks and documentation go through.
[<RequireQualifiedAccess>]
module Catalogue =
    /// Every line.
    let all: Entry list =
        (System.Enum.GetValues<Pointwise>()
         |> Seq.choose ElementwiseForms.entry
         |> List.ofSeq)
        @ StructuralForms.all
        @ ControlForms.all

    /// The line of an operation, or an ArgumentException that names those there are.
    let find (name: string) : Entry =
        match all |> List.tryFind (fun e -> e.Name = name) with
        | Some entry -> entry
        | None ->
            let known = all |> List.map _.Name |> String.concat ", "
            raise (System.ArgumentException $"There is no operation '{name}'; there are {known}.")

    /// Numbers for an input: elements anywhere in its domain.
    let draw (random: System.Random) (input: Input) : Tensor =
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

    /// A form of a line, by number, for some sizes, on arguments: what printed programs are made of.
    let apply (name: string) (form: int) (sizes: Sizes) (arguments: Tensor[]) : Tensor =
        ((find name).Forms[form] sizes).Apply arguments
